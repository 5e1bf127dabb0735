"""Fits a conversation into the model's context by leaving out its oldest turns.

Counting costs a request to the engine, so it is only done where the text could be too long: no
tokenizer makes more tokens than there are bytes, plus a few a message for the chat template.

Invariant: the system turns and the last user turn always stay, and what stays begins with a user's.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from feedback.types import Message
from serving.engine import EngineClient
from serving.errors import BadRequest

TEMPLATE_TOKENS = 16
"""At most as many tokens a message for the chat template's own marks."""
ANSWER_TOKENS = 256
"""Room that is left for the answer where the request does not say how long it may be."""


class Fitted(NamedTuple):
    """What the engine is sent."""

    messages: list[Message]
    sampling: dict[str, Any]


async def fit(
    client: EngineClient,
    model: str,
    messages: Sequence[Message],
    sampling: Mapping[str, Any],
    limit: int,
) -> Fitted:
    """Return the conversation without the oldest turns that do not fit into `limit` tokens.

    Raises:
        BadRequest: not even the last turn fits.
        EngineError: the engine could not count.
    """
    kept, settings = list(messages), dict(sampling)
    asked = settings.get("max_tokens")
    room = _room(asked, limit)
    if _at_most(kept) + max(room, asked or 0) <= limit:
        return Fitted(kept, settings)
    used = await client.count_tokens(model, kept)
    while used + room > limit:
        shorter = without_oldest(kept)
        if shorter is None:
            break
        kept = shorter
        used = await client.count_tokens(model, kept)
    if used >= limit:
        raise BadRequest(
            f"the last message has about {used} tokens, and this model can see {limit} including "
            "its answer; shorten it"
        )
    if asked is not None:
        settings["max_tokens"] = min(asked, limit - used)
    return Fitted(kept, settings)


def without_oldest(messages: Sequence[Message]) -> list[Message] | None:
    """Return the conversation without its oldest turn and the answers to it, or None at the end."""
    turns = [i for i, message in enumerate(messages) if message["role"] != "system"]
    following = [i for i in turns[1:] if messages[i]["role"] == "user"]
    if not following:
        return None
    return [m for i, m in enumerate(messages) if i >= following[0] or m["role"] == "system"]


def _room(asked: int | None, limit: int) -> int:
    """Return how many tokens are kept for the answer: never so many that no history fits."""
    return min(asked if asked is not None else ANSWER_TOKENS, limit // 4)


def _at_most(messages: Sequence[Message]) -> int:
    size = sum(len(m["role"].encode()) + len(m["content"].encode()) for m in messages)
    return size + TEMPLATE_TOKENS * (len(messages) + 1)
