"""How the bodies look that are read and written by hand, for the description at /openapi.json.

Invariant: a description only; what is accepted is decided in `parameters.py`.
"""

from typing import Any

Schema = dict[str, Any]


def _object(properties: Schema, *required: str) -> Schema:
    return {"type": "object", "properties": properties, "required": list(required)}


def _list(items: Schema, **bounds: int) -> Schema:
    return {"type": "array", "items": items, **bounds}


_WORDS: Schema = {"type": "string"}
_MAYBE_TEXT: Schema = {"type": ["string", "null"]}
_COUNT: Schema = {"type": "integer", "minimum": 1, "maximum": 1_000_000}
_FUNCTION = _object({"name": _WORDS, "arguments": _WORDS}, "name", "arguments")
_CALL = _object({"id": _WORDS, "type": {"const": "function"}, "function": _FUNCTION}, "id")
_SAID_WRONG = ("message", "type", "code")
ERROR = _object({"error": _object(dict.fromkeys(_SAID_WRONG, _WORDS), *_SAID_WRONG)}, "error")
_MESSAGE = _object(
    {
        "role": {"enum": ["system", "developer", "user", "assistant", "tool"]},
        "content": {
            "oneOf": [
                {"type": ["string", "null"]},
                _list(_object({"type": {"const": "text"}, "text": _WORDS}, "type", "text")),
            ]
        },
        "tool_calls": _list(_CALL),
        "tool_call_id": _WORDS,
    },
    "role",
)
_TOOL = _object(
    {
        "type": {"const": "function"},
        "function": _object(
            {
                "name": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"},
                "description": _WORDS,
                "parameters": {"type": "object"},
                "strict": {"type": "boolean"},
            },
            "name",
        ),
    },
    "type",
    "function",
)
_FORMAT = _object(
    {
        "type": {"enum": ["text", "json_object", "json_schema"]},
        "json_schema": _object({"name": _WORDS, "schema": {"type": "object"}}, "schema"),
    },
    "type",
)
_SAMPLING: Schema = {
    "temperature": {"type": "number", "minimum": 0, "maximum": 2},
    "top_p": {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
    "max_tokens": _COUNT,
    "stop": {"oneOf": [_WORDS, _list(_WORDS, maxItems=4)]},
    "presence_penalty": {"type": "number", "minimum": -2, "maximum": 2},
    "frequency_penalty": {"type": "number", "minimum": -2, "maximum": 2},
    "logit_bias": {"type": "object", "additionalProperties": {"type": "number"}},
}
_ASKED: Schema = {
    "messages": _list(_MESSAGE, minItems=1),
    "user": {**_WORDS, "maxLength": 128, "description": "For callers that may speak for others"},
    "metadata": _object({"conversation_id": {**_WORDS, "maxLength": 128}}),
    **_SAMPLING,
    "max_completion_tokens": _COUNT,
    "response_format": _FORMAT,
}
_SEVERAL: Schema = {
    "seed": {"type": "integer"},
    "n": {"type": "integer", "minimum": 1, "description": "Choice i is voted on as `id-i`"},
}
_CHAT: Schema = {
    **_ASKED,
    **_SEVERAL,
    "model": {**_WORDS, "default": "ratchet", "description": "`ratchet`, or a responder's name"},
    "logprobs": {"type": "boolean"},
    "top_logprobs": {"type": "integer", "minimum": 0, "maximum": 20},
    "tools": _list(_TOOL, minItems=1, maxItems=128),
    "tool_choice": {
        "oneOf": [
            {"enum": ["none", "auto", "required"]},
            _object({"type": {"const": "function"}, "function": {"type": "object"}}, "function"),
        ]
    },
    "parallel_tool_calls": {"type": "boolean"},
    "stream": {"type": "boolean", "default": False},
    "stream_options": _object({"include_usage": {"type": "boolean"}}),
}
_TEXT: Schema = {
    **_SAMPLING,
    **_SEVERAL,
    "model": {**_WORDS, "default": "ratchet"},
    "prompt": {"description": "A text, a list of token ids, or a list of either"},
    "max_tokens": {**_COUNT, "minimum": 0},
    "echo": {"type": "boolean"},
    "logprobs": {"type": "integer", "minimum": 0, "maximum": 20},
}
_USAGE = _object(
    {k: {"type": "integer"} for k in ("prompt_tokens", "completion_tokens", "total_tokens")},
    "prompt_tokens",
)
_ENDED = {"index": {"type": "integer"}, "finish_reason": _MAYBE_TEXT}
_ANSWER = _object(
    {
        "id": _WORDS,
        "object": {"const": "chat.completion"},
        "created": {"type": "integer"},
        "model": {**_WORDS, "description": "The responder that answered"},
        "choices": _list(
            _object(
                {
                    **_ENDED,
                    "message": _object(
                        {
                            "role": {"const": "assistant"},
                            "content": _MAYBE_TEXT,
                            "tool_calls": _list(_CALL),
                        },
                        "role",
                        "content",
                    ),
                    "logprobs": {"type": ["object", "null"]},
                },
                "index",
                "message",
                "finish_reason",
            ),
            minItems=1,
        ),
        "usage": _USAGE,
        "ratchet": _object({"conversation_id": _WORDS, "passages": _list({"type": "object"})}),
    },
    *("id", "object", "created", "model", "choices", "usage", "ratchet"),
)
_SIDE = _object({"id": _WORDS, "content": _WORDS}, "id", "content")
_PAIR = _object({"id": _WORDS, "left": _SIDE, "right": _SIDE}, "id", "left", "right")
_LINEUP = _object({"id": _WORDS, "answers": _list(_SIDE, minItems=3)}, "id", "answers")
_SCORED = _object(
    {
        "id": _WORDS,
        "model": _WORDS,
        "choices": _list(_object({**_ENDED, "text": _WORDS}, "index", "text")),
    },
    *("id", "model", "choices"),
)
_CUT = {
    "X-Ratchet-Cut-Turns": {
        "schema": {"type": "integer"},
        "description": "How many of the oldest turns did not fit into the context; absent: none",
    }
}


def _body(required: str, asked: Schema, answered: Schema, *more: tuple[str, Schema]) -> Schema:
    content = {"application/json": {"schema": answered}, **dict(more)}
    return {
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _object(asked, required)}},
        },
        "responses": {"200": {"description": "Answered", "content": content, "headers": _CUT}},
    }


