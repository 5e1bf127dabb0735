"""The child is never left behind, and a run that did not end leaves nothing that counts."""

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from tests.training_kit import build_base, write_dataset
from training.job import Job, Progress
from training.launcher import JudgeProcess, TrainingCancelled, TrainingFailed, run_job

pytestmark = pytest.mark.training

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_base(tmp_path_factory.mktemp("base"))


def long_job(base: Path, folder: Path) -> Job:
    """A job that would run for many minutes."""
    return Job(
        kind="kto",
        base_model=str(base),
        dataset=write_dataset(folder / "data"),
        out=folder / "checkpoint",
        name="ratchet-0001",
        hyper={"epochs": 5000, "batch": 8, "micro_batch": 8},
        threads=1,
    )


def ours(folder: Path) -> list[int]:
    """Processes that work in a folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes().decode()
            except OSError:
                continue
            if str(folder) in command and "training.worker" in command:
                found.append(int(entry.name))
    return found


def gone(folder: Path, within: float = 15.0) -> bool:
    end = time.monotonic() + within
    while time.monotonic() < end:
        if not ours(folder):
            return True
        time.sleep(0.1)
    return False


def assert_nothing_counts(folder: Path) -> None:
    assert gone(folder)
    assert not (folder / "checkpoint").exists()
    assert not (folder / "result.json").exists()


def test_a_cancelled_child_ends_and_leaves_no_adapter(base: Path, tmp_path: Path) -> None:
    seen: list[Progress] = []
    with pytest.raises(TrainingCancelled):
        run_job(
            long_job(base, tmp_path),
            tmp_path,
            seen.append,
            should_cancel=lambda: any(p.stage == "train" for p in seen),
        )
    assert_nothing_counts(tmp_path)


def test_a_killed_child_is_a_failure_with_its_log_and_can_be_started_again(
    base: Path, tmp_path: Path
) -> None:
    def kill(progress: Progress) -> None:
        if progress.stage == "train":
            for process in ours(tmp_path):
                os.kill(process, signal.SIGKILL)

    job = long_job(base, tmp_path)
    with pytest.raises(TrainingFailed, match="status -9"):
        run_job(job, tmp_path, kill)
    assert_nothing_counts(tmp_path)
    short = job.model_copy(update={"hyper": {**job.hyper, "epochs": 1}})
    assert run_job(short, tmp_path).checkpoint.exists()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_child_dies_with_its_parent(base: Path, tmp_path: Path, number: signal.Signals) -> None:
    job = long_job(base, tmp_path)
    script = f"""
        from pathlib import Path
        from training.job import Job
        from training.launcher import run_job
        job = Job.model_validate_json({job.model_dump_json()!r})
        run_job(job, Path({str(tmp_path)!r}), lambda p: print(p.stage, flush=True))
    """
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    for line in parent.stdout:
        if line.strip() == "train":
            break
    assert ours(tmp_path)
    parent.send_signal(number)
    parent.wait()
    parent.stdout.close()
    assert_nothing_counts(tmp_path)


def test_the_child_gives_way_to_others(base: Path, tmp_path: Path) -> None:
    niceness: list[int] = []
    groups: list[int] = []

    def look(progress: Progress) -> None:
        for process in ours(tmp_path):
            niceness.append(os.getpriority(os.PRIO_PROCESS, process))
            groups.append(os.getpgid(process))

    with pytest.raises(TrainingCancelled):
        run_job(long_job(base, tmp_path), tmp_path, look, should_cancel=lambda: bool(niceness))
    assert min(niceness) >= 10
    assert os.getpgrp() not in groups


def test_a_judge_ends_with_its_block_however_it_ends(base: Path, tmp_path: Path) -> None:
    job = Job(
        kind="reward",
        base_model=str(base),
        dataset=write_dataset(tmp_path / "data"),
        out=tmp_path / "judge",
        name="judge",
        threads=1,
    )
    folder = run_job(job, tmp_path).checkpoint
    judge = JudgeProcess(folder, str(base), threads=1)
    with contextlib.suppress(ZeroDivisionError), judge:
        assert ours(folder)
        raise ZeroDivisionError
    assert gone(folder)
    with JudgeProcess(folder, str(base), threads=1) as judge:
        for process in ours(folder):
            os.kill(process, signal.SIGKILL)
        with pytest.raises(TrainingFailed, match="the judge died"):
            judge.score([([{"role": "user", "content": "Hello?"}], "red")])
    with pytest.raises(TrainingFailed, match="not running"):
        judge.score([])


def test_a_judge_that_cannot_start_says_why(base: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with (
        pytest.raises(TrainingFailed, match=r"judge\.json"),
        JudgeProcess(tmp_path / "empty", str(base), threads=1),
    ):
        pass
    assert gone(tmp_path / "empty")


def test_a_recipe_that_fails_says_why(tmp_path: Path) -> None:
    job = Job(
        kind="kto",
        base_model=str(tmp_path / "missing"),
        dataset=write_dataset(tmp_path / "data"),
        out=tmp_path / "checkpoint",
        name="ratchet-0001",
        threads=1,
    )
    with pytest.raises(TrainingFailed, match="missing"):
        run_job(job, tmp_path)
    assert_nothing_counts(tmp_path)
