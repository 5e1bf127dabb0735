"""What people say is kept exactly, once, and only from those who were served."""

from collections.abc import Callable
from typing import Any

import pytest

from feedback.database import Database
from feedback.history import history
from feedback.store import FeedbackStore
from feedback.summary import summarise
from feedback.types import (
    Comparison,
    Completion,
    Counts,
    InvalidFeedback,
    NotServedTo,
    UnknownComparison,
    UnknownCompletion,
)
from tests.feedback_kit import Clock


def answer(id_: str, person: str = "ada", **changes: Any) -> Completion:
    return Completion(
        **{
            "id": id_,
            "conversation": "talk",
            "person": person,
            "messages": ({"role": "user", "content": "여행자 보험은 어디까지 되나요?"},),
            "text": f"answer {id_}",
            "responder": "rag",
            "sampling": {"temperature": 1.0},
            "status": "complete",
            **changes,
        }
    )


@pytest.fixture
def store(database: Database) -> FeedbackStore:
    return FeedbackStore(database, Clock())


@pytest.fixture
def pair(store: FeedbackStore) -> Comparison:
    store.open_completion(answer("left", purpose="pair"))
    store.open_completion(answer("right", purpose="pair", responder="ratchet-0001"))
    comparison = Comparison("pair", "ada", "left", "right", created=50.0)
    store.open_comparison(comparison)
    return comparison


def test_a_completion_comes_back_as_it_was_recorded(store: FeedbackStore) -> None:
    passage = {"id": "p1", "article": "제3조", "text": "본문"}
    opened = answer("a", text="", status="streaming", passages=(passage,), index_version="v1",
                    parent="before", named=True, created=7.0, updated=7.0)  # fmt: skip
    store.open_completion(opened)
    assert store.completion("a") == opened
    store.close_completion(
        "a",
        text="네 ✈",
        status="complete",
        finish_reason="stop",
        prompt_tokens=9,
        completion_tokens=3,
        ttft_ms=1.5,
        duration_ms=8.0,
    )
    closed = store.completion("a")
    assert closed is not None
    assert (closed.text, closed.status, closed.completion_tokens) == ("네 ✈", "complete", 3)
    assert closed.created == 7.0 < closed.updated
    assert store.completion("b") is None


def test_an_id_is_given_once(store: FeedbackStore) -> None:
    store.open_completion(answer("a"))
    with pytest.raises(InvalidFeedback, match="'a' exists"):
        store.open_completion(answer("a"))


def test_closing_what_was_never_opened_is_an_error(store: FeedbackStore) -> None:
    with pytest.raises(UnknownCompletion, match="'nope'"):
        store.close_completion("nope", text="", status="cut")


def test_what_a_crash_left_streaming_is_cut_at_the_next_start(store: FeedbackStore) -> None:
    store.open_completion(answer("a", status="streaming"))
    store.open_completion(answer("b"))
    assert store.close_abandoned() == 1
    assert store.close_abandoned() == 0
    left = store.completion("a")
    assert left is not None
    assert left.status == "cut"


def test_half_a_surrogate_pair_is_refused_from_people_and_replaced_in_answers(
    store: FeedbackStore,
) -> None:
    broken = ({"role": "user", "content": "\ud800"},)
    with pytest.raises(InvalidFeedback, match="surrogate"):
        store.open_completion(answer("a", messages=broken))
    with pytest.raises(InvalidFeedback, match="NUL"):
        store.open_completion(answer("a", conversation="talk\0"))
    store.open_completion(answer("a"))
    with pytest.raises(InvalidFeedback, match="surrogate"):
        store.record_vote("a", "ada", True, comment="\udfff")
    with pytest.raises(InvalidFeedback, match="NUL"):
        store.record_vote("a", "ada", True, reasons=("\0",))
    store.close_completion("a", text="half \ud83d", status="complete")
    closed = store.completion("a")
    assert closed is not None
    assert closed.text == "half ?"


def test_a_conversation_is_its_persons_only_and_in_order(store: FeedbackStore) -> None:
    store.open_completion(answer("b", created=2.0))
    store.open_completion(answer("a", created=1.0))
    store.open_completion(answer("c", person="bob", created=3.0))
    store.open_completion(answer("d", conversation="other", created=4.0))
    assert [each.id for each in store.conversation("talk", "ada")] == ["a", "b"]
    assert store.conversation("talk", "eve") == []


