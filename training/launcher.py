"""Starts the training child and the judge, listens to them, and never leaves one behind.

The child has its own process group, low priority and no network; it dies with us (the kernel ends
it when the thread that started it ends, and so does the end of its standard input). What it prints
goes to `log.txt` beside the job, and a failure carries the end of that.

Invariant: a job whose result is there is never trained again, and one without is simply started
again: everything that it leaves behind is renamed into place, the result last.
"""

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from pydantic import ValidationError

from training.job import JOB, LOG, RESULT, Job, JobResult, Progress

STOP_SECONDS = 5.0
"""How long a child may take to end before it is killed. It has nothing to tidy up."""
POLL_SECONDS = 0.2
JUDGE_START_SECONDS = 300.0
"""The judge imports torch and loads the base: 10 s on two idle cores, minutes on crowded ones."""
_TAIL = 2_000


class TrainingFailed(Exception):
    """The child ended without a result; the message holds the end of its log."""


class TrainingCancelled(TrainingFailed):
    """The child was stopped because its caller asked for it."""


def run_job(
    job: Job,
    workdir: Path,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    should_cancel: Callable[[], bool] = lambda: False,
) -> JobResult:
    """Run a job in a child process and return its result; at once if it is there already.

    Args:
        job: What to train.
        workdir: Where job, log and result lie.
        on_progress: Called with every line of progress.
        should_cancel: Asked several times a second; True stops the child.

    Raises:
        TrainingCancelled: `should_cancel` said so.
        TrainingFailed: the child died, or left no result.
    """
    workdir.mkdir(parents=True, exist_ok=True)
    known = finished(job, workdir)
    if known is not None:
        return known
    (workdir / RESULT).unlink(missing_ok=True)
    draft = workdir / f".{JOB}.draft"
    draft.write_text(job.model_dump_json(indent=2), encoding="utf-8")
    os.replace(draft, workdir / JOB)
    with (workdir / LOG).open("wb") as log:
        child = _start([str(workdir / JOB)], log, job.threads)
    lines = _listen(child)
    try:
        _follow(child, lines, on_progress, should_cancel)
    finally:
        _stop(child)
    result = finished(job, workdir)
    if result is None:
        raise TrainingFailed(
            f"training {job.name} ended with status {child.returncode} and no result. "
            f"{workdir / LOG} ends with:\n{_tail(workdir / LOG)}"
        )
    return result


def finished(job: Job, workdir: Path) -> JobResult | None:
    """Return the result of this very job, if it is there with its checkpoint."""
    try:
        result = JobResult.model_validate_json((workdir / RESULT).read_bytes())
    except (OSError, ValidationError):
        return None
    return result if result.job == job.fingerprint and result.checkpoint.exists() else None


class JudgeProcess:
    """A judge in a child of its own, for as long as the `with` block lasts."""

    def __init__(
        self,
        model_dir: Path,
        base_model: str,
        *,
        threads: int | None = None,
        log: Path | None = None,
    ) -> None:
        self._arguments = ["--judge", str(model_dir), base_model]
        self._threads = threads
        self._log = log or model_dir / LOG
        self._child: subprocess.Popen[bytes] | None = None
        self._lines: queue.Queue[bytes | None] = queue.Queue()

    def __enter__(self) -> Self:
        with self._log.open("ab") as log:
            self._child = _start(self._arguments, log, self._threads)
        self._lines = _listen(self._child)
        try:
            # Its first line says that it is ready.
            self._answer(JUDGE_START_SECONDS)
        except BaseException:
            _stop(self._child)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._child is not None:
            _stop(self._child)
            self._child = None

    def score(
        self,
        answers: Sequence[tuple[Sequence[Mapping[str, object]], str]],
        *,
        timeout: float = 600.0,
    ) -> list[float]:
        """Return for every conversation (without passages) and answer how likely it is liked.

        Raises:
            TrainingFailed: the judge died, or took longer than `timeout` seconds.
        """
        if self._child is None or self._child.stdin is None:
            raise TrainingFailed("the judge is not running: use it in a `with` block")
        rows = [{"prompt": list(messages), "text": text} for messages, text in answers]
        try:
            self._child.stdin.write(json.dumps(rows).encode() + b"\n")
            self._child.stdin.flush()
        except BrokenPipeError as err:
            raise self._failed() from err
        return [float(score) for score in self._answer(timeout)]

    def _answer(self, timeout: float) -> list[Any]:
        try:
            line = self._lines.get(timeout=timeout)
        except queue.Empty as err:
            raise TrainingFailed(f"the judge did not answer within {timeout:.0f} s") from err
        if line is None:
            raise self._failed()
        return list(json.loads(line))

    def _failed(self) -> TrainingFailed:
        return TrainingFailed(f"the judge died. {self._log} ends with:\n{_tail(self._log)}")


