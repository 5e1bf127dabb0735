"""Exports have the shapes that the tools they are for have published: each test names where."""

import json
from collections import Counter
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import jsonschema
import pyarrow.parquet as pq
import pytest
import yaml

from feedback.consent import REFUSED, Consents
from feedback.database import Database
from feedback.exchange import FORMATS, export_download, export_feedback
from feedback.export_rows import ROWS
from feedback.store import FeedbackStore
from feedback.types import InvalidFeedback
from tests.exchange_kit import CHAT, FIRST, PERSON, SYSTEM, say_everything, serve

ROOT = Path(__file__).parents[2]
FOLDERS = [name for name, form in FORMATS.items() if form.folder]


@pytest.fixture
def store(database: Database) -> FeedbackStore:
    store = FeedbackStore(database)
    say_everything(store)
    return store


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def exported(store: FeedbackStore, form: str, folder: Path) -> list[dict[str, Any]]:
    report = export_feedback(store, form, folder / "out")
    rows = lines(folder / "out")
    assert report.rows == len(rows) > 0
    return rows


def message(role: str, *more: str) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {"role": {"const": role}, "content": {"type": "string"}},
        "required": ["role", "content", *more],
    }


# OpenAI's OpenAPI document (openai/openai-openapi), FineTuneChatRequestInput: system, user,
# assistant with `weight` 0 or 1 and tool_calls, tool with tool_call_id; nothing else in a message.
CALLS = {
    "type": "array",
    "minItems": 1,
    "items": {
        "type": "object",
        "required": ["id", "type", "function"],
        "properties": {
            "type": {"const": "function"},
            "function": {
                "type": "object",
                "required": ["name", "arguments"],
                "properties": {"arguments": {"type": "string"}},
            },
        },
    },
}
OPENAI_MESSAGES = {
    "type": "array",
    "minItems": 1,
    "items": {
        "type": "object",
        "required": ["role", "content"],
        "additionalProperties": False,
        "properties": {
            "role": {"enum": ["system", "user", "assistant", "tool"]},
            "content": {"type": "string"},
            "weight": {"enum": [0, 1]},
            "tool_calls": CALLS,
            "tool_call_id": {"type": "string"},
        },
    },
}


def test_openai_chat_lines_train_on_the_last_answer_alone(
    store: FeedbackStore, tmp_path: Path
) -> None:
    schema = {
        "type": "object",
        "required": ["messages"],
        "additionalProperties": False,
        "properties": {"messages": OPENAI_MESSAGES},
    }
    rows = exported(store, "openai", tmp_path)
    for row in rows:
        jsonschema.validate(row, schema)
        *before, answer = row["messages"]
        assert answer["role"] == "assistant"
        assert "weight" not in answer
        assert all(m["weight"] == 0 for m in before if m["role"] == "assistant")
    assert [m["role"] for m in rows[1]["messages"]] == ["user", "assistant", "tool", "assistant"]


def test_openai_preferences_are_as_its_guide_shows_them(
    store: FeedbackStore, tmp_path: Path
) -> None:
    # Guide "Direct preference optimization"; the same in Azure's documentation: both outputs hold
    # messages of assistant or tool only, and at least one of the assistant.
    output = {
        "type": "array",
        "minItems": 1,
        "maxItems": 1,
        "items": message("assistant") | {"additionalProperties": False},
    }
    schema = {
        "type": "object",
        "required": ["input", "preferred_output", "non_preferred_output"],
        "additionalProperties": False,
        "properties": {
            "input": {
                "type": "object",
                "required": ["messages", "tools", "parallel_tool_calls"],
                "additionalProperties": False,
                "properties": {
                    "messages": OPENAI_MESSAGES,
                    "tools": {"type": "array"},
                    "parallel_tool_calls": {"const": True},
                },
            },
            "preferred_output": output,
            "non_preferred_output": output,
        },
    }
    rows = exported(store, "openai-preference", tmp_path)
    for row in rows:
        jsonschema.validate(row, schema)
    assert [row["preferred_output"][0]["content"] for row in rows] == [
        "답 l1",
        "답 r2",
        "답은 100만원입니다.",
    ]


