"""`ratchet serve` and `ratchet up` are stopped while they answer: real processes, a fake engine."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from feedback.database import Database, default_url
from feedback.store import FeedbackStore
from ratchet.client import run_file
from tests.fake_engine import FakeEngine, served
from tests.serving_kit import wait_for

ROOT = Path(__file__).parents[2]


@contextmanager
def serving(
    home: Path, engine: FakeEngine, stop_seconds: float, command: str = "serve"
) -> Iterator["Web"]:
    with served(engine.app()) as engine.url:
        environment = {
            "RATCHET_HOME": str(home),
            "RATCHET_PORT": "0",
            "RATCHET_ENGINE_URL": engine.url,
            "RATCHET_STOP_SECONDS": str(stop_seconds),
            "RATCHET_LIBRARY": "",
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "ratchet", command],
            cwd=ROOT,
            env=os.environ | environment,
            # As in a terminal: whoever runs in a script's background has Ctrl-C ignored.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        try:
            yield Web(process, home)
        finally:
            process.kill()
            process.wait()


class Web:
    """A running `ratchet serve`."""

    def __init__(self, process: "subprocess.Popen[bytes]", home: Path) -> None:
        self.process, self.home = process, home
        wait_for(lambda: run_file(home).is_file(), 60)
        self.url = json.loads(run_file(home).read_text(encoding="utf-8"))["url"]
        wait_for(lambda: self._ready(), 60)

    def _ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz", timeout=30).is_success
        except httpx.TransportError:
            return False

    def ask(self, **more: Any) -> httpx.Response:
        body = {"messages": [{"role": "user", "content": "Hi"}], "model": "base", **more}
        return httpx.post(f"{self.url}/v1/chat/completions", json=body, timeout=60)

    def asked(self, engine: FakeEngine, count: int) -> None:
        """Wait until the engine works on so many people's requests."""
        wait_for(lambda: sum(r.get("max_tokens") != 1 for r in engine.requests) == count)

    def refused(self) -> httpx.Response:
        """Return the refusal that comes once the service has heard that it shall stop."""
        wait_for(lambda: httpx.get(f"{self.url}/readyz", timeout=30).status_code == 503)
        return self.ask()

    def rows(self) -> list[tuple[str, str]]:
        database = Database(default_url(self.home))
        rows = [(row.status, row.text) for row in FeedbackStore(database).completions()]
        database.dispose()
        return rows


def test_running_answers_end_and_nothing_new_begins(tmp_path: Path) -> None:
    engine = FakeEngine()
    with serving(tmp_path, engine, 60) as web, ThreadPoolExecutor() as pool:
        engine.gate.clear()
        running = pool.submit(web.ask, stream=True)
        web.asked(engine, 1)
        web.process.send_signal(signal.SIGTERM)
        refusal = web.refused()
        assert refusal.status_code == 503
        assert int(refusal.headers["retry-after"]) > 0
        assert refusal.json()["error"]["code"] == "stopping"
        engine.gate.set()
        assert running.result().text.endswith("data: [DONE]\n\n")
        assert web.process.wait(30) == 0
        assert web.rows() == [("complete", "Answered by base-null.")]


def test_what_takes_too_long_is_cut_and_told_so(tmp_path: Path) -> None:
    engine = FakeEngine()
    with serving(tmp_path, engine, 1) as web, ThreadPoolExecutor() as pool:
        engine.gate.clear()
        engine.pause = 10.0
        whole = pool.submit(web.ask)
        web.asked(engine, 1)
        engine.pause = 0.0
        stream = pool.submit(web.ask, stream=True)
        web.asked(engine, 2)
        web.process.send_signal(signal.SIGTERM)
        *_, last = filter(None, stream.result().text.split("\n\n"))
        assert json.loads(last.removeprefix("data: "))["error"]["code"] == "stopping"
        assert whole.result().status_code == 503
        assert whole.result().json()["error"]["code"] == "stopping"
        engine.gate.set()
        assert web.process.wait(30) == 0
        assert sorted(web.rows()) == [("cut", ""), ("cut", "Answered by")]


@pytest.mark.parametrize("command", ["serve", "up"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_cuts_what_is_running(tmp_path: Path, command: str, number: int) -> None:
    engine = FakeEngine()
    with serving(tmp_path, engine, 600, command) as web, ThreadPoolExecutor() as pool:
        started = psutil.Process(web.process.pid).children(recursive=True)
        assert len(started) == (2 if command == "up" else 0)
        engine.gate.clear()
        stream = pool.submit(web.ask, stream=True)
        web.asked(engine, 1)
        web.process.send_signal(number)
        assert web.refused().json()["error"]["code"] == "stopping"
        assert not stream.done()
        web.process.send_signal(number)
        *_, last = filter(None, stream.result().text.split("\n\n"))
        assert json.loads(last.removeprefix("data: "))["error"]["code"] == "stopping"
        assert web.process.wait(30) == (130 if (command, number) == ("serve", signal.SIGINT) else 0)
        engine.gate.set()
        assert not psutil.wait_procs(started, 0)[1]
        assert not run_file(tmp_path).exists()
        assert web.rows() == [("cut", "Answered by")]
        wait_for(lambda: engine.aborted == 1)
