"""Operators find votes by everything that is known of them, page by page, each once."""

from typing import Any

import pytest

from feedback.contexts import read_contexts
from feedback.database import Database
from feedback.found_votes import Place, Wanted, find_votes
from feedback.reviews import Reviews
from feedback.store import FeedbackStore
from feedback.types import Comparison
from tests.feedback_kit import Clock, serve

KOREAN = ({"role": "user", "content": "면책기간은 며칠인가요?"},)


@pytest.fixture
def store(database: Database) -> FeedbackStore:
    store = FeedbackStore(database, Clock())
    serve(store, "a", "b", "c")
    serve(store, "d", person="eve", messages=KOREAN, responder="base")
    store.record_vote("a", "ada", False, ("wrong",), "100% Wrong_")
    store.record_vote("b", "ada", True, ("wrong answer",))
    store.record_vote("d", "eve", False, ('"wrong"',))
    store.record_vote("c", "ada", False)
    store.record_vote("c", "ada", None)
    return store


def ids(store: FeedbackStore, **wanted: Any) -> list[str]:
    found = find_votes(store.database, Wanted(**wanted))
    return [each.vote.completion_id for each in found]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, ["d", "b", "a"]),
        ({"liked": False}, ["d", "a"]),
        ({"responder": "base"}, ["d"]),
        ({"language": "ko"}, ["d"]),
        ({"language": "other"}, ["b", "a"]),
        ({"person": "ada"}, ["b", "a"]),
        ({"reason": "wrong"}, ["a"]),
        ({"reason": '"wrong"'}, ["d"]),
        ({"text": "wrong_"}, ["a"]),
        ({"text": "0% TEXT"}, ["a"]),
        ({"text": "면책기간은"}, ["d"]),
        ({"text": "b?"}, ["b"]),
        ({"text": "nowhere"}, []),
        ({"state": "open"}, ["d", "b", "a"]),
        ({"state": "exclude"}, []),
    ],
)
def test_votes_are_found_by_what_they_are(
    store: FeedbackStore, wanted: dict[str, Any], found: list[str]
) -> None:
    assert ids(store, **wanted) == found


def test_a_window_is_open_at_its_beginning(store: FeedbackStore) -> None:
    first, last = (
        each.vote.updated
        for each in find_votes(store.database, Wanted())
        if each.vote.completion_id in {"a", "d"}
    )
    assert ids(store, since=last, until=first) == ["d", "b"]


def test_pages_hold_every_vote_once_where_times_are_the_same(database: Database) -> None:
    store = FeedbackStore(database, lambda: 5.0)
    names = [f"c{number}" for number in range(7)]
    serve(store, *names)
    for name in names:
        store.record_vote(name, "ada", True)
    seen, after = [], None
    while page := find_votes(database, Wanted(), 3, after):
        seen += [each.vote.completion_id for each in page]
        after = Place(page[-1].vote.updated, page[-1].vote.completion_id)
    assert seen == sorted(names, reverse=True)


def test_the_state_is_the_last_ruling_until_what_was_accepted_changes(
    store: FeedbackStore,
) -> None:
    reviews = Reviews(store.database, store.clock)
    reviews.record("a", "kim", "accept")
    reviews.record("d", "kim", "exclude", comment="spam")
    assert (ids(store, state="accept"), ids(store, state="exclude")) == (["a"], ["d"])
    assert ids(store, state="open") == ["b"]
    store.record_vote("a", "ada", True)
    store.record_vote("d", "eve", True)
    assert (ids(store, state="accept"), ids(store, state="exclude")) == ([], ["d"])
    changed, other, _ = find_votes(store.database, Wanted())
    assert (other.vote.completion_id, other.state) == ("a", "open")
    assert (changed.state, changed.review and changed.review.comment) == ("exclude", "spam")
    reviews.record("d", "kim", None)
    assert ids(store, state="open") == ["d", "a", "b"]


def test_what_an_answer_is_about_is_kept_when_a_vote_changes(store: FeedbackStore) -> None:
    store.record_vote("d", "eve", True)
    (found,) = find_votes(store.database, Wanted(language="ko", responder="base"))
    assert (found.vote.liked, found.question) == (True, "면책기간은 며칠인가요?")


def test_the_context_holds_siblings_sides_and_the_persons_correction(
    store: FeedbackStore,
) -> None:
    serve(store, "e", parent="a", conversation="talk a")
    serve(store, "l", "r", purpose="pair", conversation="talk p")
    store.open_comparison(Comparison("pair", "ada", "l", "r"))
    store.record_outcome("pair", "ada", "right")
    store.record_correction("a", "ada", "as it should be")
    found = read_contexts(store.database, ["a", "e", "l", "r", "unknown"])
    told = {
        id_: [(b.relation, b.completion.id, b.chosen) for b in context.beside]
        for id_, context in found.items()
    }
    assert told == {
        "a": [("after", "e", "")],
        "e": [("before", "a", "")],
        "l": [("pair", "r", "other")],
        "r": [("pair", "l", "this")],
    }
    assert (found["a"].correction, found["e"].correction) == ("as it should be", "")
