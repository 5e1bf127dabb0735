"""What is exported for TRL is loaded by `datasets` and accepted by TRL itself."""

from pathlib import Path
from typing import Any

import pytest

from feedback.database import Database
from feedback.exchange import export_feedback
from feedback.store import FeedbackStore
from feedback.types import Comparison
from tests.exchange_kit import PERSON, say_everything, serve
from tests.training_kit import build_base

pytestmark = pytest.mark.training

SHAPES = {
    "kto": {"prompt", "completion", "label"},
    "dpo": {"prompt", "chosen", "rejected"},
    "sft": {"messages"},
    "reward": {"chosen", "rejected"},
    "reward-prompt": {"prompt", "chosen", "rejected"},
}


@pytest.fixture
def store(database: Database) -> FeedbackStore:
    store = FeedbackStore(database)
    say_everything(store)
    return store


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_base(tmp_path_factory.mktemp("base"))


def load(path: Path, tmp_path: Path, *name: str) -> Any:
    from datasets import load_dataset

    cache = str(tmp_path / "cache")
    if path.is_dir():
        return load_dataset(str(path), *name, split="train", cache_dir=cache)
    return load_dataset("json", data_files=str(path), split="train", cache_dir=cache)


def accepts(dataset: Any, columns: set[str], base: Path) -> None:
    """Have TRL tell its kind and render every row with a chat template."""
    from transformers import AutoTokenizer
    from trl.data_utils import apply_chat_template, is_conversational

    tokenizer = AutoTokenizer.from_pretrained(base)
    assert columns <= set(dataset.column_names)
    assert len(dataset) > 0
    for row in dataset:
        assert is_conversational(row)
        rendered = apply_chat_template({name: row[name] for name in columns}, tokenizer)
        assert "보험금은" in "".join(str(text) for text in rendered.values())


@pytest.mark.parametrize("form", SHAPES)
def test_trl_renders_every_row(store: FeedbackStore, tmp_path: Path, base: Path, form: str) -> None:
    report = export_feedback(store, form, tmp_path / "out.jsonl")
    dataset = load(tmp_path / "out.jsonl", tmp_path)
    assert len(dataset) == report.rows
    accepts(dataset, SHAPES[form], base)


@pytest.mark.parametrize("name", ["kto", "dpo", "sft"])
def test_the_hugging_face_folder_is_loaded_by_name(
    store: FeedbackStore, tmp_path: Path, base: Path, name: str
) -> None:
    folder = tmp_path / "hub"
    report = export_feedback(store, "huggingface", folder)
    dataset = load(folder, tmp_path, name)
    assert len(dataset) == report.files[f"{name}/train.parquet"]
    accepts(dataset, SHAPES[name], base)


def test_the_hugging_face_folder_is_loaded_without_a_name(
    store: FeedbackStore, tmp_path: Path
) -> None:
    export_feedback(store, "huggingface", tmp_path / "hub")
    assert "label" in load(tmp_path / "hub", tmp_path).column_names


def test_a_table_without_rows_is_in_nobodys_way(database: Database, tmp_path: Path) -> None:
    store = FeedbackStore(database)
    for id_ in ("l", "r"):
        serve(store, id_, f"답 {id_}")
    store.open_comparison(Comparison("p", PERSON, "l", "r"))
    store.record_outcome("p", PERSON, "left")
    export_feedback(store, "huggingface", tmp_path / "hub")
    assert "chosen" in load(tmp_path / "hub", tmp_path).column_names


def test_an_implicit_prompt_is_found_by_trl(store: FeedbackStore, tmp_path: Path) -> None:
    from trl.data_utils import maybe_extract_prompt

    for form in ("reward", "reward-prompt"):
        export_feedback(store, form, tmp_path / form)
    explicit = load(tmp_path / "reward-prompt", tmp_path)
    found = [maybe_extract_prompt(row) for row in load(tmp_path / "reward", tmp_path)]
    assert found == list(explicit)


@pytest.mark.parametrize("form", ["reward", "reward-prompt", "dpo"])
def test_the_reward_trainer_takes_both_kinds_of_prompt(
    store: FeedbackStore, tmp_path: Path, base: Path, form: str
) -> None:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer
    from trl import RewardConfig, RewardTrainer

    export_feedback(store, form, tmp_path / "out.jsonl")
    config = RewardConfig(
        output_dir=str(tmp_path / "checkpoint"), max_length=None, report_to=[], use_cpu=True,
        bf16=False,
    )  # fmt: skip
    dataset = load(tmp_path / "out.jsonl", tmp_path)
    model = AutoModelForSequenceClassification.from_pretrained(base, num_labels=1)
    tokenizer = AutoTokenizer.from_pretrained(base)
    trainer = RewardTrainer(model, config, train_dataset=dataset, processing_class=tokenizer)
    assert len(trainer.train_dataset) == len(dataset) == 3
    first = tokenizer.decode(trainer.train_dataset[0]["chosen_ids"])
    assert "보험금은" in first
    assert "답 l1" in first


@pytest.mark.parametrize("form", ["alpaca", "openai", "openai-preference", "prompt-completion"])
def test_the_other_single_files_are_loaded_by_datasets(
    store: FeedbackStore, tmp_path: Path, form: str
) -> None:
    report = export_feedback(store, form, tmp_path / "out.json")
    assert len(load(tmp_path / "out.json", tmp_path)) == report.rows
