"""A conversation's completions become the thread that its person sees."""

from typing import Any

from feedback.sides import Sides, decide
from feedback.threads import thread
from feedback.types import Comparison, Completion, Message


def answer(id_: str, asked: str, *before: Completion, at: float, **changes: Any) -> Completion:
    """An answer to a question that follows the turns `before`."""
    messages: tuple[Message, ...] = ()
    if before:
        last = before[-1]
        messages = (*last.messages, {"role": "assistant", "content": last.text})
    return Completion(
        **{
            "id": id_,
            "conversation": "talk",
            "person": "ada",
            "messages": (*messages, {"role": "user", "content": asked}),
            "text": f"text of {id_}",
            "responder": "rag",
            "sampling": {},
            "status": "complete",
            "created": at,
            **changes,
        }
    )


A = answer("a", "one?", at=1.0)
B = answer("b", "two?", A, at=2.0)
B2 = answer("b2", "two?", A, at=3.0, parent="b")
C = answer("c", "three?", B, at=4.0)
C2 = answer("c2", "three?", B2, at=2.5)
EDIT = answer("e", "two, but other?", A, at=5.0)


def ids(*completions: Completion, chosen: tuple[str, ...] = (), **options: Any) -> list[str]:
    return [turn.completion.id for turn in thread(completions, chosen, **options)]


def test_nothing_is_no_thread() -> None:
    assert thread([]) == []


def test_turns_follow_each_other_whatever_order_they_are_read_in() -> None:
    assert ids(C, A, B) == ["a", "b", "c"]


def test_a_regenerated_answer_is_shown_and_the_first_one_is_its_sibling() -> None:
    first, second = thread([A, B, B2])
    assert (first.siblings, second.completion.id) == (("a",), "b2")
    assert second.siblings == ("b", "b2")
    assert second.edits == ("b2",)


def test_the_thread_leads_to_what_was_asked_last_not_to_the_newest_sibling() -> None:
    assert ids(A, B, B2, C) == ["a", "b", "c"]


def test_switching_to_a_sibling_shows_what_followed_it() -> None:
    everything = (A, B, B2, C, C2)
    assert ids(*everything) == ["a", "b", "c"]
    assert ids(*everything, chosen=("b2",)) == ["a", "b2", "c2"]
    assert ids(*everything, chosen=("b2", "b")) == ["a", "b", "c"]
    assert ids(*everything, chosen=("unknown",)) == ["a", "b", "c"]


def test_an_edited_question_is_another_way_on_and_the_first_wording_can_be_chosen() -> None:
    _, second = thread([A, B, B2, C, EDIT])
    assert (second.completion.id, second.siblings, second.edits) == ("e", ("e",), ("b", "e"))
    assert ids(A, B, B2, C, EDIT, chosen=("b",)) == ["a", "b", "c"]


def test_an_edited_first_question_begins_anew() -> None:
    again = answer("z", "something else?", at=9.0)
    (only,) = thread([A, B, again])
    assert (only.completion.id, only.edits) == ("z", ("a", "z"))


def test_an_answer_that_failed_without_a_word_gives_way_to_one_that_has_some() -> None:
    failed = answer("f", "two?", A, at=9.0, status="failed", text=" ")
    assert ids(A, B, failed) == ["a", "b"]
    assert thread([A, B, failed])[-1].siblings == ("b",)
    assert ids(A, failed) == ["a", "f"]


def test_a_cut_answer_is_shown_as_far_as_it_came_and_gone_on_from() -> None:
    cut = answer("k", "two?", A, at=9.0, status="cut", text="so f")
    after = answer("l", "go on?", cut, at=10.0)
    assert ids(A, B, cut) == ["a", "k"]
    assert ids(A, B, cut, after) == ["a", "k", "l"]


def test_an_answer_that_is_being_written_is_shown() -> None:
    running = answer("r", "two?", A, at=9.0, status="streaming", text="")
    assert ids(A, B, running) == ["a", "r"]


def test_a_client_that_trims_what_it_sends_back_goes_on_from_its_last_answer() -> None:
    trimmed = answer("t", "three?", answer("b", "two?", A, at=2.0, text="text of"), at=4.0)
    assert ids(A, B, trimmed) == ["a", "b", "t"]


def test_a_pair_goes_on_with_the_side_chosen_and_with_the_left_otherwise() -> None:
    sides = [answer(f"p-{side}", "two?", A, at=5.0, purpose="pair") for side in ("left", "right")]
    lone = answer("q-left", "two?", A, at=6.0, purpose="pair", status="cut")
    expected = {None: "left", "left": "left", "right": "right", "tie": "left", "both_bad": "left"}
    for outcome, side in expected.items():
        pair = Comparison("p", "ada", "p-left", "p-right", outcome)  # type: ignore[arg-type]
        decided = decide({"p-left", "p-right", "q-left"}, [pair])
        turns = thread([A, *sides, lone], sides=decided)
        assert turns[-1].completion.id == f"p-{side}"
        assert turns[-1].siblings == (f"p-{side}",)
        assert turns[-1].blind == (outcome is None)


def test_a_regenerated_side_is_its_sibling() -> None:
    sides = [answer(f"p-{side}", "two?", A, at=5.0, purpose="pair") for side in ("left", "right")]
    again = answer("n", "two?", A, at=7.0, parent="p-right")
    turns = thread([A, *sides, again], sides=Sides(lost=frozenset({"p-left"})))
    assert turns[-1].siblings == ("p-right", "n")


def test_a_long_conversation_is_walked_without_recursion() -> None:
    turns = [A]
    for number in range(400):
        turns.append(answer(f"n{number}", "and?", turns[-1], at=10.0 + number))
    assert len(thread(turns)) == 401
