"""`ratchet up`: everything in one command, from an empty folder to an address in the browser.

Order: what can be refused at once (settings, port, a second `up`), then the engine, which takes
longest, and while it loads the database and the library; then web and the worker. Invariant: when
`up` ends, however it ends, nothing that it started goes on for more than fifteen seconds.
"""

import fcntl
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TextIO

import httpx

from ratchet.base_model import base_hash, base_path
from ratchet.children import GRACE, Child, log_tail
from ratchet.client import run_file, service_url
from ratchet.console import Waiting, note
from ratchet.credentials import write_secrets
from ratchet.home_lock import shared
from ratchet.migrations import migrate_url
from ratchet.settings import CHECKOUT, Settings, SettingsError, find_path
from ratchet.web import listen
from ratchet.wiring import serving_config
from serving.engine_process import EngineProcess
from serving.identity import issue_login_code

LOOK_EVERY = 1.0
QUIET = {
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "GRADIO_ANALYTICS_ENABLED": "False",
    "ANONYMIZED_TELEMETRY": "False",
}
"""Nothing of the service tells anybody outside about itself."""
LEFTOVERS_GONE = 20.0
"""Seconds to wait for what an earlier `up` left: its children end themselves after fifteen."""


class StartFailed(Exception):
    """A part did not come up; the message ends with its log and what to do."""


def run_service(settings: Settings, out: TextIO) -> int:
    """Start the service, keep it running until asked to stop, and return the exit status."""
    stop, hurry = threading.Event(), threading.Event()

    def asked(number: int, _frame: FrameType | None) -> None:
        # A terminal that closes may say so twice, and nobody has lost patience.
        if stop.is_set() and number != signal.SIGHUP:
            hurry.set()
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, asked)
    os.environ.update({**QUIET, **os.environ})
    with _only_one(settings.home), shared(settings.home):
        write_secrets(settings)
        with Waiting() as waiting:
            settings = settings.model_copy(update={"port": free_port(settings, waiting)})
            service = Supervisor(settings, waiting, hurry)
            try:
                service.start()
                ready = service.wait_until_ready(stop)
            except BaseException:
                service.stop()
                raise
        try:
            if ready:
                out.write(welcome(settings))
                out.flush()
                service.watch(stop)
        finally:
            seconds = f"{settings.stop_seconds:g} s"
            note(f"stopping: running answers get {seconds} to end; Ctrl-C again cuts them ...")
            service.stop()
    return 0


