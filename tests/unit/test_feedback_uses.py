"""People are told what became of what they said, and of nothing that others said."""

from typing import Any

import pytest

from feedback.conversations import Conversations
from feedback.database import Database
from feedback.privacy import forget
from feedback.rankings import Rankings
from feedback.store import FeedbackStore
from feedback.tables import feedback_uses
from feedback.types import Comparison, Ranking
from feedback.uses import Fate, Uses
from tests.feedback_kit import Clock, serve


@pytest.fixture
def store(database: Database) -> FeedbackStore:
    return FeedbackStore(database, Clock())


@pytest.fixture
def uses(store: FeedbackStore) -> Uses:
    return Uses(store.database)


def voted(store: FeedbackStore, *ids: str) -> None:
    serve(store, *ids)
    for id_ in ids:
        store.record_vote(id_, "ada", True)


def told(uses: Uses, **page: Any) -> list[tuple[str, str, str, tuple[str, ...]]]:
    return [(use.id, use.became, use.reason, use.adapters) for use in uses.of("ada", **page)]


def test_all_that_a_person_said_stands_in_one_line_of_time(
    uses: Uses, store: FeedbackStore
) -> None:
    serve(store, "a", "b", "c", "d", "e", "f", "g", "back")
    serve(store, "hers", person="eve")
    store.record_vote("hers", "eve", True)
    store.record_vote("a", "ada", False)
    store.open_comparison(Comparison("p", "ada", "b", "c"))
    store.record_outcome("p", "ada", "right")
    store.open_comparison(Comparison("undecided", "ada", "b", "d"))
    rankings = Rankings(store.database, store.clock)
    rankings.open(Ranking("r", "ada", ("d", "e", "f")))
    rankings.record("r", "ada", (("e",), ("d", "f")))
    store.record_correction("g", "ada", "better")
    store.record_vote("back", "ada", True)
    store.record_vote("back", "ada", None)
    found = uses.of("ada")
    assert [(use.kind, use.id, use.said) for use in found] == [
        ("correction", "g", "better"),
        ("ranking", "r", (("e",), ("d", "f"))),
        ("comparison", "p", "right"),
        ("vote", "a", False),
    ]
    assert (found[-1].question, found[-1].conversation) == ("a?", "talk a")
    assert {use.became for use in found} == {"waiting"}
    first = uses.of("ada", 2)
    assert first == found[:2]
    assert uses.of("ada", 2, before=first[-1].at) == found[2:]


def test_a_vote_is_waiting_until_a_cycle_has_made_an_adapter_of_it(
    uses: Uses, store: FeedbackStore
) -> None:
    voted(store, "a")
    assert told(uses) == [("a", "waiting", "", ())]
    uses.record(1, store.clock(), [Fate("vote", "a", "train")])
    assert told(uses) == [("a", "waiting", "", ())]
    uses.publish(1, "ratchet-0001")
    assert told(uses) == [("a", "trained", "", ("ratchet-0001",))]
    uses.record(2, store.clock(), [Fate("vote", "a", "train")])
    uses.publish(2, "ratchet-0002")
    uses.record(3, store.clock(), [Fate("vote", "a", "left_out", "share")])
    assert told(uses) == [("a", "trained", "", ("ratchet-0001", "ratchet-0002"))]


def test_what_was_not_trained_on_is_told_with_the_last_cycles_word(
    uses: Uses, store: FeedbackStore
) -> None:
    voted(store, "a", "b", "c", "d")
    fates = [
        Fate("vote", "a", "judge"),
        Fate("vote", "b", "check"),
        Fate("vote", "c", "left_out", "protected"),
    ]
    uses.record(1, store.clock(), fates)
    assert told(uses) == [
        ("d", "left_out", "older", ()),
        ("c", "left_out", "protected", ()),
        ("b", "check", "", ()),
        ("a", "judge", "", ()),
    ]
    uses.record(2, store.clock(), [Fate("vote", "a", "left_out", "share")])
    assert told(uses)[-1] == ("a", "left_out", "share", ())


def test_a_vote_that_was_changed_waits_again(uses: Uses, store: FeedbackStore) -> None:
    voted(store, "a")
    uses.record(1, store.clock(), [Fate("vote", "a", "train")])
    uses.publish(1, "ratchet-0001")
    store.record_vote("a", "ada", False)
    assert told(uses) == [("a", "waiting", "", ())]


def test_one_trained_side_of_a_pair_is_enough_and_kinds_are_apart(
    uses: Uses, store: FeedbackStore
) -> None:
    serve(store, "l", "r")
    store.open_comparison(Comparison("p", "ada", "l", "r"))
    store.record_outcome("p", "ada", "left")
    store.record_vote("l", "ada", True)
    fates = [
        Fate("comparison", "l", "left_out", "repeated"),
        Fate("comparison", "r", "train"),
        Fate("vote", "l", "judge"),
    ]
    uses.record(1, store.clock(), fates)
    uses.publish(1, "ratchet-0001")
    assert told(uses) == [("l", "judge", "", ()), ("p", "trained", "", ("ratchet-0001",))]


def test_recording_a_cycle_again_replaces_it_and_old_reasons_go(
    uses: Uses, store: FeedbackStore
) -> None:
    voted(store, "a", "b")
    uses.record(1, store.clock(), [Fate("vote", "a", "train"), Fate("vote", "b", "judge")])
    uses.record(1, store.clock(), [Fate("vote", "a", "train"), Fate("vote", "b", "check")])
    uses.publish(1, "ratchet-0001")
    uses.record(2, store.clock(), [Fate("vote", "a", "train")])  # its training fails
    uses.record(3, store.clock(), [Fate("vote", "b", "judge"), Fate("vote", "unknown", "judge")])
    with store.database.read() as connection:
        rows = connection.execute(feedback_uses.select().order_by(feedback_uses.c.cycle)).all()
    assert [(row.cycle, row.completion_id, row.role) for row in rows] == [
        (1, "a", "train"), (3, "b", "judge"),
    ]  # fmt: skip


def test_many_fates_are_kept_in_several_short_transactions(
    uses: Uses, store: FeedbackStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("feedback.uses.BATCH", 2)
    voted(store, "a", "b", "c")
    uses.record(1, store.clock(), [Fate("vote", id_, "judge") for id_ in "abc"])
    assert [became for _, became, _, _ in told(uses)] == ["judge"] * 3


def test_the_question_of_a_deleted_conversation_is_not_shown(
    uses: Uses, store: FeedbackStore
) -> None:
    voted(store, "a")
    Conversations(store.database).delete("talk a", "ada")
    (use,) = uses.of("ada")
    assert (use.question, use.conversation, use.said) == ("", None, True)


def test_a_forgotten_person_has_no_fates(uses: Uses, store: FeedbackStore) -> None:
    voted(store, "a")
    uses.record(1, store.clock(), [Fate("vote", "a", "train")])
    forget(store.database, "ada")
    with store.database.read() as connection:
        assert connection.execute(feedback_uses.select()).all() == []
