"""The votes that the million is measured with are the same each time, and every step has a name."""

from collections.abc import Callable

from benchmarks.million import STEPS
from benchmarks.million_votes import fill
from feedback.database import Database
from feedback.store import FeedbackStore
from training import curation


def test_the_same_number_gives_the_same_votes(new_database: Callable[[], Database]) -> None:
    one, other = new_database(), new_database()
    for database in (one, other):
        fill(database, 200)
    votes = list(FeedbackStore(one).iter_votes())
    assert len(votes) == 200
    assert votes == list(FeedbackStore(other).iter_votes())
    assert {vote.liked for vote, _ in votes} == {True, False}


def test_what_is_timed_is_there() -> None:
    assert [name for name in STEPS if not hasattr(curation, name)] == []
