"""Reading many records costs each page the same, however many there are."""

import math

import pytest
from sqlalchemy import event

from feedback.counting import votes_within
from feedback.database import Database
from feedback.rankings import Rankings
from feedback.store import FeedbackStore
from tests.feedback_kit import Clock, serve


@pytest.fixture
def store(database: Database) -> FeedbackStore:
    return FeedbackStore(database, Clock())


def test_no_page_is_sorted_anew(store: FeedbackStore) -> None:
    asked: list[tuple[str, tuple[object, ...]]] = []

    def note(_connection, _cursor, statement, parameters, *_) -> None:  # type: ignore[no-untyped-def]
        asked.append((statement, parameters))

    event.listen(store.database._reader, "before_cursor_execute", note)
    list(store.iter_votes(until=1e9, newest=10))
    list(store.iter_comparisons(until=1e9))
    list(store.iter_corrections(until=1e9))
    list(Rankings(store.database).iter(until=1e9))
    selects = [each for each in asked if each[0].startswith("SELECT")]
    assert len(selects) == 5
    with store.database.read() as connection:
        for statement, parameters in selects:
            plan = connection.connection.cursor()
            plan.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            assert "TEMP B-TREE" not in str(plan.fetchall()), statement


def test_the_newest_votes_are_read_alone_and_in_order(store: FeedbackStore) -> None:
    for number in range(7):
        serve(store, f"c{number}")
        store.record_vote(f"c{number}", "ada", number != 5)
    store.record_vote("c6", "ada", None)
    read = [vote.completion_id for vote, _ in store.iter_votes(newest=3)]
    assert read == ["c3", "c4", "c5"], "what was taken back is no vote"
    assert len(list(store.iter_votes(newest=6))) == 6
    assert len(list(store.iter_votes(newest=60))) == 6
    assert votes_within(store.database, 0.0, math.inf) == 6
