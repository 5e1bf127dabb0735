"""Reads a file in a child process: a hang, a crash or a bomb ends that child and nothing else.

Invariant: when `read_file` returns or raises, the child and everything that it started are gone.
"""

import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from knowledge.reading.errors import Unreadable
from knowledge.reading.limits import Limits

READER = ("-m", "knowledge.reading.child")
ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 60.0
"""Longest time until the child says anything, added to a page's: it imports libraries first."""

Progress = Callable[[int, int], None]
"""Told the page that is done and how many there are."""


@dataclass(frozen=True)
class Reading:
    """A file's text and how it was had."""

    text: str
    """Markdown; its first heading of level one is the title."""
    kind: str
    pages: int = 0
    """0 where the kind has none."""
    ocr_pages: int = 0
    ocr_confidence: float | None = None
    """0 to 1, the mean over the pages that were looked at."""
    notes: tuple[str, ...] = ()


def read_file(
    path: Path, limits: Limits, scratch: Path, progress: Progress = lambda page, pages: None
) -> Reading:
    """Read a file.

    Args:
        path: The file.
        limits: What it may cost.
        scratch: A folder for this content alone, where pages that were looked at are kept.
        progress: Told about pages.

    Raises:
        Unreadable: it becomes no document.
    """
    with tempfile.TemporaryFile() as log:
        child = _start(log)
        try:
            task = {"path": str(path), "limits": asdict(limits), "scratch": str(scratch)}
            assert child.stdin is not None
            with suppress(BrokenPipeError):
                child.stdin.write(json.dumps(task).encode() + b"\n")
                child.stdin.flush()
            return _follow(child, limits, log, progress)
        finally:
            _end(child)


def _start(log: IO[bytes]) -> "subprocess.Popen[bytes]":
    kept = ("PATH", "LANG", "LC_ALL", "TESSDATA_PREFIX", "TMPDIR", "HOME")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    # One thread each: pages are looked at side by side instead.
    environment |= {"OMP_THREAD_LIMIT": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONUTF8": "1"}
    paths = [str(ROOT), *(path for path in sys.path if path)]
    environment["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(paths))
    return subprocess.Popen(
        [sys.executable, *READER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        env=environment,
        cwd=ROOT,
        start_new_session=True,
    )


def _follow(
    child: "subprocess.Popen[bytes]", limits: Limits, log: IO[bytes], progress: Progress
) -> Reading:
    lines = _listen(child, limits)
    ends = time.monotonic() + limits.file_seconds
    patience = limits.page_seconds + START_SECONDS
    while True:
        left = ends - time.monotonic()
        try:
            line = lines.get(timeout=max(0.0, min(patience, left)))
        except queue.Empty:
            raise Unreadable(_too_slow(limits, left < patience)) from None
        if line is None:
            raise Unreadable(_died(child, limits, log))
        message: dict[str, Any] = json.loads(line)
        if "refused" in message:
            raise Unreadable(message["refused"])
        if "result" in message:
            found = message["result"]
            return Reading(**{**found, "notes": tuple(found.get("notes", ()))})
        progress(message["page"], message["pages"])
        patience = limits.page_seconds


def _listen(child: "subprocess.Popen[bytes]", limits: Limits) -> "queue.Queue[bytes | None]":
    lines: queue.Queue[bytes | None] = queue.Queue()
    assert child.stdout is not None
    # A character may take six bytes in JSON, twelve beyond the first plane.
    pipe, most = child.stdout, 12 * limits.max_chars + 2**20

    def forward() -> None:
        with suppress(ValueError, OSError):  # the pipe is closed under us at the end
            while line := pipe.readline(most):
                if not line.endswith(b"\n"):
                    break
                lines.put(line)
        lines.put(None)

    threading.Thread(target=forward, daemon=True).start()
    return lines


def _too_slow(limits: Limits, whole: bool) -> str:
    if whole:
        return (
            f"it took longer than documents.file_seconds = {limits.file_seconds:g}; add it again, "
            "pages that were looked at are kept, or raise the setting"
        )
    return (
        f"one of its pages took longer than documents.page_seconds = {limits.page_seconds:g}; "
        "export it again, or raise the setting"
    )


def _died(child: "subprocess.Popen[bytes]", limits: Limits, log: IO[bytes]) -> str:
    with suppress(subprocess.TimeoutExpired):
        child.wait(timeout=5)
    log.seek(0, os.SEEK_END)
    log.seek(max(0, log.tell() - 4000))
    told = log.read().decode("utf-8", "replace").strip().splitlines() or [""]
    memory = any(word in told[-1] for word in ("MemoryError", "bad_alloc", "Cannot allocate"))
    if memory or child.returncode in {-signal.SIGABRT, -signal.SIGKILL}:
        return (
            f"reading it took more memory than documents.memory_mb = {limits.memory_mb}; split it, "
            "or raise the setting"
        )
    if child.returncode == -signal.SIGXCPU:
        return _too_slow(limits, whole=True)
    how = told[-1][:200] or f"status {child.returncode}"
    return f"it is broken: the reader gave up ({how}); save it again"


def _end(child: "subprocess.Popen[bytes]") -> None:
    # The group, for what the child started; it may be gone already.
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            with suppress(BrokenPipeError):
                pipe.close()
