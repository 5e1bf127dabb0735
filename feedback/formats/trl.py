"""TRL: unpaired preferences, preference pairs with and without their prompt apart, conversations.

The shapes are those of TRL's "Dataset formats and types"; `RewardTrainer` takes pairs with either
kind of prompt, and a prompt that is only the beginning of both answers is found as `extract_prompt`
in trl/data_utils.py finds it. Reading: OpenAI's chat lines are conversations in the same shape.
"""

from collections.abc import Sequence
from typing import Any, Literal, TypeVar

from pydantic import AwareDatetime, BaseModel

from feedback.foreign import (
    STRANGER,
    Conversation,
    ForeignComparison,
    ForeignVote,
    answer_text,
    question_and_answer,
)
from feedback.formats.shape import Format, Part, Row
from feedback.types import InvalidFeedback, Message

T = TypeVar("T", bound=Sequence[Any])


def _implicit(row: Row) -> Row:
    """Put the prompt in front of both answers."""
    return {side: [*row["prompt"], *row[side]] for side in ("chosen", "rejected")}


def _explicit(row: Row) -> Row:
    return {name: row[name] for name in ("prompt", "chosen", "rejected")}


FORMATS = {
    "kto": Format("TRL, KTO: prompt, completion, label", (Part("kto.jsonl", "kto"),)),
    "dpo": Format("TRL, DPO: prompt, chosen, rejected", (Part("dpo.jsonl", "dpo"),)),
    "sft": Format("TRL, SFT: messages", (Part("sft.jsonl", "sft"),)),
    "raw": Format("Everything, for another Ratchet", (Part("raw.jsonl", "raw"),)),
    "reward": Format(
        "TRL, reward: chosen, rejected, each with its prompt",
        (Part("reward.jsonl", "dpo", _implicit),),
    ),
    "reward-prompt": Format(
        "TRL, reward: prompt, chosen, rejected",
        (Part("reward-prompt.jsonl", "dpo", _explicit),),
    ),
}


class _Row(BaseModel):
    """What rows of every shape may carry."""

    person: str = STRANGER
    responder: str = STRANGER
    created: AwareDatetime | None = None
    updated: AwareDatetime | None = None

    @property
    def said(self) -> dict[str, Any]:
        created = self.created and self.created.timestamp()
        updated = self.updated and self.updated.timestamp()
        return {"person": self.person, "created": created, "updated": updated}


class _Rated(_Row):
    """A row that says of one answer whether it is liked."""

    kind: Literal["vote", "comparison", "correction"] | None = None
    completion_id: str | None = None

    @property
    def own_id(self) -> str | None:
        """Only our own votes are about the answer they name; our other rows are derived."""
        return self.completion_id if self.kind in {None, "vote"} else None


class _Unpaired(_Rated):
    prompt: Conversation | str
    completion: Conversation | str
    label: bool


class _Conversation(_Rated):
    messages: Conversation


class _Pair(_Row):
    prompt: Conversation | str | None = None
    chosen: Conversation | str
    rejected: Conversation | str


def read_unpaired(record: Row) -> ForeignVote:
    """Read `prompt`, `completion`, `label` as a vote.

    Raises:
        ValidationError: it is none.
        InvalidFeedback: the completion is no answer.
    """
    row = _Unpaired.model_validate(record)
    return ForeignVote(
        prompt=_asked(row.prompt), text=answer_text(row.completion), liked=row.label,
        responder=row.responder, own_id=row.own_id, **row.said,
    )  # fmt: skip


def read_conversation(record: Row) -> ForeignVote:
    """Read `messages` as a liked answer to what precedes it.

    Raises:
        ValidationError: it is none.
        InvalidFeedback: it does not end in an answer, or in one that is marked not to be learned.
    """
    row = _Conversation.model_validate(record)
    last = record["messages"][-1] if record["messages"] else {}
    if last.get("weight") == 0:
        raise InvalidFeedback("messages: the last answer has weight 0, so it is no example")
    prompt, text = question_and_answer(row.messages)
    return ForeignVote(
        prompt=prompt, text=text, liked=True,
        responder=row.responder, own_id=row.own_id, **row.said,
    )  # fmt: skip


def read_pair(record: Row) -> ForeignComparison:
    """Read `chosen` and `rejected` as a comparison that the left side won.

    Raises:
        ValidationError: it is none.
        InvalidFeedback: no prompt is common to both, or one is no answer.
    """
    row = _Pair.model_validate(record)
    prompt, chosen, rejected = row.prompt, row.chosen, row.rejected
    if isinstance(chosen, str) != isinstance(rejected, str):
        raise InvalidFeedback("chosen and rejected: both must be texts, or both messages")
    if prompt is None or (isinstance(prompt, str) and not isinstance(chosen, str)):
        # With messages, a prompt that is a text repeats what both begin with, as TRL reads it.
        prompt, chosen, rejected = _split(chosen, rejected)
    if not prompt:
        raise InvalidFeedback("chosen and rejected do not begin with the same prompt")
    return ForeignComparison(
        prompt=_asked(prompt),
        left=answer_text(chosen),
        right=answer_text(rejected),
        outcome="left",
        left_responder=row.responder,
        right_responder=row.responder,
        **row.said,
    )


def _split(chosen: T, rejected: T) -> tuple[T, T, T]:
    """Return what both begin with, and the rest of each, as `trl.data_utils.extract_prompt`."""
    pairs = enumerate(zip(chosen, rejected, strict=False))
    at = next((i for i, (a, b) in pairs if a != b), min(len(chosen), len(rejected)))
    if 0 < at < len(chosen) and chosen[at - 1] == " ":
        at -= 1
    return chosen[:at], chosen[at:], rejected[at:]  # type: ignore[return-value]


def _asked(prompt: list[Message] | str) -> list[Message]:
    """Return a prompt as messages: a plain text is the user's."""
    return [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