def _start(
    arguments: Sequence[str], log: IO[bytes], threads: int | None
) -> subprocess.Popen[bytes]:
    """Start the worker module in its own process group."""
    root = Path(__file__).resolve().parents[1]
    return subprocess.Popen(
        [sys.executable, "-m", "training.worker", *arguments, "--parent", str(os.getpid())],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        env=_environment(root, threads),
        start_new_session=True,
    )


def _environment(root: Path, threads: int | None) -> dict[str, str]:
    """Return our environment, without telemetry, and without the network for a local base."""
    paths = [str(root), os.environ.get("PYTHONPATH", "")]
    env = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(path for path in paths if path),
        "PYTHONUNBUFFERED": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "DO_NOT_TRACK": "1",
        "TQDM_DISABLE": "1",
        "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }
    # A trainer that sees several GPUs without a launcher refuses to start.
    env["CUDA_VISIBLE_DEVICES"] = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0]
    # Whatever the base is, the service has loaded it before: nothing is fetched while training.
    env.setdefault("HF_HUB_OFFLINE", "1")
    # Threads that wait in a busy loop take the time that people's answers need.
    env.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if threads is not None:
        env["OMP_NUM_THREADS"] = str(threads)
    return env


def _listen(child: subprocess.Popen[bytes]) -> "queue.Queue[bytes | None]":
    """Collect the child's lines; None marks their end."""
    lines: queue.Queue[bytes | None] = queue.Queue()
    stdout = child.stdout
    assert stdout is not None  # it was started with a pipe

    def read() -> None:
        with stdout:
            for line in stdout:
                lines.put(line)
        lines.put(None)

    threading.Thread(target=read, name=f"training-{child.pid}", daemon=True).start()
    return lines


def _follow(
    child: subprocess.Popen[bytes],
    lines: "queue.Queue[bytes | None]",
    on_progress: Callable[[Progress], None],
    should_cancel: Callable[[], bool],
) -> None:
    """Pass progress on until the child has said its last line."""
    while True:
        if should_cancel():
            _stop(child)
            raise TrainingCancelled("training was stopped because it was asked to")
        try:
            line = lines.get(timeout=POLL_SECONDS)
        except queue.Empty:
            continue
        if line is None:
            child.wait()
            return
        on_progress(Progress.model_validate_json(line))


def _stop(child: subprocess.Popen[bytes]) -> None:
    """End the child's whole process group: politely, then not."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if child.poll() is not None:
            break
        _signal_group(child, number)
        try:
            child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            continue
    if child.stdin is not None:
        with contextlib.suppress(BrokenPipeError):  # a request that a dead judge never read
            child.stdin.close()


def _signal_group(child: subprocess.Popen[bytes], number: signal.Signals) -> None:
    try:
        os.killpg(child.pid, number)
    except ProcessLookupError:
        # It ended between being asked and now.
        return


def _tail(log: Path) -> str:
    try:
        return log.read_bytes()[-_TAIL:].decode(errors="replace")
    except OSError as err:
        return f"(no log: {err})"
