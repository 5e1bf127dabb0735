"""Which parameters of a request reach the engine, and in which form.

vLLM understands far more than OpenAI's API, and some of it takes a whole CPU engine down. What
OpenAI's clients send without meaning it is ignored; what would change the answer's meaning and is
not supported is refused, as is everything unknown, as OpenAI does.

Invariant: only names of `_SAMPLING` are ever passed on.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from serving.api.messages import messages, name
from serving.api.tools import check_tools, response_format, tool_choice, tools
from serving.chat import ChatRequest
from serving.errors import BadRequest
from serving.router import ROUTED

Check = Callable[[str, Any], Any]
MOST_STOPS = 4
"""As many as OpenAI and vLLM take."""
FINEST = 0.000001
"""The smallest `top_p` that a GPU does not take for 0, which vLLM refuses."""
_IGNORED = frozenset(
    {
        "store",
        "service_tier",
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

    @property
    def offers_tools(self) -> bool:
        """Whether the model may call something of the caller's."""
        settings = self.request.sampling
        return bool(settings.get("tools")) and settings.get("tool_choice") != "none"


def chat_call(body: Mapping[str, Any], max_choices: int) -> ChatCall:
    """Read the body of `POST /v1/chat/completions`.

    Raises:
        BadRequest: something in it is wrong, unknown or not supported.
    """
    options = body.get("stream_options")
    if options is None:
        options = {}
    if not isinstance(options, dict):
        raise BadRequest("`stream_options` must be an object")
    stream = _switch("stream", body.get("stream"))
    if options and not stream:
        raise BadRequest("`stream_options` needs `stream: true`")
    request = ChatRequest(
        messages=messages(body.get("messages")),
        model=model_name(body),
        sampling=sampling(body, max_choices),
        conversation=conversation(body),
    )
    return ChatCall(
        request,
        body.get("user"),
        stream=stream,
        include_usage=_switch("include_usage", options.get("include_usage")),
    )


def model_name(body: Mapping[str, Any]) -> str:
    """Return the responder that is asked for; none at all is a routed one.

    Raises:
        BadRequest: it is no name.
    """
    given = body.get("model")
    return ROUTED if given is None or given == "" else name("model", given)


def sampling(body: Mapping[str, Any], max_choices: int) -> dict[str, Any]:
    """Return the parameters that reach the engine.

    Raises:
        BadRequest: one is wrong, unknown or not supported.
    """
    settings: dict[str, Any] = {}
    for parameter, value in body.items():
        if value is None or parameter in _OURS or parameter in _IGNORED:
            continue
        settings[parameter] = _check(_SAMPLING, parameter, value)
    if body.get("max_completion_tokens") is not None:
        settings["max_tokens"] = _count("max_completion_tokens", body["max_completion_tokens"])
    if settings.get("response_format", ...) is None:
        del settings["response_format"]
    _check_choices(settings, max_choices)
    check_tools(settings)
    if settings.get("top_logprobs") and not settings.get("logprobs"):
        raise BadRequest("`top_logprobs` needs `logprobs: true`")
    return settings


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
    return None if given is None else name("metadata.conversation_id", given)


def _check(known: Mapping[str, Check], parameter: str, value: Any) -> Any:
    check = known.get(parameter)
    if check is None:
        raise BadRequest(f"the parameter {parameter[:80]!r} is not supported here; leave it out")
    return check(parameter, value)


def _check_choices(settings: Mapping[str, Any], max_choices: int) -> None:
    if settings.get("n", 1) > max_choices:
        raise BadRequest(f"`n` is at most {max_choices} here, not {settings['n']}")


def _number(low: float, high: float) -> Check:
    def check(name: str, value: Any) -> float:
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not low <= value <= high
        ):
            raise BadRequest(f"`{name}` must be a number from {low} to {high}, not {shown(value)}")
        return value

    return check


def _whole(low: int, high: int) -> Check:
    def check(name: str, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise BadRequest(
                f"`{name}` must be a whole number from {low} to {high:,}, not {shown(value)}"
            )
        return value

    return check


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise BadRequest(f"`{name}` must be true or false, not {shown(value)}")
    return value


def _switch(name: str, value: Any) -> bool:
    return value is not None and _flag(name, value)


def shown(value: Any) -> str:
    """Return a value as an error may repeat it: neither at any length nor to any depth."""
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "an object"
    return f"{value!r:.80}"


def _stop(name: str, value: Any) -> list[str]:
    stops = [value] if isinstance(value, str) else value
    if not isinstance(stops, list) or len(stops) > MOST_STOPS:
        raise BadRequest(f"`{name}` must be a text or a list of at most {MOST_STOPS}")
    if not all(isinstance(stop, str) and stop for stop in stops):
        raise BadRequest(f"`{name}` must hold texts that are not empty")
    return stops


def _bias(name: str, value: Any) -> dict[str, float]:
    if not isinstance(value, dict) or not all(_TOKEN_ID.fullmatch(token) for token in value):
        raise BadRequest(f"`{name}` must be an object of token ids and numbers")
    return {token: _weight(f"{name}.{token[:20]}", weight) for token, weight in value.items()}


_TOKEN_ID = re.compile("[0-9]{1,9}")
_count = _whole(1, 1_000_000)
_penalty = _number(-2, 2)
_weight = _number(-100, 100)
_SAMPLING: dict[str, Check] = {
    "temperature": _number(0, 2),
    "top_p": _number(FINEST, 1),
    "max_tokens": _count,
    "stop": _stop,
    "seed": _whole(-(2**63), 2**63 - 1),
    "n": _whole(1, 128),
    "logprobs": _flag,
    "top_logprobs": _whole(0, 20),
    "presence_penalty": _penalty,
    "frequency_penalty": _penalty,
    "logit_bias": _bias,
    "tools": tools,
    "tool_choice": tool_choice,
    "parallel_tool_calls": _flag,
    "response_format": response_format,
}
_OF_CHATS = {"top_logprobs", "tools", "tool_choice", "parallel_tool_calls", "response_format"}
_TEXT: dict[str, Check] = {
    **{name: check for name, check in _SAMPLING.items() if name not in _OF_CHATS},
    "max_tokens": _whole(0, 1_000_000),
    "logprobs": _whole(0, 20),
    "echo": _flag,
}
_OF_TEXTS = {"prompt", "model", "user", "stream", "best_of"}


def text_body(body: Mapping[str, Any], max_choices: int) -> dict[str, Any]:
    """Return what of a `POST /v1/completions` reaches the engine, but the model.

    Raises:
        BadRequest: something in it is wrong, unknown or not supported.
    """
    if _switch("stream", body.get("stream")):
        raise BadRequest("text completions are not streamed here; leave `stream` out")
    passed: dict[str, Any] = {"prompt": _prompt(body.get("prompt"))}
    for parameter, value in body.items():
        if value is None or parameter in _OF_TEXTS or parameter in _IGNORED:
            continue
        passed[parameter] = _check(_TEXT, parameter, value)
    _check_choices(passed, max_choices)
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
    return all(isinstance(item, int) and not isinstance(item, bool) and item >= 0 for item in value)
