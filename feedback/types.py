"""The words of feedback as plain values: what was answered, and what a person said about it.

Invariant: these are frozen and know nothing of SQL or HTTP. What people say is bound to
the ids of completions, never to a position in a list that regenerating would shift.
"""

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, NotRequired

from typing_extensions import TypedDict  # pydantic refuses the one of `typing` before Python 3.12

Purpose = Literal["chat", "pair", "evaluation"]
Status = Literal["streaming", "complete", "cut", "failed"]
Outcome = Literal["left", "right", "tie", "both_bad"]
Order = tuple[tuple[str, ...], ...]
"""Ids of completions, the best first; equally good ones stand together."""

Ruling = Literal["accept", "fix", "exclude"]
"""Of an operator: what was said may be trained on, whoever said it; is to be corrected; is not."""

OUTCOMES: tuple[Outcome, ...] = ("left", "right", "tie", "both_bad")
PEOPLE_PURPOSES: tuple[Purpose, ...] = ("chat", "pair")
"""Completions that a person saw. Evaluations are recorded too, and never become feedback."""


class Message(TypedDict):
    """One turn of a conversation, in OpenAI's shape."""

    role: str
    content: str
    tool_calls: NotRequired[list[dict[str, Any]]]
    """The assistant's calls of the caller's functions."""
    tool_call_id: NotRequired[str]
    """Of a message of the role `tool`: the call whose result it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """One answer, and all that is needed to walk from it to its maker."""

    id: str
    conversation: str
    person: str
    purpose: Purpose = "chat"
    messages: tuple[Message, ...]
    """As the person sent them, without the passages that retrieval added."""
    text: str = ""
    responder: str
    """The exact name of what answered, e.g. `ratchet-0007+rag`."""
    named: bool = False
    """The caller asked for this responder, so the answer is no live evidence about it."""
    passages: tuple[dict[str, Any], ...] = ()
    index_version: str | None = None
    steps: tuple[dict[str, Any], ...] = ()
    """What an agent did before it answered, in order: `tool`, `query`, and in `passages` the ids
    of what that found."""
    sampling: dict[str, Any]
    status: Status = "streaming"
    finish_reason: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    ttft_ms: float | None = None
    duration_ms: float | None = None
    interface: str = "api"
    """`api` or `page`."""
    parent: str | None = None
    """The completion that this one regenerated."""
    block: str | None = None
    """Of whom only a cookie is known: the address block that they asked from, as a keyed hash."""
    created: float = 0.0
    """Unix seconds; 0 lets the store's clock set it. The same holds for `updated`."""
    updated: float = 0.0


@dataclass(frozen=True, slots=True)
class Vote:
    """One person's thumb on one completion: the last one counts."""

    completion_id: str
    person: str
    liked: bool
    reasons: tuple[str, ...]
    comment: str
    created: float
    updated: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two completions of one prompt, and which one a person preferred while it was blind."""

    id: str
    person: str
    left_id: str
    right_id: str
    outcome: Outcome | None = None
    unblinded: bool = False
    """The person chose again after seeing who was who; `outcome` is still the blind choice."""
    created: float = 0.0
    updated: float = 0.0
    seconds: float | None = None
    """The blind choice took them so long, both answers before them; None: not known."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """Three or four completions of one prompt, and their order while it was blind."""

    id: str
    person: str
    answers: tuple[str, ...]
    """In the order that they were shown in."""
    order: Order | None = None
    unblinded: bool = False
    """The person ranked again after seeing who was who; `order` is still the blind one."""
    created: float = 0.0
    updated: float = 0.0
    seconds: float | None = None
    """The blind order took them so long, all answers before them; None: not known."""


@dataclass(frozen=True, slots=True)
class Correction:
    """A completion's text as it should have been, in one person's words."""

    completion_id: str
    person: str
    text: str
    created: float
    updated: float


@dataclass(frozen=True, slots=True)
class Review:
    """What an operator says of an answer, and so of all that its person said of it."""

    completion_id: str
    ruling: Ruling | None
    """None: nothing yet, or taken back."""
    text: str
    """Of a fix: the answer as it should have been."""
    comment: str
    operator: str
    at: float


@dataclass(frozen=True, slots=True)
class Counts:
    """How much there is now: taken-back votes and undecided pairs and rankings do not."""

    votes: int
    comparisons: int
    corrections: int
    completions: int
    rankings: int = 0


class Event(NamedTuple):
    """One thing a person said, in the order they said it."""

    at: float
    value: bool | str | Order | None
    """What the record became; of a vote, None: taken back."""
    interface: str | None
    """`api`, `page` or `import`; None: said before this was kept."""
    consent: str | None
    """The version of the text that they had agreed to by then; None: none."""


class FeedbackError(Exception):
    """Feedback could not be taken, kept or read.

    FeedbackError
    ├── UnknownCompletion   no such answer, or an evaluation's
    ├── UnknownComparison   no such pair
    ├── UnknownRanking      no such ranking
    ├── UnknownConversation no such conversation of this person, or deleted
    ├── UnknownPerson       nobody of this name was ever answered
    ├── NotServedTo         the answer was given to somebody else
    └── InvalidFeedback     what was said makes no sense
    """


class UnknownCompletion(FeedbackError):
    """No person was ever given a completion with this id."""


class UnknownComparison(FeedbackError):
    """There is no comparison with this id."""


class UnknownRanking(FeedbackError):
    """There is no ranking with this id."""


class UnknownConversation(FeedbackError):
    """This person has no conversation with this id, or has deleted it."""


class UnknownPerson(FeedbackError):
    """Nobody of this name was ever answered."""


class NotServedTo(FeedbackError):
    """Only the person who was served may say what they think of it."""


class InvalidFeedback(FeedbackError):
    """The feedback itself is wrong: an unknown outcome, an empty correction, a broken row."""
