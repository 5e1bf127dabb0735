"""One training job from a TOML file: for trying a recipe out, apart from the loop.

Invariant: nothing is registered or published; the checkpoint lies where the file says.
"""

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ratchet.settings import SettingsError
from training.job import Job, JobResult, Progress
from training.launcher import run_job


def run_job_file(file: Path, show: Callable[[float, str], None]) -> dict[str, Any]:
    """Run the job that the file describes.

    Raises:
        SettingsError: the file does not describe one.
        TrainingFailed: it ended without a result.
    """
    try:
        fields = tomllib.loads(file.read_text(encoding="utf-8"))
        # Paths in the file are relative to it: it can be moved together with its data.
        for key in ("dataset", "out"):
            if key in fields:
                fields[key] = (file.parent / str(fields[key])).resolve()
        job = Job.model_validate(fields)
    except OSError as err:
        raise SettingsError(f"{file} cannot be read: {err.strerror}. Name a TOML file.") from err
    except tomllib.TOMLDecodeError as err:
        raise SettingsError(f"{file} is not TOML: {err}. Correct that line.") from err
    except ValidationError as err:
        wrong = "; ".join(_sentence(dict(e)) for e in err.errors())
        raise SettingsError(f"{file} is no training job: {wrong}.") from err

    if not (job.dataset / "train.jsonl").is_file():
        raise SettingsError(f"{job.dataset} is no dataset: it has no train.jsonl. Correct dataset.")

    def report(progress: Progress) -> None:
        show(progress.percent / 100, f"{progress.stage} {progress.step}/{progress.steps}")

    result: JobResult = run_job(job, job.out.with_name(f"{job.out.name}.job"), report)
    return result.model_dump(mode="json")


def _sentence(error: dict[str, Any]) -> str:
    key = ".".join(str(part) for part in error["loc"])
    given = "" if error["type"] == "missing" else f" = {error['input']!r}"
    return f"{key}{given}: {error['msg']}"
