"""A conversation for formats that know less than OpenAI's messages do.

Invariant: what was said by whom is kept, or the row is unfit.
"""

from collections.abc import Sequence

from feedback.formats.shape import Unfit
from feedback.types import Message

CALLS = "the conversation calls functions"
SPEAKERS = {"user": "User", "assistant": "Assistant"}


def system_and_turns(messages: Sequence[Message]) -> tuple[str, list[Message]]:
    """Take the system's messages at the beginning apart from what follows.

    Raises:
        Unfit: the system speaks again later.
    """
    start = 0
    while start < len(messages) and messages[start]["role"] in {"system", "developer"}:
        start += 1
    system, turns = messages[:start], list(messages[start:])
    if any(turn["role"] in {"system", "developer"} for turn in turns):
        raise Unfit("the system speaks in the middle of the conversation")
    return "\n\n".join(message["content"] for message in system), turns


def spoken(messages: Sequence[Message]) -> tuple[str, list[Message]]:
    """Return the system's text and the turns of a conversation of texts alone.

    Raises:
        Unfit: functions are called in it, it asks nothing, or the system speaks in the middle.
    """
    system, turns = system_and_turns(messages)
    if any(turn["role"] not in SPEAKERS or turn.get("tool_calls") for turn in turns):
        raise Unfit(CALLS)
    if not turns or turns[-1]["role"] != "user":
        raise Unfit("the prompt does not end in a question")
    return system, turns


def transcript(turns: Sequence[Message]) -> str:
    """Write turns one a line, each behind its speaker."""
    return "\n".join(f"{SPEAKERS[turn['role']]}: {turn['content']}" for turn in turns)