@contextmanager
def _only_one(home: Path) -> Iterator[None]:
    """Hold the right to run the service of this home; the kernel takes it back when we die."""
    folder = home / "run"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "up.lock").open("w", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as err:
            raise SettingsError(
                f"a service already runs in {home}: stop it, or set RATCHET_HOME and RATCHET_PORT."
            ) from err
        yield


def free_port(settings: Settings, waiting: Waiting) -> int:
    """Return web's port once it is free: the web of a killed `up` may hold it for some seconds.

    Raises:
        SettingsError: somebody else has it.
    """
    deadline = time.monotonic() + LEFTOVERS_GONE
    while True:
        try:
            with listen(settings.host, settings.port) as listener:
                return int(listener.getsockname()[1])
        except SettingsError:
            if not run_file(settings.home).is_file() or time.monotonic() > deadline:
                raise
            waiting.on("waiting for the last service of this folder to end")
            time.sleep(LOOK_EVERY)


class Supervisor:
    """The three processes and what they need before they can start."""

    def __init__(self, settings: Settings, waiting: Waiting, hurry: threading.Event) -> None:
        """`hurry` is set when nobody wants to wait for a clean end any more."""
        self._settings, self._waiting, self._hurry = settings, waiting, hurry
        self._logs = settings.home / "logs"
        self._engine: EngineProcess | None = None
        self._keeper: threading.Thread | None = None
        self._ended = ""
        self._children: list[Child] = []

    def start(self) -> None:
        """Prepare and start everything; the engine first, as it takes longest."""
        settings, waiting = self._settings, self._waiting
        waiting.on(f"base model {settings.base_model}")
        base = base_path(settings, fetch=True)
        identity = base_hash(base, settings.home / "run" / "base-hash.json")
        waiting.on("database")
        migrate_url(settings.database)
        urls = settings.engine_url
        if not urls:
            waiting.on("engine: starting vLLM")
            config = serving_config(settings, base, identity)
            self._engine = EngineProcess(config, self._logs / "engine.log")
            self._keeper = threading.Thread(
                target=self._engine.run_forever, args=(self._engine_ended,), name="engine"
            )
            self._keeper.start()
            urls = self._engine.url
        waiting.on("library and index")
        self._index()
        self._start_children(urls)

    def _engine_ended(self, message: str) -> None:
        self._ended = message

    def _index(self) -> None:
        """Fill an empty library, and index it if that has not been done."""
        from knowledge.documents import Library
        from ratchet.library import reindex

        home, library = self._settings.home, Library(self._settings.home)
        folder = find_path(self._settings.library) if self._settings.library else None
        seeded = folder is not None and library.seed(folder)
        if seeded or not (home / "index" / "CURRENT").is_file():
            built = reindex(self._settings)
            self._waiting.done(f"library: {built.passages} passages are indexed")

    def _start_children(self, engine_urls: str) -> None:
        paths = [str(CHECKOUT), os.environ.get("PYTHONPATH", "")]
        environment = {
            "RATCHET_HOME": str(self._settings.home.resolve()),
            "RATCHET_PORT": str(self._settings.port),
            "RATCHET_ENGINE_URL": engine_urls,
            "PYTHONPATH": os.pathsep.join(p for p in paths if p),
            "PYTHONUNBUFFERED": "1",
        }
        if find_path(self._settings.base_model) is not None:
            environment["HF_HUB_OFFLINE"] = "1"
        run_file(self._settings.home).unlink(missing_ok=True)
        for name, command in (("web", "serve"), ("worker", "worker")):
            line = [sys.executable, "-m", "ratchet", command]
            child = Child(name, line, self._logs / f"{name}.log", environment)
            self._children.append(child)
            child.start()

    def wait_until_ready(self, stop: threading.Event) -> bool:
        """Wait until a question would be answered; False: asked to stop before that.

        Raises:
            StartFailed: a part ended, or it takes too long.
        """
        settings = self._settings
        deadline = time.monotonic() + settings.engine.start_seconds
        while not stop.wait(LOOK_EVERY):
            for child in self._children:
                if child.pid is None:
                    raise StartFailed(self._story(child.name, f"{child.name} ended"))
            if self._ended:
                raise StartFailed(self._story("engine", self._ended))
            if time.monotonic() > deadline:
                seconds = settings.engine.start_seconds
                part = "web" if not run_file(settings.home).is_file() else "engine"
                raise StartFailed(self._story(part, f"not ready within {seconds:.0f} s"))
            if not run_file(settings.home).is_file():
                self._waiting.on("web: starting")
                continue
            ready, detail = _ready(service_url(settings))
            if ready:
                self._waiting.done("ready")
                return True
            self._waiting.on(f"engine: loading the model ({detail})")
        return False

    def _story(self, part: str, what: str) -> str:
        log = self._logs / f"{part}.log"
        return (
            f"{what}. {log} ends with:\n{log_tail(log)}\n"
            "Run `ratchet doctor` for what may be missing."
        )

    def watch(self, stop: threading.Event) -> None:
        """Restart what ends, until asked to stop."""
        while not stop.wait(LOOK_EVERY):
            for child in self._children:
                child.watch()

    def stop(self) -> None:
        """End everything, the worker first: what it does needs the others."""
        stoppers = [
            threading.Thread(target=child.stop, args=(self._grace(child), self._hurry))
            for child in reversed(self._children)
        ]
        for thread in stoppers:
            thread.start()
        for thread in stoppers:
            thread.join()
        if self._engine is not None and self._keeper is not None:
            self._engine.stop()
            self._keeper.join()

    def _grace(self, child: Child) -> float:
        """Return how long a child may take to end: web lets running answers come to theirs."""
        return GRACE + (self._settings.stop_seconds if child.name == "web" else 0.0)


def _ready(url: str) -> tuple[bool, str]:
    try:
        answer = httpx.get(f"{url}/readyz", timeout=3.0, trust_env=False)
    except httpx.TransportError as err:
        return False, type(err).__name__
    if answer.is_success:
        return True, ""
    try:
        return False, str(answer.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return False, f"status {answer.status_code}"


def welcome(settings: Settings) -> str:
    """What is printed once everything answers."""
    url = service_url(settings)
    code = issue_login_code(settings.home)
    return (
        f"\nRatchet is ready: {url}\n"
        f"Operator's page (this link works once): {url}/operator/login?once={code}\n"
        "Stop with Ctrl-C.\n"
    )
