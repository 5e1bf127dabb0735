"""Training for real, on a tiny model: a planted taste is learned, and only whole results count."""

import importlib
import json
import math
from pathlib import Path
from typing import Any

import pytest

from tests.training_kit import TEMPLATE, build_base, pair_row, write_dataset
from training.adapter import publish, validate
from training.card import Card
from training.dataset import read_rows
from training.job import Job, JobResult, Progress
from training.launcher import JudgeProcess, run_job
from training.recipes.tokens import TemplateError

pytestmark = [
    pytest.mark.training,
    # What torch and TRL warn of inside their own code is theirs to mend.
    pytest.mark.filterwarnings("default"),
]

# The tiny model is far from knowing anything, so it takes larger steps than a real one.
HYPER: dict[str, Any] = {"learning_rate": 5e-3, "epochs": 2, "batch": 8, "micro_batch": 8}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_base(tmp_path_factory.mktemp("base"))


def run_here(job: Job) -> JobResult:
    """Run a recipe in this process: what the child adds has tests of its own."""
    recipe = importlib.import_module(f"training.recipes.{job.kind}")
    job.out.parent.mkdir(parents=True, exist_ok=True)
    result: JobResult = recipe.train(job, lambda progress: None)
    return result


@pytest.fixture(scope="module")
def trained(base: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Job, Path, JobResult]:
    """One KTO run that several tests look at."""
    folder = tmp_path_factory.mktemp("kto")
    job = Job(
        kind="kto",
        base_model=str(base),
        dataset=write_dataset(folder / "data"),
        out=folder / "checkpoint",
        name="ratchet-0001",
        hyper=HYPER,
        threads=1,
    )
    seen: list[Progress] = []
    result = run_job(job, folder, seen.append)
    assert [p.stage for p in seen][:2] == ["load", "load"]
    assert seen[-1].stage == "save"
    percents = [p.percent for p in seen if p.stage == "train"]
    assert percents == sorted(percents)
    assert percents[-1] == 100
    return job, folder, result


def test_kto_learns_a_planted_taste(trained: tuple[Job, Path, JobResult]) -> None:
    _, _, result = trained
    assert result.steps == 16
    assert result.rows.train == 64
    assert result.rows.heldout == 16
    assert len(result.heldout) == 4, "two looks an epoch"
    best = next(look for look in result.heldout if look.step == result.best_step)
    assert best.value == max(look.value for look in result.heldout)
    assert best.accuracy > 0.95
    assert best.liked > 0 > best.disliked
    assert result.curve


def test_what_is_trained_can_be_published_and_is_what_was_measured(
    trained: tuple[Job, Path, JobResult], base: Path, tmp_path: Path
) -> None:
    """The saved adapter on the base gives the held-out figures of the best step."""
    from peft import PeftModel

    from training.job import KtoSettings
    from training.recipes.heldout import HeldOut
    from training.recipes.loading import load_base

    job, _, result = trained
    validate(result.checkpoint)
    assert sorted(p.name for p in result.checkpoint.iterdir()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
    ]
    card = Card("kto", str(base), "hash", "data", 64, 64, 5, "2026-01-01T00:00:00Z")
    path, _ = publish(result.checkpoint, tmp_path, job.name, card)
    loaded = load_base(str(base))
    settings = KtoSettings.model_validate(job.hyper)
    heldout = HeldOut(read_rows(job.dataset, "heldout"), loaded, settings)
    look = heldout.look(PeftModel.from_pretrained(loaded.model, path), result.best_step)
    best = next(look for look in result.heldout if look.step == result.best_step)
    # The recipe may have multiplied in bfloat16.
    assert look.liked == pytest.approx(best.liked, rel=0.05, abs=0.3)
    assert look.disliked == pytest.approx(best.disliked, rel=0.05, abs=0.3)


def test_a_finished_job_is_not_trained_again(trained: tuple[Job, Path, JobResult]) -> None:
    job, folder, result = trained
    stamp = (folder / "result.json").stat().st_mtime_ns
    progress: list[Progress] = []
    assert run_job(job, folder, progress.append) == result
    assert progress == []
    assert (folder / "result.json").stat().st_mtime_ns == stamp


def test_the_same_job_trains_the_same_adapter(
    trained: tuple[Job, Path, JobResult], tmp_path: Path
) -> None:
    job, _, result = trained
    again = run_here(job.model_copy(update={"out": tmp_path / "checkpoint"}))
    name = "adapter_model.safetensors"
    assert (again.checkpoint / name).read_bytes() == (result.checkpoint / name).read_bytes()


def test_dpo_learns_a_planted_taste_and_keeps_the_better_answer_likely(
    base: Path, tmp_path: Path
) -> None:
    job = Job(
        kind="dpo",
        base_model=str(base),
        dataset=write_dataset(tmp_path / "data", pair_row, rows=48),
        out=tmp_path / "checkpoint",
        name="ratchet-0001",
        hyper=HYPER,
        threads=1,
    )
    result = run_here(job)
    best = next(look for look in result.heldout if look.step == result.best_step)
    assert best.accuracy > 0.95
    assert best.liked > 0
    validate(result.checkpoint)


