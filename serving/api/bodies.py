"""How the bodies that are read by hand look in the API's description at /openapi.json.

Invariant: a description only; what is accepted is decided in `parameters.py`.
"""

from typing import Any

_MESSAGE = {
    "type": "object",
    "required": ["role", "content"],
    "properties": {
        "role": {"enum": ["system", "developer", "user", "assistant"]},
        "content": {"type": "string"},
    },
}
_SAMPLING: dict[str, Any] = {
    "temperature": {"type": "number", "minimum": 0, "maximum": 2},
    "top_p": {"type": "number"},
    "max_tokens": {"type": "integer"},
    "stop": {"type": "array", "items": {"type": "string"}},
    "presence_penalty": {"type": "number"},
    "frequency_penalty": {"type": "number"},
}
_ASKED: dict[str, Any] = {
    "messages": {"type": "array", "minItems": 1, "items": _MESSAGE},
    "user": {"type": "string", "description": "For callers that may speak for others"},
    "metadata": {"type": "object", "properties": {"conversation_id": {"type": "string"}}},
    **_SAMPLING,
}
_CHAT: dict[str, Any] = {
    **_ASKED,
    "model": {"type": "string", "default": "ratchet"},
    "max_completion_tokens": {"type": "integer"},
    "seed": {"type": "integer"},
    "n": {"type": "integer", "minimum": 1},
    "logprobs": {"type": "boolean"},
    "top_logprobs": {"type": "integer"},
    "stream": {"type": "boolean", "default": False},
    "stream_options": {"type": "object", "properties": {"include_usage": {"type": "boolean"}}},
}
_TEXT: dict[str, Any] = {
    **_SAMPLING,
    "model": {"type": "string", "default": "ratchet"},
    "prompt": {"description": "A text, a list of token ids, or a list of either"},
    "echo": {"type": "boolean"},
    "logprobs": {"type": "integer"},
    "seed": {"type": "integer"},
    "n": {"type": "integer", "minimum": 1},
}


def _body(required: str, properties: dict[str, Any]) -> dict[str, Any]:
    schema = {"type": "object", "required": [required], "properties": properties}
    content = {"application/json": {"schema": schema}}
    return {"requestBody": {"required": True, "content": content}}


CHAT = _body("messages", _CHAT)
COMPARISON = _body("messages", _ASKED)
RANKING = _body(
    "messages", {**_ASKED, "count": {"type": "integer", "minimum": 3, "maximum": 4, "default": 3}}
)
TEXT = _body("prompt", _TEXT)
