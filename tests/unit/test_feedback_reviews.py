"""Reviews: what counts now, every change kept, and any moment read back as it was."""

from typing import Any

import pytest

from feedback.database import Database
from feedback.privacy import forget
from feedback.retention import remove_texts
from feedback.reviews import Reviews
from feedback.store import FeedbackStore
from feedback.types import InvalidFeedback, UnknownCompletion
from tests.feedback_kit import Clock, serve


@pytest.fixture
def store(database: Database) -> FeedbackStore:
    store = FeedbackStore(database, Clock())
    serve(store, "a", "b", "c")
    return store


@pytest.fixture
def reviews(store: FeedbackStore) -> Reviews:
    return Reviews(store.database, store.clock)


def test_every_change_is_kept_and_the_same_again_is_none(reviews: Reviews) -> None:
    assert (reviews.of("a"), reviews.history("a")) == (None, [])
    reviews.record("a", "kim", "exclude", comment="spam")
    first = reviews.record("a", "lee", "exclude", comment="spam")
    assert first.operator == "kim"
    reviews.record("a", "lee", "fix", "better", "not spam")
    undone = reviews.record("a", "kim", None, comment="not spam")
    assert reviews.of("a") == undone
    told = [(r.ruling, r.text, r.comment, r.operator) for r in reviews.history("a")]
    assert told == [
        ("exclude", "", "spam", "kim"),
        ("fix", "better", "not spam", "lee"),
        (None, "", "not spam", "kim"),
    ]


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ({"ruling": "fix"}, "text is empty"),
        ({"ruling": "fix", "text": " "}, "text is empty"),
        ({"ruling": "accept", "text": "x"}, "ruling 'fix' only"),
        ({"ruling": "delete"}, "is none of accept, fix, exclude"),
        ({"ruling": None, "comment": "\0"}, "NUL"),
    ],
)
def test_what_makes_no_sense_is_refused(reviews: Reviews, said: Any, wrong: str) -> None:
    with pytest.raises(InvalidFeedback, match=wrong):
        reviews.record("a", "kim", **said)
    assert reviews.history("a") == []


def test_only_answers_that_people_were_served_are_reviewed(
    store: FeedbackStore, reviews: Reviews
) -> None:
    serve(store, "test", purpose="evaluation")
    for id_ in ("unknown", "test"):
        with pytest.raises(UnknownCompletion):
            reviews.record(id_, "kim", "accept")
        with pytest.raises(UnknownCompletion):
            reviews.history(id_)


def test_rulings_are_read_as_they_were_at_a_time(reviews: Reviews) -> None:
    accepted = reviews.record("a", "kim", "accept")
    fixed = reviews.record("b", "kim", "fix", "b as it should be")
    excluded = reviews.record("a", "kim", "exclude")
    reviews.record("b", "kim", None)
    assert reviews.rulings(accepted.at).accepted == {"a": accepted.at}
    before = reviews.rulings(fixed.at)
    ((fix, completion),) = before.fixes
    assert (fix.text, fix.person, completion.id) == ("b as it should be", "ada", "b")
    between = reviews.rulings(excluded.at)
    assert (between.accepted, between.excluded, len(between.fixes)) == ({}, {"a"}, 1)
    assert reviews.rulings().fixes == ()


def test_forgetting_a_person_takes_the_reviews_of_their_answers_along(
    store: FeedbackStore, reviews: Reviews
) -> None:
    serve(store, "z", person="eve")
    for id_ in ("a", "z"):
        reviews.record(id_, "kim", "fix", f"{id_} fixed")
    forget(store.database, "ada")
    assert reviews.of("a") is None
    assert [completion.id for _, completion in reviews.rulings().fixes] == ["z"]


def test_a_reviewed_answer_keeps_its_texts(store: FeedbackStore, reviews: Reviews) -> None:
    reviews.record("a", "kim", "fix", "better")
    reviews.record("b", "kim", "exclude")
    reviews.record("b", "kim", None, comment="none of it")
    assert remove_texts(store.database, before=1e9, pause=0) == 2
    ((_, completion),) = reviews.rulings().fixes
    assert completion.text == "text a"
