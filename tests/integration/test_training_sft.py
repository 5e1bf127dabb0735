"""SFT for real, on a tiny model: the answers are learned, the prompts are not."""

import importlib
import math
from pathlib import Path
from typing import Any

import pytest

from tests.training_kit import answer_row, build_base, write_dataset
from training.adapter import validate
from training.job import Job, JobResult

pytestmark = [
    pytest.mark.training,
    # What torch and TRL warn of inside their own code is theirs to mend.
    pytest.mark.filterwarnings("default"),
]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_base(tmp_path_factory.mktemp("base"))


def trained(base: Path, folder: Path, *, held_out: bool = True, **hyper: Any) -> JobResult:
    dataset = write_dataset(folder / "data", answer_row)
    if not held_out:
        (dataset / "heldout.jsonl").unlink()
    job = Job(
        kind="sft",
        base_model=str(base),
        dataset=dataset,
        out=folder / "checkpoint",
        name="ratchet-0001",
        hyper={"learning_rate": 5e-3, "epochs": 8, "batch": 8, "micro_batch": 8, **hyper},
        threads=1,
    )
    recipe = importlib.import_module("training.recipes.sft")
    result: JobResult = recipe.train(job, lambda progress: None)
    return result


@pytest.mark.parametrize("tuning", ["lora", "full"])
def test_sft_learns_to_answer(base: Path, tmp_path: Path, tuning: str) -> None:
    """An answer's form (colour, article) is the same in all rows: most of it can be known."""
    result = trained(base, tmp_path, tuning=tuning)
    first, best = result.heldout[0], max(result.heldout, key=lambda look: look.value)
    chance = math.log(259)  # bytes and three special tokens, by random weights
    assert first.loss < chance + 0.1
    assert best.loss < (0.4 if tuning == "full" else 0.95) * chance
    assert best.accuracy > first.accuracy
    assert best.step == result.best_step
    assert result.rows.train == 64
    assert result.rows.heldout == 16
    assert result.metrics["train_seconds"] > 0


def test_an_adapter_can_be_published(base: Path, tmp_path: Path) -> None:
    result = trained(base, tmp_path, epochs=1)
    validate(result.checkpoint)


def test_a_dataset_that_holds_nothing_out_is_trained_on_to_the_end(
    base: Path, tmp_path: Path
) -> None:
    result = trained(base, tmp_path, held_out=False, epochs=1)
    assert (result.rows.train, result.rows.heldout, result.heldout) == (64, 0, [])
    validate(result.checkpoint)


def test_a_full_checkpoint_is_the_base_model_that_was_measured(base: Path, tmp_path: Path) -> None:
    from training.dataset import read_rows
    from training.recipes.heldout import HeldOutAnswers
    from training.recipes.loading import load_base
    from training.recipes.sft import fit

    result = trained(base, tmp_path, tuning="full", epochs=2)
    loaded = load_base(str(result.checkpoint))
    rows, _ = fit(read_rows(tmp_path / "data", "heldout"), loaded, 1024)
    look = HeldOutAnswers(rows, loaded.tokenizer.pad_token_id, 8).look(loaded.model, 0)
    best = next(look for look in result.heldout if look.step == result.best_step)
    assert look.loss == pytest.approx(best.loss, rel=0.02)


def test_labels_token_by_token(base: Path) -> None:
    """Written out by hand: bytes are tokens, so a letter is one."""
    from training.recipes.loading import load_base
    from training.recipes.sft import fit, labelled

    loaded = load_base(str(base))
    messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "ok"}]
    (row,), counts = fit([{"messages": messages}], loaded, 1024)
    columns = labelled(row)
    prompt = ["<|im_start|>", *"user", "Ċ", *"Hi", "<|im_end|>", "Ċ"]
    header = ["<|im_start|>", *"assistant", "Ċ"]
    answer = [*"ok", "<|im_end|>"]
    named = loaded.tokenizer.convert_ids_to_tokens
    assert named(columns["input_ids"]) == [*prompt, *header, *answer]
    learned = [label for label in columns["labels"] if label != -100]
    assert named(learned) == answer
    assert columns["labels"][: len(prompt) + len(header)] == [-100] * (len(prompt) + len(header))
    assert (counts.train, counts.longest) == (1, len(columns["input_ids"]))


def test_what_trl_trains_on_are_these_labels(base: Path, tmp_path: Path) -> None:
    """TRL's own preparation and padding must leave the labels as they are."""
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    from training.recipes.loading import load_base
    from training.recipes.sft import fit, labelled

    loaded = load_base(str(base))
    words = ("a", "a longer answer")
    rows, _ = fit(
        [
            {
                "prompt": [{"role": "user", "content": "Hi"}],
                "completion": [{"role": "assistant", "content": word}],
            }
            for word in words
        ],
        loaded,
        1024,
    )
    trainer = SFTTrainer(
        model=loaded.model,
        args=SFTConfig(output_dir=str(tmp_path), use_cpu=True, bf16=False, report_to=[]),
        train_dataset=Dataset.from_list([labelled(row) for row in rows]),
        processing_class=loaded.tokenizer,
    )
    batch = next(iter(trainer.get_train_dataloader()))
    learned = sorted(
        loaded.tokenizer.decode([label for label in labels if label != -100])
        for labels in batch["labels"].tolist()
    )
    assert learned == sorted(f"{word}<|im_end|>" for word in words)


def test_rows_that_are_too_long_are_counted(base: Path) -> None:
    from training.recipes.loading import load_base
    from training.recipes.sft import fit

    def row(asked: str, said: str) -> dict[str, Any]:
        return {
            "messages": [
                {"role": "user", "content": asked},
                {"role": "assistant", "content": said},
            ]
        }

    loaded = load_base(str(base))
    rows = [row("x" * 200, "y"), row("x", "y" * 200), row("x", "y")]
    kept, counts = fit(rows, loaded, 128)
    assert (counts.train, counts.dropped, counts.cut) == (2, 1, 1)
    assert counts.longest > 200
    assert max(len(tokens.ids) for tokens in kept) == 128
