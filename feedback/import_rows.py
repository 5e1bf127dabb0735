"""The rows that an import takes, in each of the four formats, and what their fields mean.

Invariant: a row that does not fit its model is refused by the model, in its words, before anything
of it reaches the database.
"""

from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel

from feedback.types import InvalidFeedback, Message, Order, Outcome

STRANGER = "imported"
"""Person and responder of rows that name none."""


class SaidRow(BaseModel):
    """What rows of every format may carry."""

    person: str = STRANGER
    responder: str = STRANGER
    created: AwareDatetime | None = None
    updated: AwareDatetime | None = None


class RawRow(SaidRow):
    """A record of our own export, with the answers that it is about."""

    kind: Literal["vote", "comparison", "ranking", "correction", "consent"]
    completion_id: str = ""
    completions: list[dict[str, Any]] = []
    liked: bool | None = None
    reasons: tuple[str, ...] = ()
    comment: str = ""
    text: str = ""
    comparison_id: str = ""
    right_completion_id: str = ""
    outcome: Outcome | Literal[""] = ""
    ranking_id: str = ""
    answers: tuple[str, ...] = ()
    order: Order | None = None
    unblinded: bool = False
    seconds: float | None = None
    agreed: bool | None = None
    version: str = ""


class RatedRow(SaidRow):
    """A row that says of one answer whether it is liked."""

    kind: Literal["vote", "comparison", "correction"] | None = None
    completion_id: str | None = None

    @property
    def own_id(self) -> str | None:
        """Only our own votes are about the answer they name; our other rows are derived."""
        return self.completion_id if self.kind in {None, "vote"} else None


class UnpairedRow(RatedRow):
    """TRL's unpaired preference."""

    prompt: list[Message] | str
    completion: list[Message] | str
    label: bool


class PairRow(SaidRow):
    """TRL's preference pair."""

    prompt: list[Message] | str
    chosen: list[Message] | str
    rejected: list[Message] | str


class ConversationRow(RatedRow):
    """TRL's conversation, whose last answer is liked."""

    messages: list[Message]


def conversation_of(prompt: list[Message] | str) -> list[Message]:
    """Return a prompt as messages: a plain string is the user's."""
    return [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt


def text_of(answer: list[Message] | str) -> str:
    """Return an answer's text.

    Raises:
        InvalidFeedback: it is something else than one message of the assistant.
    """
    if isinstance(answer, str):
        return answer
    if len(answer) != 1 or answer[0]["role"] != "assistant":
        raise InvalidFeedback("an answer is one message of the assistant")
    return answer[0]["content"]


def stamps_of(row: SaidRow, now: float) -> tuple[float, float]:
    """Return when a row was created and last changed, in seconds."""
    created = row.created.timestamp() if row.created else now
    return created, row.updated.timestamp() if row.updated else created


def seconds_of(value: object, now: float) -> float:
    """Return a time in seconds; no time is now.

    Raises:
        InvalidFeedback: it is not in ISO 8601.
    """
    if value is None:
        return now
    try:
        return datetime.fromisoformat(str(value)).astimezone(UTC).timestamp()
    except ValueError as err:
        raise InvalidFeedback(f"{value!r} is no time in ISO 8601") from err
