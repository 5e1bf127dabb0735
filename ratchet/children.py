"""Web and worker as children of `up`: started, logged, restarted with backoff, never left behind.

Each child inherits the read end of a pipe that only the parent writes to. When the parent is gone,
however it ended, the pipe closes and the child ends itself. Invariant: fifteen seconds after `up`
died, none of its processes runs; and only processes that were started here are ever signalled.
"""

import logging
import os
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

logger = logging.getLogger(__name__)

WATCH_VARIABLE = "RATCHET_WATCH_FD"
GRACE = 10.0
"""Seconds between asking a child to end and ending it."""
HURRIED = 10.0
"""Seconds for the same once it is asked a second time."""
ASK_EVERY = 1.0
"""Seconds between asking a hurried child again: signals that come close together become one."""
LOOK_EVERY = 0.1
ORPHANED = 5.0
"""Seconds for a clean end once the parent is gone: nobody is served any more."""
BACKOFF = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
"""Seconds before the first, second, ... restart in a row."""
STEADY = 60.0
"""A child that ran so long starts again with the first backoff."""


def watch_parent() -> None:
    """End this process soon after its parent is gone; without effect when nobody asked for it."""
    fd = os.environ.pop(WATCH_VARIABLE, "")
    if not fd:
        return

    def watch() -> None:
        os.read(int(fd), 1)  # returns only when the parent's end is closed
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(ORPHANED)
        os._exit(1)

    threading.Thread(target=watch, name="watch-parent", daemon=True).start()


def log_tail(path: Path, lines: int = 15) -> str:
    """The last lines of a log; empty when there is none."""
    if not path.is_file():
        return ""
    with path.open(encoding="utf-8", errors="replace") as file:
        return "".join(deque(file, maxlen=lines)).rstrip()


class Child:
    """One process that should run: its command, its log, and how often it was restarted."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log: Path,
        environment: Mapping[str, str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name, self.command, self.log = name, list(command), log
        self.restarts = 0
        self._environment, self._clock = dict(environment), clock
        self._process: subprocess.Popen[bytes] | None = None
        self._parent_end = -1
        self._started = self._due = 0.0

    @property
    def pid(self) -> int | None:
        """The process's number while it is known to run."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self) -> None:
        """Start the process; its output is appended to the log."""
        self._close_pipe()
        read_end, self._parent_end = os.pipe()
        environment = {**os.environ, **self._environment, WATCH_VARIABLE: str(read_end)}
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                pass_fds=(read_end,),
                start_new_session=True,  # Ctrl-C is ours to hand on, in the right order
            )
        os.close(read_end)
        self._started = self._clock()

    def watch(self) -> None:
        """Restart the process if it has ended and its backoff is over; call this often."""
        if self._process is None or self._process.poll() is None:
            return
        now = self._clock()
        if self._due == 0.0:
            if now - self._started > STEADY:
                self.restarts = 0
            wait = BACKOFF[min(self.restarts, len(BACKOFF) - 1)]
            self._due = now + wait
            code = self._process.returncode
            logger.warning("%s ended with %d; starts again in %.0f s.", self.name, code, wait)
        elif now >= self._due:
            self._due = 0.0
            self.restarts += 1
            self.start()

    def stop(self, grace: float = GRACE, hurry: threading.Event | None = None) -> None:
        """Ask the process to end, and end it when it does not; `hurry` shortens the wait."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.terminate()
            try:
                _wait(self._process, grace, hurry or threading.Event())
            except subprocess.TimeoutExpired:
                logger.warning("%s did not end in time and is killed.", self.name)
                self._process.kill()
                self._process.wait()
        self._close_pipe()

    def _close_pipe(self) -> None:
        if self._parent_end >= 0:
            os.close(self._parent_end)
            self._parent_end = -1


def _wait(process: "subprocess.Popen[bytes]", grace: float, hurry: threading.Event) -> None:
    """Wait until a process has ended.

    Raises:
        TimeoutExpired: it has not, within `grace`, or within `HURRIED` after it was hurried.
    """
    deadline = time.monotonic() + grace
    while process.poll() is None and not hurry.is_set():
        if time.monotonic() > deadline:
            raise subprocess.TimeoutExpired(process.args, grace)
        hurry.wait(LOOK_EVERY)
    deadline = time.monotonic() + HURRIED
    # The first signal may have been sent just now: let it be taken, or both count as one.
    pause = LOOK_EVERY
    while _runs(process, pause):
        if time.monotonic() > deadline:
            raise subprocess.TimeoutExpired(process.args, HURRIED)
        process.terminate()
        pause = ASK_EVERY


def _runs(process: "subprocess.Popen[bytes]", seconds: float) -> bool:
    """Whether a process still runs after so many seconds."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return True
    return False
