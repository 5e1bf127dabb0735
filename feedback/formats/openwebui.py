"""Open WebUI's feedback export: a JSON array of ratings, each with its chat at that time.

The shape is `FeedbackModel` in backend/open_webui/models/feedbacks.py, filled by `feedbackHandler`
in ResponseMessage.svelte: `data.rating` is 1 or -1, `meta.message_id` names the answer,
`snapshot.chat.chat.history.messages` holds every message with its parent. A rating beside siblings
is taken as the thumb it was: whether its person looked at the others is not in the file.
"""

import re
from typing import Any

from pydantic import BaseModel

from feedback.foreign import STRANGER, ForeignVote, messages_of, question_and_answer
from feedback.formats.shape import Row
from feedback.types import InvalidFeedback, Message

_ASIDE = re.compile(r"<details type=\"[^\"]*\".*?</details>\s*", re.DOTALL)
"""Thoughts and tool calls as the page shows them; what its model is sent has them taken out."""


class _Data(BaseModel):
    rating: int | str | None = None
    model_id: str | None = None
    reason: str | None = None
    comment: str | None = None


class _Meta(BaseModel):
    message_id: str | None = None


class _Feedback(BaseModel):
    user_id: str = STRANGER
    data: _Data
    meta: _Meta = _Meta()
    snapshot: dict[str, Any] | None = None
    created_at: float | None = None
    updated_at: float | None = None


def read_rating(record: Row) -> ForeignVote:
    """Read a rating as a vote.

    Raises:
        ValidationError: it is none.
        InvalidFeedback: it is neither a thumb up nor down, or the rated answer is not in it.
    """
    row = _Feedback.model_validate(record)
    rating = str(row.data.rating)
    if rating not in {"1", "-1"}:
        raise InvalidFeedback(f"data.rating is {row.data.rating!r}: a thumb is 1 or -1")
    prompt, text = question_and_answer(_conversation(row))
    return ForeignVote(
        prompt=prompt,
        text=text,
        liked=rating == "1",
        person=row.user_id,
        responder=row.data.model_id or STRANGER,
        reasons=(row.data.reason,) if row.data.reason else (),
        comment=row.data.comment or "",
        created=row.created_at,
        updated=row.updated_at,
    )


def _conversation(row: _Feedback) -> list[Message]:
    """Walk from the rated answer to the beginning of its chat."""
    chat = (row.snapshot or {}).get("chat")
    chat = chat.get("chat", chat) if isinstance(chat, dict) else None
    history = chat.get("history") if isinstance(chat, dict) else None
    known = history.get("messages") if isinstance(history, dict) else None
    if not isinstance(chat, dict) or not isinstance(known, dict):
        raise InvalidFeedback("snapshot: the chat is not in it; use an export with snapshots")
    at: Any = row.meta.message_id
    if at not in known:
        raise InvalidFeedback(f"meta.message_id: {at!r} is not in the chat's history")
    turns: list[Any] = []
    while isinstance(at, str) and isinstance(message := known.pop(at, None), dict):
        turns.append(_message(message))
        at = message.get("parentId")
    parameters = chat.get("params")
    system = parameters.get("system") if isinstance(parameters, dict) else None
    before = [{"role": "system", "content": system}] if system else []
    return messages_of([*before, *reversed(turns)])


def _message(message: Row) -> Row:
    content = message.get("content")
    if message.get("role") == "assistant" and isinstance(content, str):
        content = _ASIDE.sub("", content)
    return {"role": message.get("role"), "content": content}
