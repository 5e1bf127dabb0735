"""Gradio's flagging CSV, whose columns stand under the wrong names more often than not.

The files are written by gradio/flagging.py:
- `ChatCSVLogger` (`gr.ChatInterface`) writes the header conversation, index, value, flag, timestamp
  and then four fields a row, so that the thumb stands under `value` and the time under `flag`.
- `CSVLogger` (`gr.Interface`) decides by the first flag whether the header has `flag` and
  `username`; a later row has them or not on its own account. `ClassicCSVLogger` always writes both.

So a row is read from both ends: the time is last, what the components held comes first, and what is
between is flag and user. Cells that a spreadsheet would run are quoted with `'`; that is undone.
"""

import json
import re
from itertools import takewhile
from typing import Any

from feedback.foreign import STRANGER, ForeignVote, messages_of, question_and_answer, seconds_of
from feedback.records import TableRow
from feedback.types import InvalidFeedback, Message

LIKED = {"like", "liked", "good", "yes", "up", "correct", "helpful", "좋아요", "👍"}
DISLIKED = {"dislike", "disliked", "bad", "no", "down", "incorrect", "wrong", "싫어요", "👎"}
CHAT = ["conversation", "index", "value", "flag", "timestamp"]
TRAILING = {"flag", "username", "timestamp"}


def read_flag(row: TableRow) -> ForeignVote:
    """Read a flag as a vote.

    Raises:
        ValidationError: its conversation is none.
        InvalidFeedback: its fields are not those of Gradio's loggers, or it is neither a thumb up
            nor down.
    """
    fields = [_unquoted(field) for field in row.fields]
    if row.header[:2] == CHAT[:2]:
        return _read_chat(fields)
    components = len(row.header)
    while components and row.header[components - 1] in TRAILING:
        components -= 1
    return _read_interface(components, fields)


def _read_chat(fields: list[str]) -> ForeignVote:
    if len(fields) != len(CHAT) - 1:
        raise InvalidFeedback(f"a chat's row has {len(CHAT) - 1} fields, this has {len(fields)}")
    conversation, index, flag, at = fields
    prompt, text = _rated(_json("conversation", conversation), index)
    # A thumb that is clicked again is taken back: Gradio then writes an empty one.
    return _vote(prompt, text, _liked(flag) if flag else None, at, STRANGER)


def _read_interface(components: int, fields: list[str]) -> ForeignVote:
    held, between = fields[:components], fields[components:-1]
    if len(fields) <= components or len(between) > 2:
        raise InvalidFeedback(
            f"{len(fields)} fields under a header with {components} components: the app had others"
            " when this was flagged"
        )
    # One field alone is the flag or the user: a word for a thumb is the flag.
    alone = len(between) == 1 and between[0].lower() in LIKED | DISLIKED
    flag = between[0] if alone or len(between) == 2 else ""
    user = between[-1] if between and not alone else ""
    if not flag:
        raise InvalidFeedback("flag: nothing says whether the answer is liked")
    prompt, text = _texts(held)
    return _vote(prompt, text, _liked(flag), fields[-1], user or STRANGER)


def _texts(held: list[str]) -> tuple[list[Message], str]:
    """Take two components for question and answer, one for a chat."""
    if len(held) == 1:
        return question_and_answer(messages_of(_turns(_json("the component", held[0]))))
    if len(held) != 2:
        raise InvalidFeedback(f"{len(held)} components: which are question and answer is not said")
    return [{"role": "user", "content": held[0]}], held[1]


def _rated(conversation: Any, index: str) -> tuple[list[Message], str]:
    """Return what was asked and answered at an index: a message's, or a pair's and its side's.

    Messages of the assistant that follow each other are one answer on the page; the index is the
    first one's.
    """
    numbers = [int(number) for number in re.findall(r"\d+", index)]
    at = numbers[0] if len(numbers) == 1 else 2 * numbers[0] + numbers[1] if numbers else 0
    turns = _turns(conversation)
    messages, answer = messages_of(turns[:at]), messages_of(turns[at:])
    answers = list(takewhile(lambda message: message["role"] == "assistant", answer))
    if not messages or not answers:
        raise InvalidFeedback(f"index {index} is no answer in a chat of {len(turns)} messages")
    return messages, "\n".join(message["content"] for message in answers)


def _turns(conversation: Any) -> list[Any]:
    """Return a chat's messages; before Gradio 6 a chat could be a list of pairs."""
    if not isinstance(conversation, list) or not conversation:
        raise InvalidFeedback("the conversation is empty, or no list")
    if not isinstance(conversation[0], list):
        return conversation
    sides = ("user", "assistant")
    return [
        {"role": role, "content": "" if text is None else text}
        for pair in conversation
        for role, text in zip(sides, pair if isinstance(pair, list) else [pair], strict=False)
    ]


def _liked(flag: str) -> bool:
    word = flag.lower()
    if word not in LIKED | DISLIKED:
        known = ", ".join(sorted(LIKED | DISLIKED))
        raise InvalidFeedback(f"flag {flag!r} is no thumb; known are {known}")
    return word in LIKED


def _vote(
    prompt: list[Message], text: str, liked: bool | None, at: str, person: str
) -> ForeignVote:
    seconds = seconds_of(at)
    return ForeignVote(
        prompt=prompt, text=text, liked=liked, person=person, created=seconds, updated=seconds
    )


def _json(what: str, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as err:
        raise InvalidFeedback(f"{what} is no JSON: {err}") from err


def _unquoted(cell: str) -> str:
    """Undo `sanitize_value_for_csv` in gradio/utils.py."""
    rest = cell[1:]
    unsafe = rest.startswith(tuple("=+-@\t\n")) or any(f",{sign}" in rest for sign in "=+-@\t\n")
    return rest if cell.startswith("'") and unsafe else cell