def test_classic_lines_have_separator_space_and_stop(store: FeedbackStore, tmp_path: Path) -> None:
    # OpenAI's guide for base models ("Preparing your dataset") and its `prepare_data` tool.
    rows = exported(store, "prompt-completion", tmp_path)
    for row in rows:
        assert row.keys() == {"prompt", "completion"}
        assert row["prompt"].endswith("\n\n###\n\n")
        assert row["prompt"].count("\n\n###\n\n") == 1
        assert row["completion"].startswith(" ")
        assert not row["completion"].startswith("  ")
        assert row["completion"].endswith(" END")
    assert [row["prompt"] for row in rows] == [
        "간단히 답하세요.\n\nUser: 보험금은 얼마인가요?\nAssistant: 어떤 보험인가요?\n"
        "User: Home Guard\nAssistant:\n\n###\n\n",
        "보험금은 얼마인가요?\n\n###\n\n",
        rows[0]["prompt"],
    ]


def test_what_a_format_cannot_say_is_left_out_with_a_reason(
    store: FeedbackStore, tmp_path: Path
) -> None:
    serve(store, "marked", "the END of it", (FIRST,))
    store.record_vote("marked", PERSON, True)
    report = export_feedback(store, "prompt-completion", tmp_path / "out")
    assert report.left_out["the separator or the stop stands in the text itself"] == 1
    assert report.left_out["the conversation calls functions"] == 1
    serve(store, "twice", "답", (FIRST, SYSTEM, FIRST))
    serve(store, "greeted", "답", (*CHAT[:2], CHAT[1]))
    for id_ in ("twice", "greeted"):
        store.record_vote(id_, PERSON, True)
    report = export_feedback(store, "llamafactory", tmp_path / "folder")
    assert report.left_out["sft: the system speaks in the middle of the conversation"] == 1
    assert report.left_out["sft: questions and answers do not alternate"] == 1


def test_alpaca_is_one_array_of_instruction_input_and_output(
    store: FeedbackStore, tmp_path: Path
) -> None:
    # tatsu-lab/stanford_alpaca, README, "Data Release": alpaca_data.json.
    report = export_feedback(store, "alpaca", tmp_path / "out.json")
    rows = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert len(rows) == report.rows == 3
    assert all(row.keys() == {"instruction", "input", "output"} for row in rows)
    assert rows[1] == {"instruction": FIRST["content"], "input": "", "output": "답 single"}
    assert rows[0]["instruction"] == "Home Guard"
    assert rows[0]["input"] == (
        "간단히 답하세요.\n\nUser: 보험금은 얼마인가요?\nAssistant: 어떤 보험인가요?"
    )


def test_an_empty_array_is_an_array(database: Database, tmp_path: Path) -> None:
    export_feedback(FeedbackStore(database), "alpaca", tmp_path / "out.json")
    assert json.loads((tmp_path / "out.json").read_text(encoding="utf-8")) == []


def llamafactory_reads(row: dict[str, Any], description: dict[str, Any]) -> None:
    """Check a row as `SharegptDatasetConverter` does (src/llamafactory/data/converter.py)."""
    columns = description["columns"]
    messages = row[columns["messages"]]
    for at, turn in enumerate(messages):
        accepted = ("human", "observation") if at % 2 == 0 else ("gpt", "function_call")
        assert turn["from"] in accepted
        assert isinstance(turn["value"], str)
    ranking = description.get("ranking", False)
    assert len(messages) % 2 == (1 if ranking else 0)
    assert isinstance(row[columns["system"]], str)
    if ranking:
        for side in ("chosen", "rejected"):
            assert row[columns[side]]["from"] == "gpt"
            assert isinstance(row[columns[side]]["value"], str)
    if "kto_tag" in columns:
        assert isinstance(row[columns["kto_tag"]], bool)


