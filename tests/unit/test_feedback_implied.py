"""A regenerated answer implies something, and is no feedback."""

from typing import Any

import pytest

from feedback.database import Database
from feedback.implied import iter_implied
from feedback.store import FeedbackStore
from feedback.types import Completion, Counts


@pytest.fixture
def store(database: Database) -> FeedbackStore:
    return FeedbackStore(database)


def serve(store: FeedbackStore, id_: str, at: float, **changes: Any) -> None:
    store.open_completion(
        Completion(
            **{
                "id": id_,
                "conversation": "talk",
                "person": "ada",
                "messages": ({"role": "user", "content": "?"},),
                "text": f"text {id_}",
                "responder": "rag",
                "sampling": {},
                "status": "complete",
                "created": at,
                **changes,
            }
        )
    )


def implied(store: FeedbackStore, **window: float) -> list[tuple[str, str]]:
    return [(before.text, later.text) for before, later in iter_implied(store.database, **window)]


def test_each_regeneration_is_read_once_with_what_came_instead(store: FeedbackStore) -> None:
    serve(store, "a", 1.0)
    serve(store, "b", 2.0, parent="a")
    serve(store, "c", 3.0, parent="b")
    serve(store, "d", 4.0)
    assert implied(store) == [("text a", "text b"), ("text b", "text c")]
    assert implied(store, since=2.0, until=3.0) == [("text b", "text c")]
    assert store.counts() == Counts(votes=0, comparisons=0, corrections=0, completions=4)
    assert store.feedback_since(0.0) == 0


@pytest.mark.parametrize(
    ("before", "later"),
    [
        ({"status": "cut"}, {}),
        ({"status": "failed"}, {}),
        ({}, {"status": "failed"}),
        ({}, {"status": "streaming"}),
        ({"person": "bob"}, {}),
        ({"purpose": "evaluation"}, {}),
    ],
)
def test_nothing_is_implied_by_failures_or_about_others(
    store: FeedbackStore, before: dict[str, str], later: dict[str, str]
) -> None:
    serve(store, "a", 1.0, **before)
    serve(store, "b", 2.0, parent="a", **later)
    assert implied(store) == []