def test_dpo_allows_for_choices_that_were_turned(base: Path, tmp_path: Path) -> None:
    """A fifth of the pairs is turned: taking that into account pushes the others further apart."""
    looks = []
    for smoothing in (0.0, 0.2):
        data = write_dataset(tmp_path / f"{smoothing}" / "data", pair_row, rows=40)
        rows = read_rows(data, "train")
        for row in rows[::5]:
            row["chosen"], row["rejected"] = row["rejected"], row["chosen"]
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (data / "train.jsonl").write_text(lines, encoding="utf-8")
        job = Job(
            kind="dpo",
            base_model=str(base),
            dataset=data,
            out=data.parent / "checkpoint",
            name="ratchet-0001",
            hyper={**HYPER, "sft_weight": 0, "label_smoothing": smoothing},
            threads=1,
        )
        looks.append(run_here(job).heldout[-1])
    plain, robust = looks
    assert robust.accuracy > 0.9
    assert robust.liked - robust.disliked > plain.liked - plain.disliked


def test_small_batches_added_up_are_the_large_batch(base: Path, tmp_path: Path) -> None:
    """DPO without shuffling differences: two halves of a batch give its gradient."""
    looks = []
    for micro in (8, 4):
        folder = tmp_path / str(micro)
        job = Job(
            kind="dpo",
            base_model=str(base),
            dataset=write_dataset(folder / "data", pair_row, rows=16),
            out=folder / "checkpoint",
            name="ratchet-0001",
            hyper={**HYPER, "epochs": 1, "micro_batch": micro, "sft_weight": 0},
            threads=1,
        )
        looks.append(run_here(job).heldout[-1])
    assert looks[0].liked == pytest.approx(looks[1].liked, rel=0.1, abs=0.1)
    assert looks[0].disliked == pytest.approx(looks[1].disliked, rel=0.1, abs=0.1)


def test_an_answer_ends_where_the_engine_ends_it(base: Path) -> None:
    """The template's line break behind the end must not be learned: nobody is ever served it."""
    from training.recipes.loading import load_base
    from training.recipes.tokens import ending_answers, tokenise

    loaded = load_base(str(base))
    question, answer = [{"role": "user", "content": "Hi"}], [{"role": "assistant", "content": "a"}]
    tokens = tokenise(loaded.tokenizer, question, answer, loaded.ends)
    assert loaded.tokenizer.decode(tokens.ids[tokens.start :]) == "a<|im_end|>"
    (end,) = loaded.ends
    row = {"prompt_ids": [5, end, 6], "completion_ids": [7, end, 8], "KL_completion_ids": [9]}
    assert ending_answers(lambda rows: rows, loaded.ends)([row]) == [
        {"prompt_ids": [5, end, 6], "completion_ids": [7, end], "KL_completion_ids": [9]}
    ]


def test_rows_that_are_too_long_are_counted(base: Path, tmp_path: Path) -> None:
    data = write_dataset(tmp_path / "data")
    rows = [json.loads(line) for line in (data / "train.jsonl").read_text().splitlines()]
    rows[0]["prompt"][0]["content"] = "x" * 200
    rows[1]["completion"][0]["content"] = "y" * 200
    (data / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    job = Job(
        kind="kto",
        base_model=str(base),
        dataset=data,
        out=tmp_path / "checkpoint",
        name="ratchet-0001",
        hyper={**HYPER, "epochs": 1, "max_length": 128},
        threads=1,
    )
    result = run_here(job)
    assert (result.rows.dropped, result.rows.cut) == (1, 1)
    assert result.rows.train == 63
    assert result.rows.longest > 200


def test_a_template_that_hides_the_prompt_stops_the_run(tmp_path: Path) -> None:
    """Trained on another context than is served: nothing may come of it."""
    thinking = TEMPLATE.replace("assistant\n{% endif", "assistant\n<think>{% endif")
    base = build_base(tmp_path / "base", thinking)
    job = Job(
        kind="kto",
        base_model=str(base),
        dataset=write_dataset(tmp_path / "data"),
        out=tmp_path / "checkpoint",
        name="ratchet-0001",
        threads=1,
    )
    with pytest.raises(TemplateError, match="renders a prompt differently"):
        run_here(job)
    assert not job.out.exists()


def test_the_judge_learns_a_planted_taste_and_scores(base: Path, tmp_path: Path) -> None:
    job = Job(
        kind="reward",
        base_model=str(base),
        dataset=write_dataset(tmp_path / "data"),
        out=tmp_path / "judge",
        name="judge",
        threads=1,
    )
    result = run_here(job)
    assert len(result.check_scores) == len(result.check_labels) == 40
    right = [(s > 0.5) == y for s, y in zip(result.check_scores, result.check_labels, strict=True)]
    assert sum(right) / 40 > 0.9
    question = [{"role": "user", "content": "Colour of 7?"}]
    with JudgeProcess(result.checkpoint, str(base), threads=1) as judge:
        good, bad = judge.score([(question, "red (Art. 3)"), (question, "Thanks! Maybe red?")])
        assert good > 0.5 > bad
        assert judge.score([]) == []
        # The order and the company of an answer do not change its score.
        assert judge.score([(question, "Thanks! Maybe red?")]) == pytest.approx([bad], abs=1e-3)
        assert math.isclose(judge.score([(question, "red (Art. 3)")])[0], good, abs_tol=1e-3)


def test_a_judge_of_one_mind_is_refused(base: Path, tmp_path: Path) -> None:
    data = write_dataset(tmp_path / "data")
    rows = [json.loads(line) for line in (data / "judge.jsonl").read_text().splitlines()]
    for row in rows:
        row["label"] = True
    (data / "judge.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    job = Job(
        kind="reward",
        base_model=str(base),
        dataset=data,
        out=tmp_path / "judge",
        name="judge",
        threads=1,
    )
    with pytest.raises(ValueError, match="votes of both kinds"):
        run_here(job)
