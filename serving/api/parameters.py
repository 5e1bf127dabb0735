"""Which parameters of a request reach the engine, and in which form.

vLLM understands far more than OpenAI's API, and some of it takes a whole CPU engine down. What
OpenAI's clients send without meaning it is ignored; what would change the answer's meaning and is
not supported is refused, as is everything unknown, as OpenAI does.

Invariant: only names of `_SAMPLING` are ever passed on.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from feedback.types import Message
from serving.chat import ChatRequest
from serving.errors import BadRequest
from serving.router import ROUTED

Check = Callable[[str, Any], Any]
LONGEST_ID = 128
_ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}
_IGNORED = frozenset(
    {
        "store",
        "service_tier",
        "parallel_tool_calls",
        "prediction",
        "prompt_cache_key",
        "prompt_cache_retention",
        "safety_identifier",
        "reasoning_effort",
        "verbosity",
    }
)
_OURS = frozenset(
    {"model", "messages", "stream", "stream_options", "user", "metadata", "max_completion_tokens"}
)


@dataclass(frozen=True)
class ChatCall:
    """A chat request as it came: what to answer, for whom, and in which form."""

    request: ChatRequest
    user: Any
    stream: bool
    include_usage: bool


def chat_call(body: Mapping[str, Any], max_choices: int) -> ChatCall:
    """Read the body of `POST /v1/chat/completions`.

    Raises:
        BadRequest: something in it is wrong, unknown or not supported.
    """
    options = body.get("stream_options") or {}
    if not isinstance(options, dict):
        raise BadRequest("`stream_options` must be an object")
    request = ChatRequest(
        messages=messages(body.get("messages")),
        model=_text("model", body.get("model") or ROUTED),
        sampling=sampling(body, max_choices),
        conversation=conversation(body),
    )
    return ChatCall(
        request,
        body.get("user"),
        stream=_flag("stream", body.get("stream") or False),
        include_usage=_flag("include_usage", options.get("include_usage") or False),
    )


def sampling(body: Mapping[str, Any], max_choices: int) -> dict[str, Any]:
    """Return the parameters that reach the engine.

    Raises:
        BadRequest: one is wrong, unknown or not supported.
    """
    settings: dict[str, Any] = {}
    for name, value in body.items():
        if value is None or name in _OURS or name in _IGNORED:
            continue
        check = _SAMPLING.get(name)
        if check is None:
            raise BadRequest(f"the parameter {name!r} is not supported here; leave it out")
        settings[name] = check(name, value)
    if body.get("max_completion_tokens") is not None:
        settings["max_tokens"] = _count("max_completion_tokens", body["max_completion_tokens"])
    settings.pop("response_format", None)
    if settings.get("n", 1) > max_choices:
        raise BadRequest(f"`n` is at most {max_choices} here, not {settings['n']}")
    if settings.get("top_logprobs") and not settings.get("logprobs"):
        raise BadRequest("`top_logprobs` needs `logprobs: true`")
    return settings


def messages(value: Any) -> tuple[Message, ...]:
    """Return a conversation in its plainest form.

    Raises:
        BadRequest: it is not one, or holds more than text.
    """
    if not isinstance(value, list) or not value:
        raise BadRequest("`messages` must be a list of at least one message")
    return tuple(_message(i, message) for i, message in enumerate(value))


def conversation(body: Mapping[str, Any]) -> str | None:
    """Return `metadata.conversation_id`.

    Raises:
        BadRequest: it is not a short text.
    """
    metadata = body.get("metadata")
    if metadata is None:
        return None
    if not isinstance(metadata, dict):
        raise BadRequest("`metadata` must be an object")
    given = metadata.get("conversation_id")
    return None if given is None else _text("metadata.conversation_id", given)


def _message(position: int, message: Any) -> Message:
    where = f"messages[{position}]"
    role = message.get("role") if isinstance(message, dict) else None
    if not isinstance(role, str) or role not in _ROLES:
        raise BadRequest(f"{where} needs a `role`: one of {', '.join(_ROLES)}")
    content = message.get("content")
    if isinstance(content, list):
        parts = [_part(where, part) for part in content]
        content = "".join(parts)
    if content is None and role == "assistant":
        content = ""
    if not isinstance(content, str):
        raise BadRequest(f"{where} needs a `content` that is a text")
    return Message(role=_ROLES[role], content=content)


def _part(where: str, part: Any) -> str:
    if isinstance(part, dict) and part.get("type") == "text" and isinstance(part.get("text"), str):
        return str(part["text"])
    raise BadRequest(f"{where}: only parts of the type `text` are understood")


def _number(low: float, high: float) -> Check:
    def check(name: str, value: Any) -> float:
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not low <= value <= high
        ):
            raise BadRequest(f"`{name}` must be a number from {low} to {high}, not {value!r}")
        return value

    return check


def _whole(low: int, high: int) -> Check:
    def check(name: str, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise BadRequest(
                f"`{name}` must be a whole number from {low} to {high:,}, not {value!r}"
            )
        return value

    return check


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise BadRequest(f"`{name}` must be true or false, not {value!r}")
    return value


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_ID:
        raise BadRequest(f"`{name}` must be a text of 1 to {LONGEST_ID} characters")
    return value


def _stop(name: str, value: Any) -> list[str]:
    stops = [value] if isinstance(value, str) else value
    if not isinstance(stops, list) or len(stops) > 16:
        raise BadRequest(f"`{name}` must be a text or a list of at most 16")
    if not all(isinstance(stop, str) and stop for stop in stops):
        raise BadRequest(f"`{name}` must hold texts that are not empty")
    return stops


def _plain_text(name: str, value: Any) -> None:
    if value != {"type": "text"}:
        raise BadRequest(f"`{name}` other than text is not supported here")


_count = _whole(1, 1_000_000)
_penalty = _number(-2, 2)
_SAMPLING: dict[str, Check] = {
    "temperature": _number(0, 2),
    "top_p": _number(0.000001, 1),
    "max_tokens": _count,
    "stop": _stop,
    "seed": _whole(-(2**63), 2**63 - 1),
    "n": _whole(1, 128),
    "logprobs": _flag,
    "top_logprobs": _whole(0, 20),
    "presence_penalty": _penalty,
    "frequency_penalty": _penalty,
    "response_format": _plain_text,
}
_TEXT: dict[str, Check] = {
    **{name: check for name, check in _SAMPLING.items() if name != "response_format"},
    "max_tokens": _whole(0, 1_000_000),
    "logprobs": _whole(0, 20),
    "echo": _flag,
}
_TEXT.pop("top_logprobs")


def text_body(body: Mapping[str, Any], max_choices: int) -> dict[str, Any]:
    """Return what of a `POST /v1/completions` reaches the engine, but the model.

    Raises:
        BadRequest: something in it is wrong, unknown or not supported.
    """
    if body.get("stream"):
        raise BadRequest("text completions are not streamed here; leave `stream` out")
    passed: dict[str, Any] = {"prompt": _prompt(body.get("prompt"))}
    for name, value in body.items():
        if value is None or name in {"prompt", "model", "user", "stream", "best_of"} | _IGNORED:
            continue
        check = _TEXT.get(name)
        if check is None:
            raise BadRequest(f"the parameter {name!r} is not supported here; leave it out")
        passed[name] = check(name, value)
    if passed.get("n", 1) > max_choices:
        raise BadRequest(f"`n` is at most {max_choices} here, not {passed['n']}")
    return passed


def _prompt(value: Any) -> Any:
    """Accept a text, tokens, or a list of either."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and value:
        if all(isinstance(item, str) for item in value) or _is_tokens(value):
            return value
        if all(isinstance(item, list) and item and _is_tokens(item) for item in value):
            return value
    raise BadRequest("`prompt` must be a text, a list of token ids, or a list of either")


def _is_tokens(value: list[Any]) -> bool:
    return all(isinstance(item, int) and not isinstance(item, bool) for item in value)
