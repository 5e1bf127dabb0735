"""Two real engines, one of them killed again and again under load, while promotions go to and fro.

Run `python -m benchmarks.replicas`. People stream answers without a pause, `live` moves between an
adapter and the base, and at random moments one engine is killed and comes back by itself. Counted
is what people notice: a stream in the killed engine may end early if it says so; whatever else
fails is a fault, and so is a row that says something else than the person saw.
"""

import argparse
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx

from benchmarks.adapters import publish
from benchmarks.loop import free_port
from benchmarks.results import table, write_section
from feedback.types import Completion
from ratchet.base_model import base_hash, base_path
from ratchet.client import run_file
from ratchet.settings import Settings
from ratchet.wiring import open_parts, serving_config
from serving.engine_guard import group_members
from serving.engine_process import EngineProcess

UP_SECONDS = 300.0
QUESTION = "What is the deductible of Travel Shield, and how long is its waiting period?"


@dataclass(frozen=True)
class Seen:
    """One stream as the person saw it."""

    began: float
    ended: float
    id: str
    responder: str
    text: str
    end: str
    """`whole`, an error's code, or what broke without a word."""
    why: str = ""
    """The error in words."""


@dataclass
class Run:
    """What happened."""

    seen: list[Seen] = field(default_factory=list)
    kills: list[tuple[float, float]] = field(default_factory=list)
    """When each began and when it was done."""
    back: list[float] = field(default_factory=list)
    """Seconds from a kill until the engine got traffic again."""
    promotions: Counter[int] = field(default_factory=Counter)
    """By the status of their answers."""
    stop: threading.Event = field(default_factory=threading.Event)

    def early(self) -> list[Seen]:
        """Streams that were running when an engine was killed, and did not come to their end."""
        return [s for s in self.seen if s.end != "whole" and self.at_kill(s)]

    def at_kill(self, stream: Seen) -> bool:
        """Whether a stream was running when an engine was killed."""
        return any(stream.began <= done and began <= stream.ended for began, done in self.kills)

    def other(self) -> list[Seen]:
        """Streams that did not come to their end although no engine was killed then."""
        return [s for s in self.seen if s.end != "whole" and not self.at_kill(s)]


@contextmanager
def engines(settings: Settings, count: int) -> Iterator[list[EngineProcess]]:
    """Run engines that come back when they are killed, as `ratchet up` has its own."""
    base = base_path(settings)
    config = serving_config(settings, base, base_hash(base, settings.home / "run" / "base.json"))
    with ExitStack() as stack:
        processes = []
        for number in range(count):
            home = settings.home / f"engine-{number}"
            home.mkdir(parents=True)
            process = EngineProcess(replace(config, home=home), home / "engine.log")
            keeper = threading.Thread(target=process.run_forever)
            stack.callback(keeper.join)
            stack.callback(process.stop)
            keeper.start()
            processes.append(process)
        yield processes


@contextmanager
def web(settings: Settings, urls: list[str]) -> Iterator[httpx.Client]:
    """Run `ratchet serve` in front of the engines until all of them get traffic."""
    environment = os.environ | {
        "RATCHET_HOME": str(settings.home),
        "RATCHET_PORT": str(free_port()),
        "RATCHET_ENGINE_URL": ",".join(urls),
    }
    with (settings.home / "web.log").open("wb") as log:
        line = [sys.executable, "-m", "ratchet", "serve"]
        process = subprocess.Popen(line, env=environment, stdout=log, stderr=log)
    try:
        while not run_file(settings.home).is_file():
            if process.poll() is not None:
                raise RuntimeError(f"web ended; {settings.home / 'web.log'} says why")
            time.sleep(0.2)
        said = json.loads(run_file(settings.home).read_text(encoding="utf-8"))
        headers = {"Authorization": f"Bearer {settings.secret('operator.token')}"}
        with httpx.Client(base_url=said["url"], headers=headers, timeout=120) as operator:
            wait_until_ready(operator, urls)
            yield operator
    finally:
        process.terminate()
        process.wait(60)


def ready(operator: httpx.Client) -> set[str]:
    """Return the engines that get traffic."""
    try:
        found = operator.get("/v1/status")
    except httpx.TransportError:
        return set()
    reports = found.json()["replicas"] if found.is_success else []
    return {report["url"] for report in reports if report["ready"]}


def wait_until_ready(operator: httpx.Client, urls: list[str]) -> None:
    """Wait until all engines get traffic."""
    deadline = time.monotonic() + UP_SECONDS
    while ready(operator) != set(urls):
        if time.monotonic() > deadline:
            raise RuntimeError(f"not every engine got traffic within {UP_SECONDS:.0f} s")
        time.sleep(0.2)


def person(run: Run, url: str) -> None:
    """Stream one answer after the other."""
    body = {"messages": [{"role": "user", "content": QUESTION}], "stream": True, "max_tokens": 200}
    with httpx.Client(base_url=url, timeout=120) as http:
        while not run.stop.is_set():
            run.seen.append(stream(http, body))


