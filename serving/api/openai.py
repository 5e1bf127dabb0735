"""OpenAI's API: chat completions, text completions for evaluation harnesses, models.

Chat requests are read by hand and chunks are passed on nearly as they come: this is the path that
every token takes.

Invariant: the answer's `id` is the completion's id and its `model` the responder, in every chunk;
nothing that the engine says of itself (its address, paths, names of its own) gets through.
"""

import asyncio
import time
import uuid
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import orjson
from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from serving.api import bodies
from serving.api.callers import Caller, ServicesOf, json_object
from serving.api.parameters import chat_call, model_name, text_body
from serving.api.streaming import EventStream, unless_gone
from serving.chat import Answer, Turn
from serving.engine import EngineChunk
from serving.errors import BadRequest, EngineError, Forbidden, ServingError
from serving.failover import Seat
from serving.responders import parse

router = APIRouter(prefix="/v1", tags=["OpenAI"])

_CHOICE = ("index", "delta", "logprobs", "finish_reason")
_USAGE = ("prompt_tokens", "completion_tokens", "total_tokens")


class Json(Response):
    """JSON, quickly."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Write the content."""
        return orjson.dumps(content)


@router.post("/chat/completions", openapi_extra=bodies.CHAT)
async def chat_completions(request: Request, caller: Caller, services: ServicesOf) -> Response:
    """Answer a conversation, streamed or in one piece."""
    caller.require("chat")
    call = chat_call(await json_object(request), services.config.max_choices)
    if call.offers_tools and not services.config.tool_parser:
        raise BadRequest(
            "this service's model is offered no tools: an operator names vLLM's parser of its "
            "calls in engine.tool_parser"
        )
    person = services.identity.acting(caller, call.user)
    if call.stream:
        turn = await services.chat.start(call.request, person)
        events = _events(turn, include_usage=call.include_usage)
        return EventStream(events, turn.aclose, cut_header(turn.cut_turns))
    answering = asyncio.ensure_future(services.chat.answer(call.request, person))
    answer = await unless_gone(request.receive, answering)
    if answer is None:
        return Response(status_code=499)
    return Json(_whole(answer), headers=cut_header(answer.cut_turns))


def cut_header(turns: int) -> dict[str, str]:
    """Return the header that says how many of the oldest turns the model did not see."""
    return {"X-Ratchet-Cut-Turns": str(turns)} if turns else {}


@router.post("/completions", openapi_extra=bodies.TEXT)
async def completions(request: Request, caller: Caller, services: ServicesOf) -> Response:
    """Continue or score texts, for evaluation harnesses."""
    if caller.role not in {"operator", "internal"}:
        raise Forbidden("text completions are for operators and evaluations; use chat completions")
    body = await json_object(request)
    passed = text_body(body, services.config.max_choices)
    name = services.router.choose(model_name(body), caller, "").responder
    if parse(name).retrieval:
        raise BadRequest(f"{name!r} searches for a conversation; ask `base` or an adapter alone")
    seat = Seat(services.router, name, "", services.reconciler.failed)
    try:
        answer = await seat.ask(
            lambda client, model: client.complete_text({**passed, "model": model})
        )
    except EngineError as err:
        services.reconciler.failed(seat.replica, err)
        raise
    finally:
        seat.leave()
    answer |= {"id": f"cmpl-{uuid.uuid4().hex}", "model": name}
    return Json(answer)


@router.get("/models")
async def models(caller: Caller, services: ServicesOf) -> JSONResponse:
    """List `ratchet` and the responders that this caller may name."""
    names = services.router.names(caller)
    created = int(time.time())
    listed = [
        {"id": name, "object": "model", "created": created, "owned_by": "ratchet"} for name in names
    ]
    return JSONResponse({"object": "list", "data": listed})


@router.get("/models/{name}")
async def model(name: str, caller: Caller, services: ServicesOf) -> JSONResponse:
    """Show one model that this caller may name."""
    services.router.choose(name, caller, "")
    shown = {"id": name, "object": "model", "created": int(time.time()), "owned_by": "ratchet"}
    return JSONResponse(shown)


def _whole(answer: Answer) -> dict[str, Any]:
    chunk = answer.chunk
    return {
        "id": answer.id,
        "object": "chat.completion",
        "created": answer.created,
        "model": answer.responder,
        "choices": [
            {
                "index": choice["index"],
                "message": _message(choice["message"]),
                "logprobs": choice.get("logprobs"),
                "finish_reason": choice["finish_reason"],
            }
            for choice in chunk["choices"]
        ],
        "usage": _usage(chunk),
        "ratchet": {
            "conversation_id": answer.conversation,
            "passages": answer.passages,
            "steps": answer.steps,
        },
    }


def _message(said: dict[str, Any]) -> dict[str, Any]:
    """Return the message as the engine gave it; OpenAI's clients read no content as no answer."""
    return said if said.get("tool_calls") else {**said, "content": said["content"] or ""}


async def _events(turn: Turn, *, include_usage: bool) -> AsyncGenerator[bytes, None]:
    """Give the turn's chunks as OpenAI's events, then `[DONE]`, or an error in their place."""
    head = {
        "id": turn.id,
        "object": "chat.completion.chunk",
        "created": turn.created,
        "model": turn.responder,
    }
    # Written once: it is the same in every event, and most of what an event is.
    start = b"data: %b," % orjson.dumps(head)[:-1]
    try:
        async with aclosing(turn.batches()) as batches:
            async for batch in batches:
                # What arrived together goes out together: the busier we are, the fewer writes.
                sent = b"".join([_event(chunk, start, include_usage) for chunk in batch])
                if sent:
                    yield sent
    except ServingError as err:
        yield b"data: %b\n\n" % orjson.dumps(error_body(err))
        return
    yield b"data: [DONE]\n\n"


def error_body(error: ServingError) -> dict[str, Any]:
    """Return the one shape that every error has."""
    said = {"message": error.message, "type": error.type, "code": error.code}
    return {"error": said}


def _event(chunk: EngineChunk, start: bytes, include_usage: bool) -> bytes:
    choices = chunk["choices"]
    body: dict[str, Any]
    if choices:
        body = {"choices": [_choice(choice) for choice in choices]}
        if include_usage:
            body["usage"] = None
    elif include_usage and chunk.get("usage"):
        body = {"choices": [], "usage": _usage(chunk)}
    else:
        return b""
    return b"%b%b\n\n" % (start, orjson.dumps(body)[1:])


def _choice(choice: dict[str, Any]) -> dict[str, Any]:
    return {name: choice.get(name) for name in _CHOICE}


def _usage(chunk: EngineChunk) -> dict[str, Any]:
    usage = chunk.get("usage") or {}
    return {name: usage.get(name, 0) for name in _USAGE}
