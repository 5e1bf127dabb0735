"""What somebody wants answered, and what they are given: plain values.

Invariant: nothing here asks, records or decides.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from feedback.types import Message
from serving.engine import EngineChunk
from serving.router import ROUTED
from serving.turns import Turn


@dataclass(frozen=True)
class ChatRequest:
    """What somebody wants answered."""

    messages: tuple[Message, ...]
    model: str = ROUTED
    sampling: Mapping[str, Any] = field(default_factory=dict)
    conversation: str | None = None
    interface: str = "api"
    parent: str | None = None


@dataclass(frozen=True)
class Answer:
    """A whole answer, as the engine gave it."""

    id: str
    conversation: str
    responder: str
    passages: tuple[dict[str, Any], ...]
    steps: tuple[dict[str, Any], ...]
    created: int
    chunk: EngineChunk
    cut_turns: int
    """How many of the oldest turns the model did not see."""


@dataclass(frozen=True)
class Pair:
    """Two running answers whose makers are hidden until the person has chosen."""

    id: str
    left: Turn
    right: Turn


@dataclass(frozen=True)
class Lineup:
    """Running answers whose makers are hidden until the person has ranked them."""

    id: str
    turns: tuple[Turn, ...]
