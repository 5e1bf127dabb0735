"""LMSYS Chatbot Arena's battles, with the field names of its releases from 2023 to 2025.

| release | conversations | time | both bad |
|---|---|---|---|
| chatbot_arena_conversations (33k), 100k | messages with texts | `tstamp` | `tie (bothbad)` |
| arena-human-preference-140k | messages with lists of parts | `timestamp` | `both_bad` |
| arena-human-preference-55k, also CSV | `prompt`, `response_a`: JSON lists | – | `winner_tie` |

The shapes are those of FastChat's monitor/clean_battle_data.py and of the data cards.
"""

import json
from typing import Any, Literal

from pydantic import BaseModel

from feedback.foreign import (
    STRANGER,
    ForeignComparison,
    messages_of,
    question_and_answer,
    seconds_of,
)
from feedback.formats.shape import Row
from feedback.types import InvalidFeedback, Outcome

_OUTCOMES: dict[str, Outcome] = {
    "model_a": "left",
    "model_b": "right",
    "tie": "tie",
    "tie (bothbad)": "both_bad",
    "both_bad": "both_bad",
    "bothbad": "both_bad",
}
_FLAGS: dict[str, Outcome] = {
    "winner_model_a": "left",
    "winner_model_b": "right",
    "winner_tie": "tie",
}
Winner = Literal["model_a", "model_b", "tie", "tie (bothbad)", "both_bad", "bothbad"]


class _Battle(BaseModel):
    model_a: str = STRANGER
    model_b: str = STRANGER
    judge: str = STRANGER
    winner: Winner | None = None
    conversation_a: list[Any]
    conversation_b: list[Any]
    evaluation_order: int = 1
    tstamp: float | None = None
    timestamp: float | str | None = None


def read_battle(record: Row) -> ForeignComparison:
    """Read a battle as a comparison.

    Raises:
        ValidationError: it is none.
        InvalidFeedback: nobody or more than one won it, or the two answers do not follow the same
            conversation.
    """
    if "response_a" in record:
        record = record | _from_lists(record)
    row = _Battle.model_validate(record)
    if row.evaluation_order > 1:
        raise InvalidFeedback(
            f"evaluation_order is {row.evaluation_order}: what was said before is not in the row"
        )
    left_prompt, left = question_and_answer(messages_of(row.conversation_a))
    right_prompt, right = question_and_answer(messages_of(row.conversation_b))
    if left_prompt != right_prompt:
        raise InvalidFeedback("the conversations differ before their last answers: no one prompt")
    at = row.tstamp if row.tstamp is not None else _seconds(row.timestamp)
    return ForeignComparison(
        prompt=left_prompt,
        left=left,
        right=right,
        outcome=_outcome(row, record),
        person=row.judge,
        left_responder=row.model_a,
        right_responder=row.model_b,
        created=at,
    )


def _outcome(row: _Battle, record: Row) -> Outcome:
    if row.winner is not None:
        return _OUTCOMES[row.winner]
    won = [outcome for flag, outcome in _FLAGS.items() if str(record.get(flag)) in {"1", "True"}]
    if len(won) != 1:
        raise InvalidFeedback(f"winner: one of winner, {', '.join(_FLAGS)} must say who won")
    return won[0]


def _seconds(stamp: float | str | None) -> float | None:
    """Read a time that is in seconds, or in ISO 8601."""
    return seconds_of(stamp) if isinstance(stamp, str) else stamp


def _from_lists(record: Row) -> Row:
    """Build conversations from questions and answers in lists, which may be JSON in a text."""
    columns: dict[str, list[Any]] = {}
    for name in ("prompt", "response_a", "response_b"):
        value = record.get(name)
        try:
            value = json.loads(value) if isinstance(value, str) else value
        except (ValueError, RecursionError) as err:
            raise InvalidFeedback(f"{name} is not a list in JSON: {err}") from err
        if not isinstance(value, list):
            raise InvalidFeedback(f"{name} is not a list in JSON")
        columns[name] = value
    asked = columns["prompt"]
    return {
        f"conversation_{side}": [
            {"role": role, "content": text}
            for turn in zip(asked, columns[f"response_{side}"], strict=False)
            for role, text in zip(("user", "assistant"), turn, strict=True)
        ]
        for side in ("a", "b")
    }