def test_llamafactory_reads_all_three_by_dataset_info(store: FeedbackStore, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    report = export_feedback(store, "llamafactory", folder)
    info = json.loads((folder / "dataset_info.json").read_text(encoding="utf-8"))
    # data/README.md: the keys that a description may have, and those that its columns may have.
    assert {key for each in info.values() for key in each} <= {
        "file_name",
        "formatting",
        "ranking",
        "columns",
    }
    for description in info.values():
        rows = lines(folder / description["file_name"])
        assert len(rows) == report.files[description["file_name"]] > 0
        for row in rows:
            llamafactory_reads(row, description)
    called = lines(folder / "sft.jsonl")[1]["conversations"]
    assert [turn["from"] for turn in called] == ["human", "function_call", "observation", "gpt"]
    assert json.loads(called[1]["value"]) == [{"name": "find", "arguments": '{"q": "집"}'}]


def test_axolotl_reads_messages_and_pairs_by_its_configs(
    store: FeedbackStore, tmp_path: Path
) -> None:
    # docs/dataset-formats/conversation.qmd ("fine-grained control"), docs/rlhf.qmd
    # (chat_template.default), src/axolotl/prompt_strategies/dpo/chat_template.py.
    folder = tmp_path / "axolotl"
    export_feedback(store, "axolotl", folder)
    [sft] = yaml.safe_load((folder / "sft.yaml").read_text(encoding="utf-8"))["datasets"]
    assert (sft["type"], sft["roles_to_train"]) == ("chat_template", [])
    for row in lines(folder / sft["path"]):
        learned = [m[sft["message_field_training"]] for m in row[sft["field_messages"]]]
        assert learned == [False] * (len(learned) - 1) + [True]
    config = yaml.safe_load((folder / "dpo.yaml").read_text(encoding="utf-8"))
    [dpo] = config["datasets"]
    assert (config["rl"], dpo["type"]) == ("dpo", "chat_template.default")
    rows = lines(folder / dpo["path"])
    # The second pair calls functions, which this type would drop from the prompt.
    assert len(rows) == 2
    for row in rows:
        assert all(m.keys() == {"role", "content"} for m in row[dpo["field_messages"]])
        for field in ("field_chosen", "field_rejected"):
            jsonschema.validate(row[dpo[field]], message("assistant"))


def test_rewards_have_the_prompt_in_front_or_apart(store: FeedbackStore, tmp_path: Path) -> None:
    implicit = exported(store, "reward", tmp_path)
    explicit = exported(store, "reward-prompt", tmp_path)
    assert all(row.keys() == {"chosen", "rejected"} for row in implicit)
    for one, other in zip(implicit, explicit, strict=True):
        assert one["chosen"] == other["prompt"] + other["chosen"]
        assert one["rejected"] == other["prompt"] + other["rejected"]


@pytest.mark.parametrize(
    ("form", "names"),
    [
        ("parquet", ("kto.parquet", "dpo.parquet", "sft.parquet")),
        ("huggingface", ("kto/train.parquet", "dpo/train.parquet", "sft/train.parquet")),
    ],
)
def test_parquet_holds_the_same_rows_as_json_lines(
    store: FeedbackStore, tmp_path: Path, form: str, names: tuple[str, ...]
) -> None:
    folder = tmp_path / form
    export_feedback(store, form, folder)
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert files - {"README.md"} == set(names)
    for source, name in zip(("kto", "dpo", "sft"), names, strict=True):
        expected = list(ROWS[source](store, Counter()))  # type: ignore[index]
        read = [without_nulls(row) for row in pq.read_table(folder / name).to_pylist()]
        assert read == [without_nulls(row) for row in expected]


def without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_nulls(each) for key, each in value.items() if each is not None}
    return [without_nulls(each) for each in value] if isinstance(value, list) else value


def test_a_column_for_calls_is_there_only_with_calls(database: Database, tmp_path: Path) -> None:
    store = FeedbackStore(database)
    serve(store, "a", "답")
    store.record_vote("a", PERSON, True)
    export_feedback(store, "parquet", tmp_path / "without")
    schema = pq.read_schema(tmp_path / "without" / "sft.parquet")
    fields = schema.field("messages").type.value_type
    assert [fields.field(at).name for at in range(fields.num_fields)] == ["role", "content"]
    assert pq.read_table(tmp_path / "without" / "dpo.parquet").num_rows == 0


