"""How a conversation in OpenAI's shape is read: texts, and the calls of tools with their results.

Invariant: what comes out has a known role and a text in every message, and a tool's result always
stands behind the call that it answers.
"""

from typing import Any

import orjson

from feedback.types import Message
from serving.errors import BadRequest

LONGEST_NAME = 128
"""Characters of an id or a name."""
_ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
}


def messages(value: Any) -> tuple[Message, ...]:
    """Return a conversation in its plainest form.

    Raises:
        BadRequest: it is not one, or holds more than texts and calls of functions.
    """
    if not isinstance(value, list) or not value:
        raise BadRequest("`messages` must be a list of at least one message")
    read: list[Message] = []
    called: set[str] = set()
    for position, message in enumerate(value):
        where = f"messages[{position}]"
        read.append(_message(where, message))
        if read[-1]["role"] == "tool":
            _check_answers(where, read[-1], called)
        else:
            called = {str(call["id"]) for call in read[-1].get("tool_calls", [])}
    return tuple(read)


def name(what: str, value: Any) -> str:
    """Return a short text without control characters.

    Raises:
        BadRequest: it is something else.
    """
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_NAME or not value.isprintable():
        raise BadRequest(f"`{what}` must be a printable text of 1 to {LONGEST_NAME} characters")
    return value


def _check_answers(where: str, message: Message, called: set[str]) -> None:
    if message["tool_call_id"] not in called:
        raise BadRequest(
            f"{where}: no `tool_calls` right before it has the id {message['tool_call_id']!r}; "
            "send the assistant's message with its calls in front of their results"
        )


def _message(where: str, message: Any) -> Message:
    role = message.get("role") if isinstance(message, dict) else None
    if not isinstance(role, str) or role not in _ROLES:
        raise BadRequest(f"{where} needs a `role`: one of {', '.join(_ROLES)}")
    read = Message(role=_ROLES[role], content=_content(where, role, message.get("content")))
    if role == "assistant" and message.get("tool_calls") is not None:
        calls = _calls(where, message["tool_calls"])
        # An empty list stands for no calls; templates would begin one.
        if calls:
            read["tool_calls"] = calls
    if role == "tool":
        read["tool_call_id"] = name(f"{where}.tool_call_id", message.get("tool_call_id"))
    return read


def _content(where: str, role: str, content: Any) -> str:
    if isinstance(content, list):
        content = "".join([_part(where, part) for part in content])
    if content is None and role == "assistant":
        content = ""
    if not isinstance(content, str):
        raise BadRequest(f"{where} needs a `content` that is a text")
    if "\0" in content:
        raise BadRequest(f"{where} holds the character NUL, which no database keeps")
    if role == "user" and not content.strip():
        raise BadRequest(f"{where} says nothing: write what is asked into its `content`")
    return content


def _part(where: str, part: Any) -> str:
    if isinstance(part, dict) and part.get("type") == "text" and isinstance(part.get("text"), str):
        return str(part["text"])
    raise BadRequest(f"{where}: only parts of the type `text` are understood")


def _calls(where: str, calls: Any) -> list[dict[str, Any]]:
    if not isinstance(calls, list):
        raise BadRequest(f"{where}.tool_calls must be a list")
    return [_call(f"{where}.tool_calls[{i}]", call) for i, call in enumerate(calls)]


def _call(where: str, call: Any) -> dict[str, Any]:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict) or call.get("type", "function") != "function":
        raise BadRequest(f"{where} must be the call of a function, as the answer held it")
    arguments = function.get("arguments", "")
    if not _is_object(arguments):
        raise BadRequest(f"{where}.function.arguments must be a text that holds a JSON object")
    return {
        "id": name(f"{where}.id", call.get("id")),
        "type": "function",
        "function": {
            "name": name(f"{where}.function.name", function.get("name")),
            "arguments": arguments,
        },
    }


def _is_object(arguments: Any) -> bool:
    """Say whether a template can show these arguments; models also call with none at all."""
    if not isinstance(arguments, str):
        return False
    try:
        return arguments == "" or isinstance(orjson.loads(arguments), dict)
    except orjson.JSONDecodeError:
        return False