def test_completions_of_a_window_leave_evaluations_out(store: FeedbackStore) -> None:
    for number in range(1, 6):
        purpose = "evaluation" if number == 3 else "chat"
        store.open_completion(answer(f"c{number}", created=float(number), purpose=purpose))
    assert [each.id for each in store.completions(since=1.0, until=4.0)] == ["c2", "c4"]
    assert [each.id for each in store.completions(purposes=("evaluation",))] == ["c3"]


def test_the_same_vote_twice_is_one_vote_and_one_event(store: FeedbackStore) -> None:
    store.open_completion(answer("a"))
    first = store.record_vote("a", "ada", True, ("clear",), "good")
    again = store.record_vote("a", "ada", True, ("clear",), "good")
    assert first == again == store.vote("a", "ada")
    assert len(history(store.database, "vote", "a", "ada")) == 1


def test_the_last_vote_counts_and_the_earlier_ones_are_kept(store: FeedbackStore) -> None:
    store.open_completion(answer("a"))
    first = store.record_vote("a", "ada", True)
    second = store.record_vote("a", "ada", False, comment="wrong article")
    assert first is not None
    assert second is not None
    assert (second.liked, second.comment) == (False, "wrong article")
    assert second.created == first.created < second.updated
    assert [event.value for event in history(store.database, "vote", "a", "ada")] == [True, False]


def test_null_takes_a_vote_back_and_it_can_be_given_again(store: FeedbackStore) -> None:
    store.open_completion(answer("a"))
    assert store.record_vote("a", "ada", None) is None
    assert history(store.database, "vote", "a", "ada") == []
    store.record_vote("a", "ada", True, ("clear",), "good")
    assert store.record_vote("a", "ada", None) is None
    assert store.record_vote("a", "ada", None) is None
    assert store.vote("a", "ada") is None
    assert list(store.iter_votes()) == []
    assert store.counts().votes == 0
    given = store.record_vote("a", "ada", False)
    assert given is not None
    assert given.comment == ""
    assert [event.value for event in history(store.database, "vote", "a", "ada")] == [
        True,
        None,
        False,
    ]


def test_a_vote_is_taken_while_the_answer_still_streams(store: FeedbackStore) -> None:
    store.open_completion(answer("a", text="", status="streaming"))
    store.record_vote("a", "ada", False)
    store.close_completion("a", text="the whole answer", status="complete")
    [(vote, completion)] = store.iter_votes()
    assert (vote.liked, completion.text) == (False, "the whole answer")


SAY: dict[str, Callable[[FeedbackStore, str, str], object]] = {
    "vote": lambda store, id_, person: store.record_vote(id_, person, True),
    "correction": lambda store, id_, person: store.record_correction(id_, person, "better"),
    "comparison": lambda store, id_, person: store.open_comparison(
        Comparison("x", person, id_, "own")
    ),
}


@pytest.mark.parametrize("say", SAY.values(), ids=SAY.keys())
def test_unknown_evaluation_and_other_peoples_answers_are_refused(
    store: FeedbackStore, say: Callable[[FeedbackStore, str, str], object]
) -> None:
    store.open_completion(answer("own"))
    store.open_completion(answer("exam", purpose="evaluation"))
    store.open_completion(answer("bobs", person="bob"))
    with pytest.raises(UnknownCompletion):
        say(store, "nope", "ada")
    with pytest.raises(UnknownCompletion):
        say(store, "exam", "ada")
    with pytest.raises(NotServedTo):
        say(store, "bobs", "ada")
    assert store.counts() == Counts(votes=0, comparisons=0, corrections=0, completions=2)


@pytest.mark.usefixtures("pair")
def test_the_first_outcome_is_evidence_and_later_ones_are_unblinded(store: FeedbackStore) -> None:
    assert store.record_outcome("pair", "ada", None).outcome is None
    first = store.record_outcome("pair", "ada", "left")
    assert (first.outcome, first.unblinded) == ("left", False)
    assert store.record_outcome("pair", "ada", "left") == first
    assert store.record_outcome("pair", "ada", None) == first
    later = store.record_outcome("pair", "ada", "right")
    assert (later.outcome, later.unblinded, later.updated) == ("left", True, first.updated)
    assert store.comparison("pair") == later
    [(kept, left, right)] = store.iter_comparisons()
    assert (kept, left.responder, right.responder) == (later, "rag", "ratchet-0001")