def test_the_card_names_every_table_and_what_was_left_out(
    store: FeedbackStore, tmp_path: Path
) -> None:
    # Hugging Face Hub, "Dataset cards": a YAML header with configs and their data_files.
    folder = tmp_path / "hub"
    report = export_feedback(store, "huggingface", folder)
    _, header, text = (folder / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    card = yaml.safe_load(header)
    paths = {c["config_name"]: c["data_files"][0]["path"] for c in card["configs"]}
    assert set(paths) == {"kto", "dpo", "sft"}
    assert all((folder / path).is_file() for path in paths.values())
    assert [c["config_name"] for c in card["configs"] if c.get("default")] == ["kto"]
    assert card["size_categories"] == ["n<1K"]
    assert f"| `kto` | {report.files['kto/train.parquet']} |" in text
    assert all(f"| {reason} | {n} |" in text for reason, n in report.left_out.items())
    assert "Do not publish" in text


@pytest.mark.parametrize("form", FORMATS)
def test_korean_is_written_as_it_is(store: FeedbackStore, tmp_path: Path, form: str) -> None:
    out = tmp_path / "out"
    export_feedback(store, form, out)
    files = [out] if out.is_file() else [p for p in out.rglob("*") if p.is_file()]
    assert any("보험금은".encode() in path.read_bytes() for path in files)


@pytest.mark.parametrize("form", FOLDERS)
def test_a_folder_appears_whole_or_not_at_all(
    store: FeedbackStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("feedback.export_rows._conversation", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            export_feedback(store, form, tmp_path / "out")
    assert [path.name for path in tmp_path.glob("*out*")] == []
    (tmp_path / "out").mkdir()
    export_feedback(store, form, tmp_path / "out")
    before = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    with pytest.raises(InvalidFeedback, match="name a folder that is not there yet"):
        export_feedback(store, form, tmp_path / "out")
    assert {path: path.read_bytes() for path in before} == before


@pytest.mark.parametrize("form", FORMATS)
def test_a_download_is_one_file(store: FeedbackStore, tmp_path: Path, form: str) -> None:
    folder = tmp_path / "downloads"
    folder.mkdir()
    path, report = export_download(store, form, folder)
    assert list(folder.iterdir()) == [path]
    assert path.name.startswith(f"ratchet-{form}.")
    if FORMATS[form].folder:
        assert path.suffix == ".zip"
        expected = {f"ratchet-{form}/{name}" for name in report.files}
        assert expected <= set(ZipFile(path).namelist())


def test_the_same_feedback_gives_the_same_bytes(store: FeedbackStore, tmp_path: Path) -> None:
    for form in FORMATS:
        for number in (1, 2):
            export_feedback(store, form, tmp_path / f"{form}-{number}")
        first, second = tmp_path / f"{form}-1", tmp_path / f"{form}-2"
        for path in [first, *first.rglob("*")]:
            if path.is_file():
                assert path.read_bytes() == (second / path.relative_to(first)).read_bytes()


@pytest.mark.parametrize("form", [form for form in FORMATS if form != "raw"])
def test_no_format_holds_the_words_of_whoever_refused(
    store: FeedbackStore, tmp_path: Path, form: str
) -> None:
    Consents(store.database).put(PERSON, False, "1")
    report = export_feedback(store, form, tmp_path / "out")
    assert report.rows == 0
    assert sum(n for reason, n in report.left_out.items() if REFUSED in reason) > 0


def test_the_documents_rows_are_what_the_formats_write() -> None:
    text = (ROOT / "docs" / "datasets.md").read_text(encoding="utf-8")
    block = text.split("### A row of each other format", 1)[1].split("```", 2)[1]
    shown = dict(line.split(maxsplit=1) for line in block.strip().splitlines())
    asked = [{"role": "user", "content": "보험금은?"}]
    good, bad = ([{"role": "assistant", "content": text}] for text in ("100만원", "몰라요"))
    rows = {
        "sft": {"messages": asked + good},
        "dpo": {"prompt": asked, "chosen": good, "rejected": bad},
        "kto": {"prompt": asked, "completion": bad, "label": False},
    }
    written = {
        name if not form.folder else f"{name}/{part.source}": part.convert(rows[part.source])
        for name, form in FORMATS.items()
        for part in form.parts
        if name not in {*rows, "raw", "parquet", "huggingface"}
    }
    assert {name: json.loads(row) for name, row in shown.items()} == written
    assert all(f"| `{name}`" in text or f", `{name}`" in text for name in FORMATS)
