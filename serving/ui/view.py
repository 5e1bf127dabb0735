"""What a handler wants the chat page to show, in plain values.

Handlers make views and never touch a component, so they are tested without a browser; `chat.py`
alone turns a view into new values of components. Invariant: a field that is None changes nothing.
"""

from dataclasses import dataclass
from typing import Literal

from feedback.types import Vote
from serving.ui.messages import Conversation, Shown

Mode = Literal["idle", "busy", "choose"]
"""The box to type in: open, an answer is being written, or a pair waits for a choice."""


@dataclass(frozen=True)
class Rating:
    """The feedback panel, about one answer."""

    about: str
    vote: Vote
    correction: str = ""


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
    pair_state: Literal["writing", "finished", "closed"] | None = None
    rating: Rating | Literal["closed"] | None = None
