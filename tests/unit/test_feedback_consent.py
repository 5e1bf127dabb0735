"""What people agree to: kept with its history, and told apart from what they put off."""

import json
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from feedback.consent import ASK, OUTDATED, REFUSED, UNASKED, VERSION, Consents, Rule
from feedback.database import Database
from feedback.exchange import export_feedback
from feedback.history import history
from feedback.implied import iter_implied, put_signal, signals
from feedback.intake import import_feedback
from feedback.privacy import forget
from feedback.rankings import Rankings
from feedback.store import FeedbackStore
from feedback.tables import consents
from feedback.types import Comparison, InvalidFeedback, NotServedTo, Ranking
from ratchet.sections import Feedback
from tests.feedback_kit import Clock, serve

REQUIRED = Rule("required", "2")


@pytest.fixture
def store(database: Database) -> FeedbackStore:
    return FeedbackStore(database, Clock())


@pytest.fixture
def given(store: FeedbackStore) -> Consents:
    return Consents(store.database, store.clock)


def test_an_answer_is_kept_changed_and_its_history_stays(given: Consents) -> None:
    assert given.of("ada") is None
    assert given.put("ada", True, "1", "page").agreed is True
    at = given.put("ada", True, "1").at
    assert given.put("ada", True, "1").at == at
    given.put("ada", False, "1")
    now = given.of("ada")
    assert now is not None
    assert (now.agreed, now.version) == (False, "1")
    events = [(e.agreed, e.version, e.interface) for e in given.history("ada")]
    assert events == [(True, "1", "page"), (False, "1", "api")]
    assert given.history("bob") == []


def test_answers_at_once_end_in_the_last_one_written(given: Consents) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: given.put("ada", n % 3 == 0, "1"), range(60)))
    events = given.history("ada")
    now = given.of("ada")
    assert now is not None
    assert (now.agreed, now.at) == (events[-1].agreed, events[-1].at)
    assert all(one.agreed != next_.agreed for one, next_ in pairwise(events))


def test_putting_the_question_off_lifts_no_refusal(given: Consents) -> None:
    assert given.put("ada", None, "1").agreed is None
    given.put("ada", False, "1")
    assert given.put("ada", None, "2").agreed is False
    assert given.put("ada", True, "2").agreed is True
    assert given.put("ada", None, "2").agreed is None
    assert [e.agreed for e in given.history("ada")] == [None, False, None, True, None]


@pytest.mark.parametrize(
    ("agreed", "version", "asked", "required"),
    [
        (True, "2", None, None),
        (True, "1", None, OUTDATED),
        (False, "2", REFUSED, REFUSED),
        (False, "1", REFUSED, REFUSED),
        (None, "2", None, UNASKED),
    ],
)
def test_whose_words_may_train(
    store: FeedbackStore, given: Consents, agreed: bool | None, version: str,
    asked: str | None, required: str | None,
) -> None:  # fmt: skip
    given.put("ada", agreed, version)
    rules = {"off": asked, "ask": asked, "required": required}
    for mode, reason in rules.items():
        rule = Rule(mode, "2")  # type: ignore[arg-type]
        assert given.refusing(rule)("ada") == reason
        assert given.refusing(rule)("bob") == (UNASKED if mode == "required" else None)
        with store.database.read() as connection:
            allowed = connection.scalars(
                select(consents.c.person).where(rule.allowed(consents.c.person))
            ).all()
        assert bool(allowed) == (reason is None)


def test_everybody_is_asked_once_for_each_text(given: Consents) -> None:
    answered = given.put("ada", None, "2")
    for rule, asks in ((Rule("off", "2"), False), (Rule("ask", "2"), True), (REQUIRED, True)):
        assert rule.asks(None) is asks
        assert rule.asks(answered) is False
        assert Rule(rule.mode, "3").asks(answered) is asks


def test_the_settings_defaults_are_the_shipped_texts() -> None:
    default = Feedback()
    assert Rule(default.consent, default.consent_version) == ASK
    assert ASK.version == VERSION


@pytest.mark.parametrize("version", ["", "x" * 65, "\0", "\ud800"])
def test_a_version_that_is_none_is_refused(given: Consents, version: str) -> None:
    with pytest.raises(InvalidFeedback, match=r"version|NUL|surrogate"):
        given.put("ada", True, version)


def test_each_event_carries_its_interface_and_the_consent_of_its_moment(
    store: FeedbackStore, given: Consents
) -> None:
    serve(store, "a", "b", "c", "d", "e", "f")
    store.open_comparison(Comparison("pair", "ada", "a", "b"))
    rankings = Rankings(store.database, store.clock)
    rankings.open(Ranking("line", "ada", ("c", "d", "e")))
    store.record_vote("f", "ada", True, interface="page")
    given.put("ada", True, "7")
    store.record_vote("f", "ada", False)
    store.record_outcome("pair", "ada", "left", interface="page")
    rankings.record("line", "ada", (("c",), ("d", "e")), interface="page")
    store.record_correction("f", "ada", "better", interface="page")
    given.put("ada", False, "7")
    store.record_vote("f", "ada", None)

    def told(kind: Any, id_: str) -> list[tuple[Any, ...]]:
        return [event[1:] for event in history(store.database, kind, id_, "ada")]

    assert told("vote", "f") == [
        (True, "page", None), (False, "api", "7"), (None, "api", None),
    ]  # fmt: skip
    assert told("comparison", "pair") == [("left", "page", "7")]
    assert told("ranking", "line") == [((("c",), ("d", "e")), "page", "7")]
    assert told("correction", "f") == [("better", "page", "7")]


