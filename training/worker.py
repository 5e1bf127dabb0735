"""The child process: one job in, progress lines and a result out; also the judge's scoring loop.

`python -m training.worker job.json` trains, `python -m training.worker --judge FOLDER BASE` scores.
It may be killed at any moment: nothing that counts is written but by rename, the result last.

Invariant: standard output carries nothing but our JSON lines; whatever libraries print goes to the
log. The child never outlives its parent.
"""

import argparse
import contextlib
import ctypes
import importlib
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from training.job import RESULT, Job, JobResult, Progress

NICENESS = 10
_PR_SET_PDEATHSIG = 1


def main(argv: Sequence[str] | None = None) -> int:
    """Run one job, or score until standard input ends."""
    parser = argparse.ArgumentParser(prog="training.worker", description=__doc__)
    parser.add_argument("job", nargs="?", type=Path, help="the job's JSON file")
    parser.add_argument("--judge", nargs=2, metavar=("FOLDER", "BASE"), help="score with a judge")
    parser.add_argument("--parent", type=int, default=0, help="process id of whoever started this")
    options = parser.parse_args(argv)
    if (options.job is None) == (options.judge is None):
        parser.error("give either a job's file or --judge FOLDER BASE")
    _die_with(options.parent)
    _step_back()
    lines = _own_stdout()
    if options.judge is not None:
        # A judge reads its requests from standard input, whose end is its end.
        reward = importlib.import_module("training.recipes.reward")
        reward.serve(Path(options.judge[0]), options.judge[1], sys.stdin, lines)
        return 0
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    job = Job.model_validate_json(options.job.read_bytes())
    run(job, options.job.parent, lines)
    return 0


def run(job: Job, folder: Path, lines: TextIO) -> JobResult:
    """Run a job's recipe and leave its result in `folder`."""

    def report(progress: Progress) -> None:
        lines.write(progress.model_dump_json(exclude_none=True) + "\n")
        lines.flush()

    report(Progress(stage="load"))
    # Importing torch takes seconds: after the parent knows that the child lives.
    recipe = importlib.import_module(f"training.recipes.{job.kind}")
    result: JobResult = recipe.train(job, report)
    draft = folder / f".{RESULT}.draft"
    draft.write_text(result.model_dump_json(indent=2), encoding="utf-8")
    os.replace(draft, folder / RESULT)
    return result


def _die_with(parent: int) -> None:
    """Ask the kernel to end this process when its parent ends, however it ends."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if parent and os.getppid() != parent:
        # It died before the kernel was asked.
        sys.exit(f"the parent, process {parent}, is gone")


def _step_back() -> None:
    """Let people's answers go first."""
    os.nice(NICENESS)
    # Linux may weigh whole sessions against each other (autogroups): then being nice counts only
    # within the session, and this one's holds nobody but us.
    session = Path("/proc/self/autogroup")
    if session.exists():
        with contextlib.suppress(OSError):  # read-only in some containers
            session.write_text(str(NICENESS), encoding="ascii")


def _end_with_stdin() -> None:
    """Wait for the parent's end of the pipe to close: the same promise where there is no prctl."""
    # Not through sys.stdin: its lock would still be held when the interpreter shuts down.
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGKILL)


def _own_stdout() -> TextIO:
    """Keep standard output for our lines, and send everybody else's to standard error."""
    lines = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return lines


if __name__ == "__main__":
    sys.exit(main())
