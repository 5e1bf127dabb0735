"""The pieces of which bodies are made that are read and written by hand, as JSON schemas.

Invariant: what a schema here forbids is refused; what it allows is refused only for what several
parameters say together, or for characters that no pattern can name.
"""

from typing import Any

from serving.api.messages import LONGEST_NAME
from serving.api.parameters import FINEST, MOST_STOPS
from serving.api.tools import MOST_TOOLS
from serving.config import ServingConfig

Schema = dict[str, Any]
FUNCTION_NAME = "^[A-Za-z0-9_-]{1,64}$"


def obj(properties: Schema, *required: str) -> Schema:
    """Return the schema of an object; whoever reads it ignores further properties."""
    return {"type": "object", "properties": properties, "required": list(required)}


def items(schema: Schema, **bounds: int) -> Schema:
    """Return the schema of a list."""
    return {"type": "array", "items": schema, **bounds}


def asked(properties: Schema, *required: str) -> Schema:
    """Return the schema of what a caller sends: null, too, means that a parameter is left out."""
    sent = {
        name: schema if name in required else {"anyOf": [schema, {"type": "null"}]}
        for name, schema in properties.items()
    }
    return obj(sent, *required)


WORDS: Schema = {"type": "string"}
NAME: Schema = {**WORDS, "minLength": 1, "maxLength": LONGEST_NAME}
USER: Schema = {**NAME, "description": "For callers that may speak for others"}
MAYBE_TEXT: Schema = {"type": ["string", "null"]}
_FLAG: Schema = {"type": "boolean"}
_COUNT: Schema = {"type": "integer", "minimum": 1, "maximum": 1_000_000}
_LOGPROBS: Schema = {"type": "integer", "minimum": 0, "maximum": 20}
_FUNCTION = {"const": "function"}
CALL = obj(
    {"id": NAME, "type": _FUNCTION, "function": obj({"name": NAME, "arguments": WORDS}, "name")},
    *("id", "function"),
)
_PARTS = items(obj({"type": {"const": "text"}, "text": WORDS}, "type", "text"))
_TEXT: Schema = {"anyOf": [WORDS, _PARTS]}
_ASKING: Schema = {"anyOf": [{**WORDS, "pattern": r"\S"}, {**_PARTS, "minItems": 1}]}
_MESSAGE: Schema = {
    "oneOf": [
        obj({"role": {"enum": ["system", "developer"]}, "content": _TEXT}, "role", "content"),
        obj({"role": {"const": "user"}, "content": _ASKING}, "role", "content"),
        asked(
            {"role": {"const": "assistant"}, "content": _TEXT, "tool_calls": items(CALL)}, "role"
        ),
        obj(
            {"role": {"const": "tool"}, "content": _TEXT, "tool_call_id": NAME},
            *("role", "content", "tool_call_id"),
        ),
    ]
}
_TOOL = obj(
    {
        "type": _FUNCTION,
        "function": asked(
            {
                "name": {**WORDS, "pattern": FUNCTION_NAME},
                "description": WORDS,
                "parameters": {"type": "object"},
                "strict": _FLAG,
            },
            "name",
        ),
    },
    *("type", "function"),
)
_FORMAT: Schema = {
    "oneOf": [
        obj({"type": {"enum": ["text", "json_object"]}}, "type"),
        obj(
            {
                "type": {"const": "json_schema"},
                "json_schema": obj(
                    {"name": {**WORDS, "pattern": FUNCTION_NAME}, "schema": {"type": "object"}},
                    "schema",
                ),
            },
            *("type", "json_schema"),
        ),
    ]
}
_PENALTY: Schema = {"type": "number", "minimum": -2, "maximum": 2}
_STOP: Schema = {**WORDS, "minLength": 1}
_SAMPLING: Schema = {
    "temperature": {"type": "number", "minimum": 0, "maximum": 2},
    "top_p": {"type": "number", "minimum": FINEST, "maximum": 1},
    "max_tokens": _COUNT,
    "stop": {"oneOf": [_STOP, items(_STOP, maxItems=MOST_STOPS)]},
    "presence_penalty": _PENALTY,
    "frequency_penalty": _PENALTY,
    "logit_bias": {
        "type": "object",
        "propertyNames": {"pattern": "^[0-9]{1,9}$"},
        "additionalProperties": {"type": "number", "minimum": -100, "maximum": 100},
    },
}
ASKED: Schema = {
    "messages": items(_MESSAGE, minItems=1),
    "user": USER,
    "metadata": asked({"conversation_id": NAME}),
    **_SAMPLING,
    "max_completion_tokens": _COUNT,
    "response_format": _FORMAT,
}
_SEVERAL: Schema = {
    "seed": {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1},
    "n": {
        "type": "integer",
        "minimum": 1,
        "maximum": ServingConfig.max_choices,
        "description": "Choice i is voted on as `id-i`",
    },
}
_MODEL: Schema = {
    **WORDS,
    "maxLength": LONGEST_NAME,
    "default": "ratchet",
    "description": "`ratchet`, or a responder's name",
}
CHAT: Schema = {
    **ASKED,
    **_SEVERAL,
    "model": _MODEL,
    "logprobs": _FLAG,
    "top_logprobs": _LOGPROBS,
    "tools": items(_TOOL, minItems=1, maxItems=MOST_TOOLS),
    "tool_choice": {
        "oneOf": [
            {"enum": ["none", "auto", "required"]},
            obj({"type": _FUNCTION, "function": obj({"name": WORDS}, "name")}, "type", "function"),
        ]
    },
    "parallel_tool_calls": _FLAG,
    "stream": {**_FLAG, "default": False},
    "stream_options": asked({"include_usage": _FLAG}),
}
_TOKENS = items({"type": "integer", "minimum": 0}, minItems=1)
TEXT: Schema = {
    **_SAMPLING,
    **_SEVERAL,
    "model": _MODEL,
    "prompt": {
        "description": "A text, a list of token ids, or a list of either",
        "anyOf": [WORDS, items(WORDS, minItems=1), _TOKENS, items(_TOKENS, minItems=1)],
    },
    "max_tokens": {**_COUNT, "minimum": 0},
    "echo": _FLAG,
    "logprobs": _LOGPROBS,
}
