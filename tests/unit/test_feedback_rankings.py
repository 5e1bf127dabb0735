"""A ranking is kept exactly, its first order as evidence, and travels with the other feedback."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from feedback.database import Database
from feedback.exchange import export_feedback
from feedback.intake import import_feedback
from feedback.privacy import forget
from feedback.rankings import Rankings
from feedback.sides import decide, read_sides
from feedback.store import FeedbackStore
from feedback.tables import ranking_events
from feedback.types import (
    InvalidFeedback,
    NotServedTo,
    Ranking,
    UnknownCompletion,
    UnknownRanking,
)
from tests.feedback_kit import Clock, serve

ANSWERS = ("r-1", "r-2", "r-3")
RANKING = Ranking("rnk", "ada", ANSWERS, created=50.0)
ORDER = (("r-2",), ("r-1", "r-3"))


@pytest.fixture
def store(database: Database) -> FeedbackStore:
    return FeedbackStore(database, Clock())


@pytest.fixture
def rankings(store: FeedbackStore) -> Rankings:
    serve(store, *ANSWERS, "other", conversation="talk", purpose="pair")
    return Rankings(store.database, store.clock)


def test_an_order_is_kept_with_its_ties(rankings: Rankings) -> None:
    rankings.open(RANKING)
    assert rankings.get("rnk") == replace(RANKING, updated=50.0)
    assert rankings.record("rnk", "ada", None).order is None
    ordered = rankings.record("rnk", "ada", ORDER)
    assert (ordered.order, ordered.unblinded) == (ORDER, False)
    assert ordered.updated > ordered.created == 50.0
    assert rankings.get("rnk") == ordered


def test_only_the_first_order_is_evidence(rankings: Rankings) -> None:
    rankings.open(RANKING)
    first = rankings.record("rnk", "ada", ORDER)
    assert rankings.record("rnk", "ada", ORDER) == first
    again = rankings.record("rnk", "ada", (("r-1", "r-2", "r-3"),))
    assert again == replace(first, unblinded=True)
    with rankings.database.read() as connection:
        events = connection.execute(ranking_events.select().order_by(ranking_events.c.id)).all()
    assert [event.order for event in events] == [
        [["r-2"], ["r-1", "r-3"]],
        [["r-1", "r-2", "r-3"]],
    ]


@pytest.mark.parametrize(
    "order",
    [
        (),
        (("r-1",), ("r-2",)),
        (("r-1",), ("r-2",), ("r-3",), ("r-3",)),
        (("r-1",), ("r-2",), ("other",)),
        (("r-1", "r-2", "r-3"), ()),
    ],
)
def test_an_order_holds_each_answer_once(
    rankings: Rankings, order: tuple[tuple[str, ...], ...]
) -> None:
    rankings.open(RANKING)
    with pytest.raises(InvalidFeedback, match="r-1, r-2, r-3"):
        rankings.record("rnk", "ada", order)


def test_only_who_asked_may_order(rankings: Rankings) -> None:
    rankings.open(RANKING)
    with pytest.raises(NotServedTo):
        rankings.record("rnk", "bob", ORDER)
    with pytest.raises(UnknownRanking):
        rankings.record("none", "ada", ORDER)


@pytest.mark.parametrize(
    ("ranking", "error"),
    [
        (replace(RANKING, answers=("r-1", "r-2")), InvalidFeedback),
        (replace(RANKING, answers=("r-1", "r-2", "r-2")), InvalidFeedback),
        (replace(RANKING, answers=("r-1", "r-2", "none")), UnknownCompletion),
        (replace(RANKING, person="bob"), NotServedTo),
        (replace(RANKING, order=ORDER), InvalidFeedback),
    ],
)
def test_wrong_rankings_are_refused(
    rankings: Rankings, ranking: Ranking, error: type[Exception]
) -> None:
    with pytest.raises(error):
        rankings.open(ranking)
    assert rankings.get("rnk") is None


def test_an_id_is_given_once(rankings: Rankings) -> None:
    rankings.open(RANKING)
    with pytest.raises(InvalidFeedback, match="exists"):
        rankings.open(RANKING)


def test_rankings_are_read_by_when_they_were_ordered(
    rankings: Rankings, store: FeedbackStore
) -> None:
    rankings.open(RANKING)
    assert list(rankings.iter()) == []
    at = rankings.record("rnk", "ada", ORDER).updated
    ((ranking, answers),) = rankings.iter(since=at - 1, until=at)
    assert ranking.order == ORDER
    assert [answer.text for answer in answers] == ["text r-1", "text r-2", "text r-3"]
    assert list(rankings.iter(since=at)) == []
    assert store.counts().rankings == 1


def test_a_conversation_goes_on_with_the_best_and_with_the_first_until_then(
    rankings: Rankings,
) -> None:
    rankings.open(RANKING)
    blind = decide(ANSWERS, [], [RANKING])
    assert (blind.blind, blind.lost) == (frozenset(ANSWERS), {"r-2", "r-3"})
    rankings.record("rnk", "ada", ORDER)
    with rankings.database.read() as connection:
        sides = read_sides(connection, "talk", "ada")
    assert (sides.blind, sides.lost) == ({"other"}, {"r-1", "r-3", "other"})


@pytest.fixture
def elsewhere(new_database: Callable[[], Database]) -> Callable[[], Rankings]:
    return lambda: Rankings(new_database())


def test_rankings_travel_with_the_raw_export_and_come_in_once(
    rankings: Rankings, store: FeedbackStore, tmp_path: Path, elsewhere: Callable[[], Rankings]
) -> None:
    rankings.open(RANKING)
    rankings.record("rnk", "ada", ORDER)
    rankings.record("rnk", "ada", tuple(reversed(ORDER)))
    file = tmp_path / "raw.jsonl"
    assert export_feedback(store, "raw", file).rows == 1
    row = json.loads(file.read_text(encoding="utf-8"))
    assert (row["kind"], row["completion"], row["answers"]) == ("ranking", "r-1", list(ANSWERS))
    assert row["order"] == [["r-2"], ["r-1", "r-3"]]
    there = elsewhere()
    taken = FeedbackStore(there.database)
    assert import_feedback(taken, "raw", file).added == 1
    assert import_feedback(taken, "raw", file).unchanged == 1
    found = there.get("rnk")
    assert found is not None
    assert (found.order, found.unblinded, found.person) == (ORDER, True, "ada")
    file.write_text(json.dumps(row | {"ranking_id": "x", "order": None}), encoding="utf-8")
    (refusal,) = import_feedback(taken, "raw", file).refused
    assert "order" in refusal.reason
    there.database.dispose()


def test_a_ranking_is_one_pair_to_export_and_counted_elsewhere(
    rankings: Rankings, store: FeedbackStore, tmp_path: Path
) -> None:
    rankings.open(RANKING)
    rankings.record("rnk", "ada", ORDER)
    rankings.open(replace(RANKING, id="tied"))
    rankings.record("tied", "ada", (ANSWERS,))
    file = tmp_path / "out.jsonl"
    report = export_feedback(store, "dpo", file)
    assert (report.rows, report.left_out) == (1, {"ranking: all equally good": 1})
    row = json.loads(file.read_text(encoding="utf-8"))
    assert (row["kind"], row["completion_id"], row["right_completion_id"]) == (
        "ranking", "r-2", "r-3",
    )  # fmt: skip
    assert (row["chosen"][0]["content"], row["rejected"][0]["content"]) == ("text r-2", "text r-3")
    for form in ("kto", "sft"):
        assert export_feedback(store, form, file).left_out == {"ranking": 2}  # type: ignore[arg-type]


def test_a_forgotten_persons_rankings_are_gone(rankings: Rankings) -> None:
    rankings.open(RANKING)
    rankings.record("rnk", "ada", ORDER)
    counts = forget(rankings.database, "ada").counts
    assert (counts["rankings"], counts["ranking_events"], counts["completions"]) == (1, 1, 4)
    assert rankings.get("rnk") is None
    assert list(rankings.iter(until=float("inf"))) == []
