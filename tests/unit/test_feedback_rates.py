"""Rates over time: counted in the right span, with the textbook's interval, none without votes."""

import pytest

from feedback.database import Database
from feedback.rates import ReasonCount, rates, reasons, wilson
from feedback.store import FeedbackStore
from tests.feedback_kit import Clock, serve

KOREAN = ({"role": "user", "content": "면책기간은 며칠인가요?"},)


@pytest.mark.parametrize(
    ("liked", "total", "low", "high"),
    [
        (8, 10, 0.4902, 0.9433),
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
        (50, 100, 0.4038, 0.5962),
    ],
)
def test_wilson_is_the_textbooks(liked: int, total: int, low: float, high: float) -> None:
    assert wilson(liked, total) == pytest.approx((low, high), abs=1e-4)


def test_without_votes_everything_is_possible() -> None:
    assert wilson(0, 0) == (0.0, 1.0)


class Told(Clock):
    """Time as it is set."""

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def store(database: Database) -> FeedbackStore:
    """Ten votes: rag in English in two spans and in Korean in one, base in one."""
    clock = Told()
    store = FeedbackStore(database, clock)
    ids = [f"c{n}" for n in range(10)]
    serve(store, *ids[:6])
    serve(store, *ids[6:8], messages=KOREAN, person="simulated-01")
    serve(store, *ids[8:], responder="base")
    said = {"reasons": ("wrong", '"odd"')}
    for number, id_ in enumerate(ids):
        person = "simulated-01" if number in {6, 7} else "ada"
        clock.now = 150.0 if number < 4 else 250.0
        store.record_vote(id_, person, number % 2 == 0, **(said if number % 2 else {}))
    return store


def test_votes_are_counted_by_responder_language_and_span(store: FeedbackStore) -> None:
    found = rates(store.database, 100.0, 300.0, 2)
    told = [(r.responder, r.language, r.since, r.liked, r.total, r.simulated) for r in found]
    assert told == [
        ("base", "other", 200.0, 1, 2, 0),
        ("rag", "ko", 200.0, 1, 2, 2),
        ("rag", "other", 100.0, 2, 4, 0),
        ("rag", "other", 200.0, 1, 2, 0),
    ]
    assert (found[2].rate, (found[2].low, found[2].high)) == (0.5, wilson(2, 4))


def test_what_is_not_in_the_window_or_not_asked_for_is_not_counted(store: FeedbackStore) -> None:
    database = store.database
    assert [r.total for r in rates(database, 150.0, 250.0, 1, language="ko")] == [2]
    assert rates(database, 250.0, 300.0, 1) == []
    assert [r.total for r in rates(database, 100.0, 250.0, 3, responder="base")] == [2]
    store.record_vote("c8", "ada", None)
    assert [r.total for r in rates(database, 100.0, 300.0, 1, responder="base")] == [1]


def test_reasons_are_counted_the_most_frequent_first(store: FeedbackStore) -> None:
    store.record_vote("c0", "ada", False, ("wrong",))
    store.record_vote("c2", "ada", True, ("brief",))
    assert reasons(store.database, 0.0, 300.0) == [
        ReasonCount("wrong", False, 6),
        ReasonCount('"odd"', False, 5),
        ReasonCount("brief", True, 1),
    ]
    assert reasons(store.database, 0.0, 300.0, language="ko") == [
        ReasonCount("wrong", False, 1),
        ReasonCount('"odd"', False, 1),
    ]
