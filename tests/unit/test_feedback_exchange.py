"""Feedback goes out under fixed names, and comes back as the same feedback."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from feedback.database import Database
from feedback.exchange import export_feedback
from feedback.intake import import_feedback
from feedback.store import FeedbackStore
from feedback.summary import summarise
from feedback.types import Comparison, Completion, InvalidFeedback, Status

CONTRACT = {
    "kind",
    "person",
    "completion",
    "responder",
    "liked",
    "outcome",
    "text",
    "created",
    "updated",
}
PROMPT = [{"role": "user", "content": "보험금은 얼마인가요?"}]


@pytest.fixture
def store(database: Database) -> FeedbackStore:
    return FeedbackStore(database)


@pytest.fixture
def elsewhere(new_database: Callable[[], Database]) -> FeedbackStore:
    return FeedbackStore(new_database())


def serve(store: FeedbackStore, id_: str, text: str, status: Status = "complete") -> None:
    completion = Completion(
        id=id_,
        conversation="c",
        person="Ada Lovelace",
        messages=({"role": "user", "content": "보험금은 얼마인가요?"},),
        responder=f"by-{id_}",
        sampling={"seed": 1},
        passages=({"id": "p", "text": "본문"},),
        steps=({"tool": "search_documents", "query": "본문", "passages": ["p"]},),
    )
    store.open_completion(completion)
    store.close_completion(id_, text=text, status=status)


@pytest.fixture
def said(store: FeedbackStore) -> FeedbackStore:
    """Everything that a person can say, once each."""
    person = "Ada Lovelace"
    for id_ in ("up", "down", "back", "l1", "r1", "l2", "r2", "l3", "r3", "l4", "r4", "fix"):
        serve(store, id_, f"text {id_}")
    store.record_vote("up", person, True, ("clear",), "좋아요")
    store.record_vote("down", person, False)
    store.record_vote("back", person, True)
    store.record_vote("back", person, None)
    for number, outcome in enumerate(("left", "right", "tie", "both_bad"), 1):
        store.open_comparison(Comparison(f"p{number}", person, f"l{number}", f"r{number}"))
        store.record_outcome(f"p{number}", person, outcome)
    store.record_outcome("p2", person, "left")
    store.record_correction("fix", person, "text fixed")
    return store


def exported(store: FeedbackStore, form: Any, path: Path) -> list[dict[str, Any]]:
    report = export_feedback(store, form, path)
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert report.rows == len(rows)
    return rows


def assistant(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]


@pytest.mark.parametrize("form", ["kto", "dpo", "sft", "raw"])
def test_every_row_carries_the_contracts_fields(
    said: FeedbackStore, tmp_path: Path, form: str
) -> None:
    rows = exported(said, form, tmp_path / "out.jsonl")
    assert rows
    for row in rows:
        assert row.keys() >= CONTRACT | {"completion_id"}
        assert row["person"] == "Ada Lovelace"
        says = {"vote": "liked", "comparison": "outcome", "correction": "text"}[row["kind"]]
        assert row[says] not in (None, "")
        assert row["created"].endswith("+00:00")
        # A reader that takes a column's type from the first rows must not meet another one later.
        assert None not in [value for name, value in row.items() if name != "liked"]
    if form != "raw":
        assert all(row.keys() == rows[0].keys() for row in rows)


def test_raw_has_one_row_a_record_and_nothing_left_out(said: FeedbackStore, tmp_path: Path) -> None:
    rows = exported(said, "raw", tmp_path / "out.jsonl")
    assert [(row["kind"], row["completion"]) for row in rows] == [
        ("vote", "up"),
        ("vote", "down"),
        ("comparison", "l1"),
        ("comparison", "l2"),
        ("comparison", "l3"),
        ("comparison", "l4"),
        ("correction", "fix"),
    ]
    assert (rows[0]["liked"], rows[0]["comment"], rows[0]["responder"]) == (True, "좋아요", "by-up")
    assert (rows[3]["outcome"], rows[3]["unblinded"]) == ("right", True)
    assert rows[3]["right_responder"] == "by-r2"


def test_kto_rows_come_from_votes_pairs_that_are_both_bad_and_corrections(
    said: FeedbackStore, tmp_path: Path
) -> None:
    rows = exported(said, "kto", tmp_path / "out.jsonl")
    assert [(row["completion_id"], row["completion"], row["label"]) for row in rows] == [
        ("up", assistant("text up"), True),
        ("down", assistant("text down"), False),
        ("l4", assistant("text l4"), False),
        ("r4", assistant("text r4"), False),
        ("fix", assistant("text fixed"), True),
    ]
    assert all(row["prompt"] == PROMPT for row in rows)


def test_a_side_that_was_voted_on_is_one_kto_row_not_two(
    said: FeedbackStore, tmp_path: Path
) -> None:
    said.record_vote("l4", "Ada Lovelace", False)
    rows = exported(said, "kto", tmp_path / "out.jsonl")
    assert [row["kind"] for row in rows if row["completion_id"] == "l4"] == ["vote"]


def test_dpo_pairs_come_from_decided_comparisons_and_corrections(
    said: FeedbackStore, tmp_path: Path
) -> None:
    rows = exported(said, "dpo", tmp_path / "out.jsonl")
    assert [(row["chosen"], row["rejected"]) for row in rows] == [
        (assistant("text l1"), assistant("text r1")),
        (assistant("text r2"), assistant("text l2")),
        (assistant("text fixed"), assistant("text fix")),
    ]
    assert [row["comparison_id"] for row in rows] == ["p1", "p2", ""]


def test_sft_conversations_end_in_liked_or_corrected_answers(
    said: FeedbackStore, tmp_path: Path
) -> None:
    rows = exported(said, "sft", tmp_path / "out.jsonl")
    assert [row["messages"] for row in rows] == [
        PROMPT + assistant("text up"),
        PROMPT + assistant("text fixed"),
    ]


def test_what_gives_no_row_is_counted_with_its_reason(store: FeedbackStore, tmp_path: Path) -> None:
    serve(store, "empty", " ")
    serve(store, "failed", "half an", "failed")
    serve(store, "same", "as good")
    for id_ in ("empty", "failed"):
        store.record_vote(id_, "Ada Lovelace", False)
    store.record_correction("same", "Ada Lovelace", "as good")
    report = export_feedback(store, "kto", tmp_path / "out.jsonl")
    assert (report.rows, report.left_out) == (1, {"the answer is empty or failed": 2})
    report = export_feedback(store, "dpo", tmp_path / "out.jsonl")
    assert report.left_out == {"vote": 2, "correction: both answers are the same": 1}
    assert export_feedback(store, "raw", tmp_path / "out.jsonl").rows == 3


def test_a_failed_export_leaves_the_old_file_and_no_other(
    said: FeedbackStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "new" / "out.jsonl"
    out.parent.mkdir()
    out.write_text("old", encoding="utf-8")
    monkeypatch.setattr("feedback.export_rows.iso", lambda seconds: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        export_feedback(said, "raw", out)
    assert [path.name for path in out.parent.iterdir()] == ["out.jsonl"]
    assert out.read_text(encoding="utf-8") == "old"


def test_raw_comes_back_as_the_same_feedback_once(
    said: FeedbackStore, elsewhere: FeedbackStore, tmp_path: Path
) -> None:
    path = tmp_path / "out.jsonl"
    export_feedback(said, "raw", path)
    first = import_feedback(elsewhere, "raw", path)
    assert (first.added, first.unchanged, first.refused) == (7, 0, ())
    again = import_feedback(elsewhere, "raw", path)
    assert (again.added, again.unchanged, again.refused) == (0, 7, ())
    back = tmp_path / "back.jsonl"
    export_feedback(elsewhere, "raw", back)
    assert back.read_bytes() == path.read_bytes()
    assert import_feedback(said, "raw", path).unchanged == 7
    for form, votes in (("kto", 2), ("sft", 1)):
        export_feedback(said, form, path)
        assert import_feedback(said, form, path, dry_run=True).unchanged == votes


def test_an_import_never_overrules_what_was_said_later(said: FeedbackStore, tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    export_feedback(said, "raw", path)
    said.record_vote("up", "Ada Lovelace", False)
    said.record_vote("down", "Ada Lovelace", None)
    assert import_feedback(said, "raw", path).added == 0
    now = said.vote("up", "Ada Lovelace")
    assert now is not None
    assert now.liked is False
    assert said.vote("down", "Ada Lovelace") is None


@pytest.mark.parametrize(("form", "count"), [("kto", 5), ("dpo", 3), ("sft", 2)])
def test_trl_formats_come_back_with_the_same_rows_to_train_on(
    said: FeedbackStore, elsewhere: FeedbackStore, tmp_path: Path, form: Any, count: int
) -> None:
    path = tmp_path / "out.jsonl"
    rows = exported(said, form, path)
    assert import_feedback(elsewhere, form, path).added == count
    again = import_feedback(elsewhere, form, path)
    assert (again.added, again.unchanged, again.refused) == (0, count, ())
    columns = ("prompt", "completion", "label", "chosen", "rejected", "messages", "person")

    def trained_on(rows: list[dict[str, Any]]) -> list[str]:
        return sorted(json.dumps([row.get(column) for column in columns]) for row in rows)

    assert trained_on(exported(elsewhere, form, tmp_path / "back.jsonl")) == trained_on(rows)
    assert all(rate.named == rate.total for rate in summarise(elsewhere.database))


def test_a_dry_run_says_what_would_happen_and_writes_nothing(
    said: FeedbackStore, elsewhere: FeedbackStore, tmp_path: Path
) -> None:
    path = tmp_path / "out.jsonl"
    export_feedback(said, "raw", path)
    report = import_feedback(elsewhere, "raw", path, dry_run=True)
    assert (report.added, report.dry_run) == (7, True)
    assert elsewhere.counts().completions == 0


def test_a_broken_row_is_refused_by_its_number_and_the_others_are_taken(
    elsewhere: FeedbackStore, tmp_path: Path
) -> None:
    path = tmp_path / "in.jsonl"
    lines = [
        '{"prompt": "q", "completion": "a", "label": true}',
        "no json",
        "",
        '{"prompt": "q", "completion": "b", "label": "perhaps"}',
        '{"prompt": "q", "completion": "c\\ud800", "label": false}',
        '{"prompt": "q", "completion": "d", "label": false, "person": "bob"}',
        '{"prompt": "q", "completion": [{"role": "user", "content": "e"}], "label": false}',
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    report = import_feedback(elsewhere, "kto", path)
    assert report.added == 2
    assert [refusal.line for refusal in report.refused] == [2, 4, 5, 7]
    assert {vote.person for vote, _ in elsewhere.iter_votes()} == {"imported", "bob"}


def test_an_import_cannot_speak_about_another_persons_answer(
    said: FeedbackStore, tmp_path: Path
) -> None:
    path = tmp_path / "in.jsonl"
    row = {"completion_id": "up", "person": "eve", "prompt": "q", "completion": "x", "label": False}
    path.write_text(json.dumps(row), encoding="utf-8")
    [refusal] = import_feedback(said, "kto", path).refused
    assert "another person or text" in refusal.reason


def test_unknown_formats_are_named(said: FeedbackStore, tmp_path: Path) -> None:
    wrong: Any = "xml"
    with pytest.raises(InvalidFeedback, match="'xml' is none of kto, dpo, sft, raw"):
        export_feedback(said, wrong, tmp_path / "out")
    with pytest.raises(InvalidFeedback, match="'xml' is none of kto, dpo, sft, raw"):
        import_feedback(said, wrong, tmp_path / "out")