def stream(http: httpx.Client, body: dict[str, object]) -> Seen:
    """Ask once and read to the end."""
    began, identity, responder, end = time.monotonic(), "", "", "no [DONE]"
    text: list[str] = []
    why = ""
    try:
        with http.stream("POST", "/v1/chat/completions", json=body) as response:
            if response.status_code != 200:
                end = str(response.status_code)
            for line in response.iter_lines():
                if line == "data: [DONE]":
                    end = "whole"
                elif line.startswith("data: "):
                    chunk = json.loads(line[6:])
                    if "error" in chunk:
                        end, why = chunk["error"]["code"], chunk["error"]["message"]
                        continue
                    identity, responder = chunk["id"], chunk["model"]
                    text += [c["delta"].get("content") or "" for c in chunk["choices"]]
    except httpx.TransportError as err:
        end, why = type(err).__name__, str(err)
    return Seen(began, time.monotonic(), identity, responder, "".join(text), end, why)


def to_and_fro(run: Run, operator: httpx.Client, responders: list[str], seconds: float) -> None:
    """Promote one responder after the other."""
    turn = 0
    while not run.stop.wait(seconds):
        body = {"responder": responders[turn % 2], "reason": "to and fro", "force": True}
        run.promotions[operator.post("/v1/promote", json=body).status_code] += 1
        turn += 1


def kill(run: Run, engine: EngineProcess, operator: httpx.Client, urls: list[str]) -> None:
    """Kill an engine and wait until it gets traffic again."""
    group = engine.group
    assert group is not None
    # Found before the clock is read: beside busy threads it takes long enough for a stream to begin
    # and be taken for one that no kill has touched.
    members = group_members(group) - {group}
    began = time.monotonic()
    for pid in members:
        os.kill(pid, signal.SIGKILL)
    run.kills.append((began, time.monotonic()))
    while engine.url in ready(operator):
        time.sleep(0.05)
    wait_until_ready(operator, urls)
    run.back.append(time.monotonic() - began)


def measure(settings: Settings, kills: int, people: int, seed: int) -> tuple[Run, list[Completion]]:
    """Run everything; return what people saw and what was recorded."""
    rng, run = random.Random(seed), Run()
    with engines(settings, 2) as processes, ExitStack() as stack:
        urls = [process.url for process in processes]
        operator = stack.enter_context(web(settings, urls))
        adapter = publish(settings, 1)
        url = str(operator.base_url)
        threads = [threading.Thread(target=person, args=(run, url)) for _ in range(people)]
        moving = (run, operator, [adapter, "base"], 3.0)
        threads.append(threading.Thread(target=to_and_fro, args=moving))
        for thread in threads:
            thread.start()
        try:
            for number in range(kills):
                time.sleep(rng.uniform(5, 15))
                kill(run, rng.choice(processes), operator, urls)
                print(f"kill {number + 1}: back after {run.back[-1]:.0f} s", flush=True)
            time.sleep(5)
        finally:
            run.stop.set()
            for thread in threads:
                thread.join()
    parts = open_parts(settings)
    rows = list(parts.store.completions())
    parts.database.dispose()
    return run, rows


def report(run: Run, rows: list[Completion]) -> str:
    """Return the table."""
    by_id = {row.id: row for row in rows}
    ends = {"whole": "complete", "engine_cut": "failed"}
    untrue = [
        s
        for s in run.seen
        if s.id
        and ((row := by_id.get(s.id)) is None
             or (row.status, row.responder) != (ends.get(s.end), s.responder)
             or (s.end == "whole" and row.text != s.text))
    ]  # fmt: skip
    early, known = run.early(), {s.id for s in run.seen}
    at_kill = sum(run.at_kill(s) for s in run.seen)
    other = Counter(s.end for s in run.other())
    silent = Counter(s.end for s in early if s.end != "engine_cut")
    unseen = [row for row in rows if row.id not in known and row.status != "failed"]
    lines = [
        ("streams", len(run.seen)),
        ("engines killed", len(run.kills)),
        ("seconds until it got traffic again, median", f"{statistics.median(run.back):.0f}"),
        ("promotions, by status", _counted({str(k): n for k, n in run.promotions.items()})),
        ("streams running at a kill, in both engines", at_kill),
        ("of these ended early and said so (`engine_cut`)", len(early) - silent.total()),
        ("of these ended early otherwise", _counted(silent)),
        ("streams that failed at any other time", _counted(other)),
        ("rows that say something else than the person saw", len(untrue)),
        ("answers recorded that nobody got", len(unseen)),
    ]
    return table(("what", "count"), lines)


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{name}: {count}" for name, count in sorted(counts.items())) or "0"


def main() -> None:
    """Run it and write the section."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--people", type=int, default=6)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ratchet-replicas-") as folder:
        settings = Settings(home=Path(folder), library="")
        run, rows = measure(settings, arguments.kills, arguments.people, arguments.seed)
    for stream in run.other():
        since = min((stream.ended - done for _, done in run.kills), key=abs)
        took = stream.ended - stream.began
        print(f"{stream.end} {since:+.2f} s from a kill, after {took:.2f} s: {stream.why}")
    body = report(run, rows)
    said = (
        f"{arguments.people} people stream answers of the demo model from two engines without a "
        "pause; `live` moves every 3 s."
    )
    write_section("Replicas", f"{said}\n\n{body}")
    print(body)


if __name__ == "__main__":
    main()
