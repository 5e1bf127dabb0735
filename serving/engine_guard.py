"""Stands between us and vLLM: when we are gone, it takes the whole process group with it.

Started as `python -m serving.engine_guard COMMAND...` in a group of its own, with a pipe from its
parent as standard input. The pipe ends when the parent does, also by `kill -9`. Should the guard be
killed itself, the kernel kills what it started (see engine_site/sitecustomize.py).

Invariant: when the guard ends, its group is empty but for itself.
"""

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

STOP_SECONDS = 3.0
"""For a clean end; what is left then is killed, well within 15 s after the parent's death."""
LOOK_SECONDS = 0.2


def main(command: list[str]) -> int:
    """Run the command until it ends or our parent does; return its exit status."""
    stopping = False

    def stop(*_: object) -> None:
        nonlocal stopping
        stopping = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    engine = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        while engine.poll() is None and not stopping:
            stopping = stopping or _parent_gone()
    finally:
        _end(engine)
    return engine.returncode


def _parent_gone() -> bool:
    readable, _, _ = select.select([0], [], [], LOOK_SECONDS)
    return bool(readable) and os.read(0, 1) == b""


def _end(engine: "subprocess.Popen[bytes]") -> None:
    """Ask the engine to end, then kill whatever is left in the group."""
    if engine.poll() is None:
        engine.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            engine.wait(STOP_SECONDS)
    deadline = time.monotonic() + STOP_SECONDS
    while others := group_members(os.getpgrp()) - {os.getpid()}:
        for pid in others:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if time.monotonic() > deadline:
            break
        # Reap our own child; init reaps the others.
        engine.poll()
        time.sleep(0.05)
    engine.wait()


def group_members(group: int) -> set[int]:
    """Return the processes of a group that are still alive."""
    members = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = stat.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue  # it ended while we were looking
        state, _, pgrp, *_ = text.rpartition(")")[2].split()
        if int(pgrp) == group and state != "Z":
            members.add(int(stat.parent.name))
    return members


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
