"""The contract with the child: what may be asked, and what a result belongs to."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from training.job import SETTINGS, Job, JobResult, RowCounts, choose_method
from training.launcher import _environment, finished


def job(tmp_path: Path, **changes: Any) -> Job:
    fields = {"kind": "kto", "base_model": "base", "dataset": "data", "name": "ratchet-0001"}
    return Job(**{**fields, "out": tmp_path / "checkpoint", **changes})


def result(job: Job, **changes: Any) -> JobResult:
    fields = {"kind": job.kind, "name": job.name, "job": job.fingerprint, "seconds": 1.0}
    return JobResult(**{**fields, "checkpoint": job.out, "rows": RowCounts(train=1), **changes})


@pytest.mark.parametrize(
    "hyper",
    [
        {"learning_rate": 0},
        {"unknown": 1},
        {"batch": 16, "micro_batch": 5},
        {"lora": {"use_dora": True}},
        {"lora": {"modules_to_save": ["lm_head"]}},
        {"balance": 2},
    ],
)
def test_a_setting_that_cannot_work_is_refused_when_it_is_written(
    tmp_path: Path, hyper: dict[str, Any]
) -> None:
    with pytest.raises(ValidationError):
        job(tmp_path, hyper=hyper)


@pytest.mark.parametrize("smoothing", [-0.1, 0.5])
def test_half_of_all_choices_turned_is_no_taste(tmp_path: Path, smoothing: float) -> None:
    with pytest.raises(ValidationError):
        job(tmp_path, kind="dpo", hyper={"label_smoothing": smoothing})


def test_every_recipe_has_defaults() -> None:
    for settings in SETTINGS.values():
        settings()


def test_a_job_survives_its_file(tmp_path: Path) -> None:
    original = job(tmp_path, hyper={"epochs": 3})
    assert Job.model_validate_json(original.model_dump_json()) == original


def test_a_result_belongs_to_one_job(tmp_path: Path) -> None:
    mine = job(tmp_path)
    assert finished(mine, tmp_path) is None
    (tmp_path / "result.json").write_text(result(mine).model_dump_json(), encoding="utf-8")
    assert finished(mine, tmp_path) is None, "its checkpoint is missing"
    mine.out.mkdir()
    assert finished(mine, tmp_path) == result(mine)
    assert finished(job(tmp_path, seed=1), tmp_path) is None


def test_a_broken_result_is_none(tmp_path: Path) -> None:
    (tmp_path / "result.json").write_text('{"kind": "kto"', encoding="utf-8")
    assert finished(job(tmp_path), tmp_path) is None


@pytest.mark.parametrize(
    ("pairs", "votes", "method"),
    [
        (0, 300, "kto"),
        (199, 0, "kto"),
        (200, 0, "dpo"),
        (200, 400, "dpo"),
        (200, 401, "kto"),
        (1000, 100, "dpo"),
    ],
)
def test_dpo_is_for_many_pairs_that_are_most_of_what_was_said(
    pairs: int, votes: int, method: str
) -> None:
    assert choose_method(pairs, votes) == method


def test_a_trainer_sees_one_gpu_and_waits_without_spinning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    seen = _environment(Path(), threads=2)
    assert (seen["CUDA_VISIBLE_DEVICES"], seen["OMP_NUM_THREADS"]) == ("3", "2")
    assert (seen["OMP_WAIT_POLICY"], seen["HF_HUB_OFFLINE"]) == ("PASSIVE", "1")