def test_the_time_to_choose_runs_from_the_last_answers_end(store: FeedbackStore) -> None:
    serve(store, "a", "b", "c", "d", created=10.0, updated=10.0)
    serve(store, "late", "later", status="streaming")
    for pair in (("one", "a", "b"), ("two", "c", "d"), ("open", "late", "later")):
        store.open_comparison(Comparison(pair[0], "ada", *pair[1:]))
    store.close_completion("b", text="b", status="complete")
    ended = store.clock.now  # type: ignore[attr-defined]
    first = store.record_outcome("one", "ada", "left")
    assert first.seconds == first.updated - ended > 0
    assert store.record_outcome("one", "ada", "right").seconds == first.seconds
    assert store.record_outcome("two", "ada", "tie", seconds=2.5).seconds == 2.5
    assert store.record_outcome("open", "ada", "tie").seconds is None


def test_what_is_implied_counts_once_and_is_no_feedback(
    store: FeedbackStore, given: Consents
) -> None:
    serve(store, "a")
    given.put("ada", True, "1")
    with store.database.write() as connection:
        assert put_signal(connection, "a", "ada", "copy", 5.0, "page") is True
        assert put_signal(connection, "a", "ada", "copy", 6.0) is False
        assert put_signal(connection, "a", "ada", "edit", 7.0) is True
        with pytest.raises(NotServedTo):
            put_signal(connection, "a", "bob", "copy", 8.0)
    assert list(signals(store.database)) == [
        ("a", "ada", "copy", 5.0, "page", "1"), ("a", "ada", "edit", 7.0, "api", "1"),
    ]  # fmt: skip
    assert [signal.kind for signal in signals(store.database, since=5.0)] == ["edit"]
    assert store.feedback_since(0.0) == 0
    assert list(iter_implied(store.database)) == []


def test_exports_to_train_on_leave_out_whoever_refused_and_raw_moves_the_refusal(
    store: FeedbackStore, given: Consents, new_database: Any, tmp_path: Path
) -> None:
    serve(store, "a")
    serve(store, "b", person="bob")
    for id_, person in (("a", "ada"), ("b", "bob")):
        store.record_vote(id_, person, True)
    given.put("ada", True, "1")
    given.put("bob", False, "1")
    kto = export_feedback(store, "kto", tmp_path / "kto.jsonl")
    assert (kto.rows, kto.left_out) == (1, {REFUSED: 1})
    required = export_feedback(store, "sft", tmp_path / "sft.jsonl", REQUIRED)
    assert (required.rows, required.left_out) == (0, {REFUSED: 1, OUTDATED: 1})
    raw = export_feedback(store, "raw", tmp_path / "raw.jsonl")
    assert (raw.rows, raw.left_out) == (2, {})
    rows = [json.loads(line) for line in (tmp_path / "raw.jsonl").read_text().splitlines()]
    shared = set.intersection(*(set(row) for row in rows))
    assert set(rows[-1]) <= shared
    assert [(row["kind"], row["consent"]["agreed"]) for row in rows] == [
        ("vote", True), ("vote", False),
    ]  # fmt: skip
    elsewhere = FeedbackStore(new_database(), Clock())
    report = import_feedback(elsewhere, "raw", tmp_path / "raw.jsonl")
    assert (report.added, report.refused) == (2, ())
    assert import_feedback(elsewhere, "raw", tmp_path / "raw.jsonl").added == 0
    moved = Consents(elsewhere.database)
    assert [(c.person, c.agreed, c.version) for c in moved.all()] == [
        ("ada", True, "1"), ("bob", False, "1"),
    ]  # fmt: skip
    assert moved.refusing(ASK)("bob") == REFUSED
    assert [event.interface for event in moved.history("bob")] == ["import"]
    said_elsewhere = [event.consent for event in history(elsewhere.database, "vote", "a", "ada")]
    assert said_elsewhere == [None]


def test_an_import_never_overrules_a_later_answer_and_says_each_once(
    store: FeedbackStore, given: Consents, new_database: Any, tmp_path: Path
) -> None:
    serve(store, "a", "b")
    given.put("ada", True, "1")
    for id_ in ("a", "b"):
        store.record_vote(id_, "ada", True)
    export_feedback(store, "raw", tmp_path / "yes.jsonl")
    serve(store, "c", person="eve")
    store.record_vote("c", "eve", True)
    export_feedback(store, "raw", tmp_path / "all.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "all.jsonl").read_text().splitlines()]
    assert [row["consent"]["agreed"] for row in rows] == [True, True, None]
    given.put("ada", False, "1")
    later = given.of("ada")
    import_feedback(store, "raw", tmp_path / "yes.jsonl")
    assert given.of("ada") == later
    elsewhere = FeedbackStore(new_database(), Clock())
    assert import_feedback(elsewhere, "raw", tmp_path / "all.jsonl").added == 3
    moved = Consents(elsewhere.database)
    assert len(moved.history("ada")) == 1
    assert moved.of("eve") is None


def test_what_was_exported_with_rows_of_consent_is_still_read(
    store: FeedbackStore, given: Consents, tmp_path: Path
) -> None:
    stamp = "2026-01-02T03:04:05.000006+00:00"
    row = {"kind": "consent", "person": "ada", "agreed": False, "version": "1", "text": "",
           "liked": None, "completions": [], "created": stamp, "updated": stamp}  # fmt: skip
    (tmp_path / "old.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    assert import_feedback(store, "raw", tmp_path / "old.jsonl").added == 1
    assert given.refusing(ASK)("ada") == REFUSED


def test_who_is_forgotten_has_answered_nothing(store: FeedbackStore, given: Consents) -> None:
    serve(store, "a")
    with store.database.write() as connection:
        put_signal(connection, "a", "ada", "copy", 5.0)
    given.put("ada", False, "1")
    forget(store.database, "ada")
    assert given.of("ada") is None
    assert given.history("ada") == []
    assert list(signals(store.database)) == []
