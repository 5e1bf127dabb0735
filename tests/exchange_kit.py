"""Feedback of every kind, in both languages, that the tests of exchange write out and read back."""

from feedback.store import FeedbackStore
from feedback.types import Comparison, Completion, Message

PERSON = "Ada Lovelace"
SYSTEM: Message = {"role": "system", "content": "간단히 답하세요."}
FIRST: Message = {"role": "user", "content": "보험금은 얼마인가요?"}
BEFORE: Message = {"role": "assistant", "content": "어떤 보험인가요?"}
SECOND: Message = {"role": "user", "content": "Home Guard"}
CALL: Message = {
    "role": "assistant",
    "content": "",
    "tool_calls": [
        {"id": "c1", "type": "function", "function": {"name": "find", "arguments": '{"q": "집"}'}}
    ],
}
RESULT: Message = {"role": "tool", "tool_call_id": "c1", "content": "100만원"}
CHAT = (SYSTEM, FIRST, BEFORE, SECOND)
CALLED = (FIRST, CALL, RESULT)


def serve(store: FeedbackStore, id_: str, text: str, messages: tuple[Message, ...] = CHAT) -> None:
    """Answer with a text."""
    store.open_completion(
        Completion(
            id=id_,
            conversation=id_,
            person=PERSON,
            messages=messages,
            responder="rag",
            sampling={},
        )
    )
    store.close_completion(id_, text=text, status="complete")


def say_everything(store: FeedbackStore) -> None:
    """Like, dislike, choose and correct, in a chat of several turns and with function calls."""
    for id_, messages in (("up", CHAT), ("called", CALLED), ("down", CHAT), ("single", (FIRST,))):
        serve(store, id_, f"답 {id_}", messages)
    for id_ in ("l1", "r1", "l2", "r2"):
        serve(store, id_, f"답 {id_}", CHAT if id_.endswith("1") else CALLED)
    for id_ in ("up", "called", "single"):
        store.record_vote(id_, PERSON, True)
    store.record_vote("down", PERSON, False)
    for number, outcome in (("1", "left"), ("2", "right")):
        store.open_comparison(Comparison(f"p{number}", PERSON, f"l{number}", f"r{number}"))
        store.record_outcome(f"p{number}", PERSON, outcome)  # type: ignore[arg-type]
    store.record_correction("down", PERSON, "답은 100만원입니다.")