@pytest.mark.usefixtures("pair")
def test_an_undecided_pair_is_no_evidence(store: FeedbackStore) -> None:
    assert list(store.iter_comparisons()) == []
    assert store.counts().comparisons == 0
    assert store.feedback_since(0.0) == 0


@pytest.mark.usefixtures("pair")
def test_only_who_asked_for_a_pair_may_decide_it_and_only_with_an_outcome(
    store: FeedbackStore,
) -> None:
    with pytest.raises(UnknownComparison):
        store.record_outcome("nope", "ada", "left")
    with pytest.raises(NotServedTo):
        store.record_outcome("pair", "bob", "left")
    with pytest.raises(InvalidFeedback, match="'middle'"):
        store.record_outcome("pair", "ada", "middle")  # type: ignore[arg-type]
    assert store.comparison("pair") == Comparison("pair", "ada", "left", "right",
                                                  created=50.0, updated=50.0)  # fmt: skip


def test_a_pair_has_two_sides_an_id_of_its_own_and_starts_undecided(
    store: FeedbackStore, pair: Comparison
) -> None:
    for wrong in (
        pair,
        Comparison("p2", "ada", "left", "left"),
        Comparison("p3", "ada", "left", "right", "tie"),
    ):
        with pytest.raises(InvalidFeedback):
            store.open_comparison(wrong)


def test_a_correction_can_be_changed_but_not_empty(store: FeedbackStore) -> None:
    store.open_completion(answer("a"))
    first = store.record_correction("a", "ada", "better")
    assert store.record_correction("a", "ada", "better") == first
    second = store.record_correction("a", "ada", "best")
    assert second.created == first.created < second.updated
    with pytest.raises(InvalidFeedback, match="empty"):
        store.record_correction("a", "ada", " \n")
    [(kept, completion)] = store.iter_corrections()
    assert (kept, completion.id) == (second, "a")


def test_windows_of_feedback_that_touch_share_nothing(store: FeedbackStore) -> None:
    stamps = []
    for number in range(6):
        store.open_completion(answer(f"a{number}"))
        vote = store.record_vote(f"a{number}", "ada", True)
        assert vote is not None
        stamps.append(vote.updated)
    early = [vote.completion_id for vote, _ in store.iter_votes(until=stamps[2])]
    late = [vote.completion_id for vote, _ in store.iter_votes(since=stamps[2])]
    assert (early, late) == (["a0", "a1", "a2"], ["a3", "a4", "a5"])
    assert store.feedback_since(stamps[2]) == 3


def test_many_votes_are_read_once_each_while_they_change(
    store: FeedbackStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("feedback.rows.PAGE", 3)
    # Equal stamps: a page may end among them.
    store.clock = lambda: 5.0
    ids = [f"a{number}" for number in range(10)]
    for id_ in ids:
        store.open_completion(answer(id_))
        store.record_vote(id_, "ada", True)
    read = []
    for vote, _ in store.iter_votes():
        read.append((vote.completion_id, vote.liked))
        store.record_vote("a9", "ada", False)
    assert [id_ for id_, _ in read] == ids
    assert read[-1] == ("a9", False)


def test_counts_and_rates_tell_named_answers_apart(store: FeedbackStore) -> None:
    for id_, responder, named, liked in (
        ("a", "rag", False, True),
        ("b", "rag", False, False),
        ("c", "rag", True, True),
        ("d", "base", False, False),
    ):
        store.open_completion(answer(id_, responder=responder, named=named))
        store.record_vote(id_, "ada", liked)
    store.open_completion(answer("exam", purpose="evaluation"))
    assert store.counts() == Counts(votes=4, comparisons=0, corrections=0, completions=4)
    rates = {row.responder: (row.liked, row.total, row.named) for row in summarise(store.database)}
    assert rates == {"base": (0, 1, 0), "rag": (2, 3, 1)}
