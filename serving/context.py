"""Fits a conversation into the model's context by leaving out its oldest turns.

Counting costs a request to the engine, so it is only done where the text could be too long (no
tokenizer makes more tokens than there are bytes, plus a few a message for the chat template), and
then the number of turns is halved until it fits, not one after the other.

Invariant: the system turns and the last user turn always stay, and what stays begins with a user's:
so a tool's result never loses the call that it answers.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import orjson

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
    cut: int = 0
    """How many of the oldest turns were left out."""


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
    settings, tools = dict(sampling), sampling.get("tools")
    asked = settings.get("max_tokens")
    room = _room(asked, limit)
    # How a template renders tools is its own affair: then only counting tells.
    if not tools and _at_most(messages) + max(room, asked or 0) <= limit:
        return Fitted(list(messages), settings)
    versions = [list(messages), *shorter(messages)]
    used = await client.count_tokens(model, versions[0], tools)
    if used + room > limit:
        # The first of the versions, which get shorter and shorter, that leaves room for the answer.
        low, high = 1, len(versions) - 1
        while low < high:
            middle = (low + high) // 2
            fits = await client.count_tokens(model, versions[middle], tools) + room <= limit
            low, high = (low, middle) if fits else (middle + 1, high)
        versions = versions[low:] or versions
        used = await client.count_tokens(model, versions[0], tools)
    if used >= limit:
        raise BadRequest(
            f"the last message has about {used} tokens, and this model can see {limit} including "
            "its answer; shorten it"
        )
    if asked is not None:
        settings["max_tokens"] = min(asked, limit - used)
    return Fitted(versions[0], settings, len(messages) - len(versions[0]))


def shorter(messages: Sequence[Message]) -> list[list[Message]]:
    """Return the conversation without its oldest turns: each version one question shorter."""
    turns = [i for i, message in enumerate(messages) if message["role"] != "system"]
    questions = [i for i in turns[1:] if messages[i]["role"] == "user"]
    return [
        [m for i, m in enumerate(messages) if i >= question or m["role"] == "system"]
        for question in questions
    ]


def _room(asked: int | None, limit: int) -> int:
    """Return how many tokens are kept for the answer: never so many that no history fits."""
    return min(asked if asked is not None else ANSWER_TOKENS, limit // 4)


def _at_most(messages: Sequence[Message]) -> int:
    size = 0
    for message in messages:
        size += len(message["role"].encode()) + len(message["content"].encode())
        size += len(orjson.dumps(message["tool_calls"])) if "tool_calls" in message else 0
    return size + TEMPLATE_TOKENS * (len(messages) + 1)