_EVENTS = {
    "schema": {**_WORDS, "description": "`data: {chunk}` a piece, at last `data: [DONE]`"},
    "example": 'data: {"id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": []}\n\n',
}
CHAT = _body("messages", _CHAT, _ANSWER, ("text/event-stream", _EVENTS))
COMPARISON = _body("messages", _ASKED, _PAIR)
RANKING = _body(
    "messages",
    {**_ASKED, "count": {"type": "integer", "minimum": 3, "maximum": 4, "default": 3}},
    _LINEUP,
)
TEXT = _body("prompt", _TEXT, _SCORED)

_HI = [{"role": "user", "content": "What is the deductible of Travel Shield?"}]
_WHY = {"reason": "more people like its answers"}
_SAID = "The deductible is 500 dollars (Article 3)."
_DEPLOYED = {"live": "ratchet-0007+rag", "previous": "rag", "deployment": {"id": 7}}
EXAMPLES: dict[tuple[str, str], tuple[Any, Any]] = {
    ("post", "/v1/chat/completions"): (
        {"model": "ratchet", "messages": _HI},
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1767225600,
            "model": "ratchet-0007+rag",
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": _SAID},
                    "logprobs": None,
                    "finish_reason": "stop",
                }
            ],
            "usage": {"prompt_tokens": 61, "completion_tokens": 14, "total_tokens": 75},
            "ratchet": {"conversation_id": "chatcmpl-1", "passages": []},
        },
    ),
    ("post", "/v1/comparisons"): (
        {"messages": _HI},
        {
            "id": "cmp-1",
            "left": {"id": "chatcmpl-1-left", "content": _SAID},
            "right": {"id": "chatcmpl-1-right", "content": "500 dollars."},
        },
    ),
    ("post", "/v1/completions"): (
        {"model": "base", "prompt": "The deductible is", "max_tokens": 0, "echo": True},
        {
            "id": "cmpl-1",
            "model": "base",
            "choices": [{"index": 0, "text": "The deductible is", "finish_reason": "length"}],
        },
    ),
    ("get", "/v1/models"): (
        None,
        {
            "object": "list",
            "data": [{"id": "rag", "object": "model", "created": 1, "owned_by": "ratchet"}],
        },
    ),
    ("put", "/v1/feedback/votes/{completion_id}"): (
        {"liked": True, "reasons": ["correct"], "comment": ""},
        {"completion_id": "chatcmpl-1", "liked": True, "reasons": ["correct"], "comment": ""},
    ),
    ("put", "/v1/feedback/comparisons/{comparison_id}"): (
        {"outcome": "left"},
        {
            "id": "cmp-1",
            "outcome": "left",
            "unblinded": False,
            "left": {"id": "chatcmpl-1-left", "responder": "ratchet-0007+rag", "passages": []},
            "right": {"id": "chatcmpl-1-right", "responder": "rag", "passages": []},
        },
    ),
    ("post", "/v1/rankings"): (
        {"messages": _HI, "count": 3},
        {
            "id": "rnk-1",
            "answers": [{"id": f"chatcmpl-1-{i}", "content": _SAID} for i in (1, 2, 3)],
        },
    ),
    ("put", "/v1/feedback/rankings/{ranking_id}"): (
        {"order": [["chatcmpl-1-2"], ["chatcmpl-1-1", "chatcmpl-1-3"]]},
        {"id": "rnk-1", "order": [["chatcmpl-1-2"]], "unblinded": False, "answers": []},
    ),
    ("get", "/v1/conversations"): (None, {"conversations": []}),
    ("patch", "/v1/conversations/{conversation_id}"): ({"title": "Deductibles"}, None),
    ("put", "/v1/feedback/corrections/{completion_id}"): (
        {"text": _SAID},
        {"completion_id": "chatcmpl-1", "text": _SAID},
    ),
    ("get", "/v1/completions/{completion_id}/sources"): (
        None,
        {"id": "chatcmpl-1", "responder": "rag", "index_version": "v3", "passages": []},
    ),
    ("get", "/v1/status"): (None, {"live": "rag", "previous": None, "held": None}),
    ("post", "/v1/promote"): ({"responder": "ratchet-0007+rag", **_WHY, "force": False}, _DEPLOYED),
    ("post", "/v1/rollback"): (_WHY, _DEPLOYED),
    ("post", "/v1/hold"): (_WHY, {"held": {**_WHY, "actor": "operator"}}),
    ("post", "/v1/resume"): (_WHY, {"held": None}),
    ("get", "/v1/cycles"): (None, {"cycles": []}),
    ("post", "/v1/cycles"): ({"method": "auto"}, {"request": 12}),
    ("get", "/healthz"): (None, {"status": "alive"}),
    ("get", "/readyz"): (None, {"status": "ready", "live": "rag"}),
}
