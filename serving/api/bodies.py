"""How the bodies look that are read and written by hand, for the description at /openapi.json.

Invariant: a description only; what is accepted is decided in `parameters.py`.
"""

from typing import Any

from feedback.rankings import FEWEST, MOST
from serving.api.schemas import (
    ASKED,
    CALL,
    MAYBE_TEXT,
    WORDS,
    Schema,
    asked,
    items,
    obj,
)
from serving.api.schemas import (
    CHAT as CHAT_ASKED,
)
from serving.api.schemas import (
    TEXT as TEXT_ASKED,
)

_SAID_WRONG = ("message", "type", "code")
ERROR = obj({"error": obj(dict.fromkeys(_SAID_WRONG, WORDS), *_SAID_WRONG)}, "error")
_USAGE = obj(
    {k: {"type": "integer"} for k in ("prompt_tokens", "completion_tokens", "total_tokens")},
    "prompt_tokens",
)
_ENDED = {"index": {"type": "integer"}, "finish_reason": MAYBE_TEXT}
_ANSWER = obj(
    {
        "id": WORDS,
        "object": {"const": "chat.completion"},
        "created": {"type": "integer"},
        "model": {**WORDS, "description": "The responder that answered"},
        "choices": items(
            obj(
                {
                    **_ENDED,
                    "message": obj(
                        {
                            "role": {"const": "assistant"},
                            "content": MAYBE_TEXT,
                            "tool_calls": items(CALL),
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
        "ratchet": obj(
            {
                "conversation_id": WORDS,
                "passages": items({"type": "object"}),
                "steps": items(obj({"tool": WORDS, "query": WORDS, "passages": items(WORDS)})),
            }
        ),
    },
    *("id", "object", "created", "model", "choices", "usage", "ratchet"),
)
_SIDE = obj({"id": WORDS, "content": WORDS}, "id", "content")
_PAIR = obj({"id": WORDS, "left": _SIDE, "right": _SIDE}, "id", "left", "right")
_LINEUP = obj({"id": WORDS, "answers": items(_SIDE, minItems=3)}, "id", "answers")
_SCORED = obj(
    {
        "id": WORDS,
        "model": WORDS,
        "choices": items(obj({**_ENDED, "text": WORDS}, "index", "text")),
    },
    *("id", "model", "choices"),
)
_CUT = {
    "X-Ratchet-Cut-Turns": {
        "schema": {"type": "integer"},
        "description": "How many of the oldest turns did not fit into the context; absent: none",
    }
}


def _body(sent: Schema, answered: Schema, *more: tuple[str, Schema]) -> Schema:
    content = {"application/json": {"schema": answered}, **dict(more)}
    return {
        "requestBody": {"required": True, "content": {"application/json": {"schema": sent}}},
        "responses": {"200": {"description": "Answered", "content": content, "headers": _CUT}},
    }


_CHUNK = obj(
    {
        "id": WORDS,
        "object": {"const": "chat.completion.chunk"},
        "created": {"type": "integer"},
        "model": WORDS,
        "choices": items(obj({**_ENDED, "delta": {"type": "object"}}, "index", "delta")),
        "usage": {"anyOf": [_USAGE, {"type": "null"}]},
    },
    *("id", "object", "created", "model", "choices"),
)
_CHUNK_OR_ERROR = {"anyOf": [_CHUNK, ERROR]}
_JSON = {**WORDS, "contentMediaType": "application/json"}
_EVENTS = {
    # Of each event; `schema` would speak of the whole stream.
    "itemSchema": obj(
        {
            "data": {
                "description": "Chunks, at last `[DONE]`; an error where the answer breaks",
                "anyOf": [{"const": "[DONE]"}, {**_JSON, "contentSchema": _CHUNK_OR_ERROR}],
            }
        },
        "data",
    ),
    "example": 'data: {"id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": []}\n\n',
}
_RANKED = {
    **ASKED,
    "count": {"type": "integer", "minimum": FEWEST, "maximum": MOST, "default": FEWEST},
}
CHAT = _body(asked(CHAT_ASKED, "messages"), _ANSWER, ("text/event-stream", _EVENTS))
COMPARISON = _body(asked(ASKED, "messages"), _PAIR)
RANKING = _body(asked(_RANKED, "messages"), _LINEUP)
TEXT = _body(asked(TEXT_ASKED, "prompt"), _SCORED)

_HI = [{"role": "user", "content": "What is the deductible of Travel Shield?"}]
_WHY = {"reason": "more people like its answers"}
_SAID = "The deductible is 500 dollars (Article 3)."
_DEPLOYED = {"live": "ratchet-0007+rag", "previous": "rag", "deployment": {"id": 7}}
_YES = {"agreed": True, "version": "1", "at": 1767225600.0}
_CONSENT = {
    **_YES,
    "asks": False,
    "trains": True,
    "demanded": {"mode": "ask", "version": "1"},
    "history": [{**_YES, "interface": "api"}],
}
_DECIDED = {
    "person": "web-1",
    "action": "block",
    "comment": "votes down whatever is new",
    "actor": "operator",
    "at": 1767225600.0,
}
_REVIEW = {"ruling": "fix", "text": _SAID, "comment": "names no article"}
_REVIEWED = {"completion_id": "chatcmpl-1", "operator": "operator", "at": 1767225600.0}
_RATE = {
    "responder": "rag",
    "language": "ko",
    "since": 1760000000.0,
    "until": 1767225600.0,
    "liked": 8,
    "total": 10,
    "simulated": 0,
    "rate": 0.8,
    "low": 0.49,
    "high": 0.943,
}
_REASON = {"reason": "wrong", "liked": False, "count": 2}
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
            "ratchet": {"conversation_id": "chatcmpl-1", "passages": [], "steps": []},
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
    ("post", "/v1/comparisons/again"): (
        {},
        {
            "id": "cmp-2",
            "messages": _HI,
            "left": {"id": "chatcmpl-1-right", "content": "500 dollars."},
            "right": {"id": "chatcmpl-1-left", "content": _SAID},
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
    ("put", "/v1/feedback/signals/{completion_id}"): (
        {"kind": "copy"},
        {"completion_id": "chatcmpl-1", "kind": "copy"},
    ),
    ("get", "/v1/feedback/consent"): (None, _CONSENT),
    ("put", "/v1/feedback/consent"): ({"agreed": True, "version": "1"}, _CONSENT),
    ("get", "/v1/conversations"): (None, {"conversations": []}),
    ("patch", "/v1/conversations/{conversation_id}"): ({"title": "Deductibles"}, None),
    ("put", "/v1/feedback/corrections/{completion_id}"): (
        {"text": _SAID},
        {"completion_id": "chatcmpl-1", "text": _SAID},
    ),
    ("post", "/v1/feedback/forget"): (
        {"sure": True, "user": "ada"},
        {"erasure": "erasure-5f0c1e2d3b4a", "rows": {"completions": 3}, "proven": False},
    ),
    ("get", "/v1/feedback/voters"): (
        None,
        {"blocked": ["web-1"], "restored": [], "decisions": [_DECIDED]},
    ),
    ("post", "/v1/feedback/voters"): (
        {"person": "web-1", "action": "block", "comment": "votes down whatever is new"},
        _DECIDED,
    ),
    ("get", "/v1/feedback/votes"): (None, {"votes": [], "next": None}),
    ("get", "/v1/feedback/rates"): (
        None,
        {"since": 1760000000.0, "until": 1767225600.0, "rates": [_RATE], "reasons": [_REASON]},
    ),
    ("put", "/v1/feedback/reviews/{completion_id}"): (_REVIEW, {**_REVIEW, **_REVIEWED}),
    ("get", "/v1/completions/{completion_id}/sources"): (
        None,
        {
            "id": "chatcmpl-1",
            "responder": "rag",
            "index_version": "v3",
            "passages": [],
            "steps": [],
        },
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
