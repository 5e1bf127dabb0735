"""What files of others say, before it is feedback here: a vote or a comparison with its texts.

Invariant: these are plain values; a reader of a format makes one of each row, or refuses it.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, TypeAdapter

from feedback.types import InvalidFeedback, Message, Outcome

STRANGER = "imported"
"""Person and responder of rows that name none."""

Role = Literal["system", "developer", "user", "assistant", "tool"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignVote:
    """A thumb on one answer; `liked` None takes an earlier one back."""

    prompt: list[Message]
    text: str
    liked: bool | None
    person: str = STRANGER
    responder: str = STRANGER
    reasons: tuple[str, ...] = ()
    comment: str = ""
    created: float | None = None
    updated: float | None = None
    """Unix seconds; None: the file does not say."""
    own_id: str | None = None
    """The completion's id, where the row is about one of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignComparison:
    """A choice between two answers to one prompt."""

    prompt: list[Message]
    left: str
    right: str
    outcome: Outcome
    person: str = STRANGER
    left_responder: str = STRANGER
    right_responder: str = STRANGER
    created: float | None = None
    updated: float | None = None


Foreign = ForeignVote | ForeignComparison


def _plain(message: Any) -> Any:
    """Flatten what OpenAI, Gradio and LMArena allow a message to hold to a text.

    Raises:
        ValueError: it holds something else than text, or is of nobody that we know.
    """
    if not isinstance(message, dict):
        return message
    role, content = message.get("role"), message.get("content")
    if role not in Role.__args__:  # type: ignore[attr-defined]
        raise ValueError(f"role {role!r} is none of {', '.join(Role.__args__)}")  # type: ignore[attr-defined]
    if content is None and message.get("tool_calls"):
        content = ""
    elif isinstance(content, list):
        content = "\n".join(_text_part(part) for part in content)
    known = {key: message[key] for key in ("tool_calls", "tool_call_id") if message.get(key)}
    return {"role": "system" if role == "developer" else role, "content": content, **known}


def _text_part(part: Any) -> str:
    if isinstance(part, str):
        return part
    if isinstance(part, dict) and part.get("type") == "text" and isinstance(part.get("text"), str):
        return str(part["text"])
    kind = part.get("type") if isinstance(part, dict) else type(part).__name__
    raise ValueError(f"a part of the message is of type {kind!r}: only text can be taken")


Conversation = list[Annotated[Message, BeforeValidator(_plain)]]
"""Messages as pydantic reads them from a file: texts, with known roles."""

_conversation = TypeAdapter(Conversation)


def messages_of(value: Any) -> list[Message]:
    """Read messages that no model describes.

    Raises:
        ValidationError: they are none.
    """
    return _conversation.validate_python(value)


def question_and_answer(messages: list[Message]) -> tuple[list[Message], str]:
    """Take the last answer of a conversation apart from what led to it.

    Raises:
        InvalidFeedback: it does not end in an answer of the assistant to something.
    """
    if len(messages) < 2 or messages[-1]["role"] != "assistant":
        raise InvalidFeedback("messages: a question and then the assistant's answer are needed")
    return messages[:-1], answer_text(messages[-1:])


def answer_text(answer: list[Message] | str) -> str:
    """Return an answer's text.

    Raises:
        InvalidFeedback: it is something else than one message of the assistant that speaks.
    """
    if isinstance(answer, str):
        return answer
    if len(answer) != 1 or answer[0]["role"] != "assistant" or answer[0].get("tool_calls"):
        raise InvalidFeedback("an answer is one message of the assistant, without function calls")
    return answer[0]["content"]


def seconds_of(value: str) -> float:
    """Return a time in seconds; one without an offset is of this machine's zone.

    Raises:
        InvalidFeedback: it is not in ISO 8601.
    """
    try:
        return datetime.fromisoformat(value).timestamp()
    except (ValueError, OverflowError) as err:
        raise InvalidFeedback(f"{value!r} is no time in ISO 8601") from err
