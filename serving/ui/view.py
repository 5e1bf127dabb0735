"""What a handler wants the chat page to show, in plain values.

Handlers make views and never touch a component, so they are tested without a browser; `chat.py`
alone turns a view into new values of components. Invariant: a field that is None changes nothing.
"""

from dataclasses import dataclass
from typing import Literal

from feedback import conversations
from feedback.types import Outcome, Vote
from serving.ui.messages import Conversation, Shown

Mode = Literal["idle", "busy", "choose"]
"""The box to type in: open, an answer is being written, or a pair waits for a choice."""


@dataclass(frozen=True)
class Rating:
    """The feedback panel, about one answer."""

    about: str
    vote: Vote
    correction: str = ""


@dataclass(frozen=True)
class Listing:
    """A person's conversations, as the drawer shows them."""

    found: tuple[conversations.Conversation, ...]
    now: float
    query: str = ""
    current: str | None = None
    more: bool = False
    """There are older ones."""


@dataclass(frozen=True, kw_only=True)
class Ranked:
    """Three or four answers, in the order that they are shown in."""

    texts: tuple[str, ...]
    """Fit to be shown."""
    state: Literal["writing", "finished", "revealed"]
    places: tuple[int, ...] = ()
    makers: tuple[str, ...] = ()
    """Who wrote which; only once an order is recorded."""


@dataclass(frozen=True, kw_only=True)
class View:
    """New values of the page."""

    state: Conversation | None = None
    chat: list[Shown] | None = None
    thumbs: list[str | None] | None = None
    mode: Mode | None = None
    typed: str | None = None
    notice: str | None = None
    pair: tuple[str, str] | None = None
    """Both sides' texts, fit to be shown."""
    pair_state: Literal["writing", "finished", "revealed", "closed"] | None = None
    makers: tuple[str, str] | None = None
    """Who wrote which side; only once a choice is recorded."""
    outcome: Outcome | None = None
    asked: str | None = None
    """The question that is answered several times, where no log shows it."""
    ranking: Ranked | Literal["closed"] | None = None
    rating: Rating | Literal["closed"] | None = None
    listing: Listing | None = None


FRESH = View(
    state=Conversation(), chat=[], thumbs=[], mode="idle", typed="", notice="",
    pair_state="closed", rating="closed",
)  # fmt: skip
"""An empty conversation."""
