"""A pair is shown once more, swapped, to its own person, when they may have forgotten it."""

import pytest

from feedback.conversations import Conversations
from feedback.database import Database
from feedback.repeats import BETWEEN, REST, show_again
from feedback.sides import decide
from feedback.store import FeedbackStore
from feedback.types import Comparison, UnknownComparison
from tests.feedback_kit import Clock, serve
from training.flips import flips
from training.preferences import read_preferences


@pytest.fixture
def store(database: Database) -> FeedbackStore:
    return FeedbackStore(database, Clock())


def choose(store: FeedbackStore, number: int, outcome: str | None, person: str = "ada") -> None:
    sides = [f"{person}-{number}-{side}" for side in ("l", "r")]
    asked = ({"role": "user", "content": f"Question {number}?"},)
    for side in sides:
        serve(store, side, person=person, messages=asked, conversation=f"{person}-{number}")
    store.open_comparison(Comparison(f"{person}-{number}", person, *sides))
    store.record_outcome(f"{person}-{number}", person, outcome)  # type: ignore[arg-type]


def test_the_oldest_choice_comes_again_once_and_swapped(store: FeedbackStore) -> None:
    for number in range(BETWEEN + 2):
        choose(store, number, "left")
    later = store.clock() + REST
    pair, left, right = show_again(store.database, "ada", "again-0", later)
    assert (pair.left_id, pair.right_id) == ("ada-0-r", "ada-0-l") == (left.id, right.id)
    assert show_again(store.database, "ada", "again-1", later)[0].right_id == "ada-1-l"
    with pytest.raises(UnknownComparison, match="no pair can be shown again to 'ada'"):
        show_again(store.database, "ada", "again-2", later)
    for id_, outcome in (("again-0", "right"), ("again-1", "left")):
        store.record_outcome(id_, "ada", outcome)  # type: ignore[arg-type]
    found = flips(read_preferences(store).pairs)
    assert (found.repeats, found.flipped) == (2, 1)


def test_what_is_fresh_undecided_somebody_elses_or_deleted_does_not_come(
    store: FeedbackStore,
) -> None:
    for number, outcome in enumerate(["tie", "both_bad", None, "left", *["right"] * BETWEEN]):
        choose(store, number, outcome)
    choose(store, 0, "left", person="bob")
    now = store.clock()
    for person, at in (("ada", now), ("bob", now + REST), ("eve", now + REST)):
        with pytest.raises(UnknownComparison):
            show_again(store.database, person, "x", at)
    Conversations(store.database, store.clock).delete("ada-3", "ada")
    with pytest.raises(UnknownComparison):
        show_again(store.database, "ada", "x", now + REST)


def test_the_conversation_goes_on_as_the_first_choice_said() -> None:
    first = Comparison("1", "ada", "a", "b", outcome="right", created=1.0)
    again = Comparison("2", "ada", "b", "a", outcome="right", created=2.0)
    assert decide({"a", "b"}, [again, first]) == decide({"a", "b"}, [first])
    waiting = Comparison("3", "ada", "b", "a", created=3.0)
    assert decide({"a", "b"}, [first, waiting]) == decide({"a", "b"}, [first])
