"""What people say about answers: votes, blind comparisons, corrections; and what an answer drew on.

Invariant: nothing here tells who made a side of a pair before the person has chosen.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from uuid import uuid4

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field, StrictBool, WithJsonSchema

from feedback.implied import Kind
from feedback.repeats import show_again
from feedback.sides import read_sides
from feedback.types import Comparison, NotServedTo, Outcome, UnknownCompletion
from serving.api import bodies
from serving.api.callers import Caller, ServicesOf, json_object
from serving.api.messages import messages
from serving.api.openai import cut_header
from serving.api.parameters import conversation, sampling
from serving.api.schemas import USER
from serving.chat import ChatRequest, Delta, Turn
from serving.errors import BadRequest, Conflict
from serving.services import Services

router = APIRouter(prefix="/v1", tags=["Feedback"])

_NOT_BLIND = frozenset(
    {
        *("model", "n", "seed", "logprobs", "top_logprobs"),
        *("stream", "stream_options", "tools", "tool_choice"),
    }
)
_REQUEST_ONLY = frozenset({"messages", "metadata", "user"})
# Described only: of whoever may not speak for others it is not even read.
SPOKEN_FOR = WithJsonSchema({"anyOf": [USER, {"type": "null"}]})
User = Annotated[str | None, SPOKEN_FOR, Field(default=None)]
Seconds = Annotated[float | None, Field(default=None, ge=0, le=86_400)]
"""How long the person had all answers before them; null: counted from the end of the last one."""


class SignalBody(BaseModel):
    """What a person did with an answer: copied it, asked in other words, had it written again."""

    kind: Kind
    user: User


class VoteBody(BaseModel):
    """A thumb, or null to take it back."""

    liked: StrictBool | None
    reasons: list[Annotated[str, Field(max_length=200)]] = Field(default=[], max_length=20)
    comment: str = Field(default="", max_length=10_000)
    user: User


class OutcomeBody(BaseModel):
    """Which side is better, or null for no choice."""

    outcome: Outcome | None
    seconds: Seconds
    user: User


class AgainBody(BaseModel):
    """Whom to show a pair once more."""

    user: User


class CorrectionBody(BaseModel):
    """The answer as it should have been."""

    text: str = Field(min_length=1, max_length=100_000)
    user: User


@router.put("/feedback/votes/{completion_id}")
async def vote(
    completion_id: str, body: VoteBody, caller: Caller, services: ServicesOf
) -> dict[str, Any]:
    """Record a thumb; it is on disk when the answer comes."""
    caller.require("feedback")
    person = services.identity.acting(caller, body.user)
    said = (body.liked, tuple(body.reasons), body.comment)
    await services.recorder.vote(completion_id, person.id, *said)
    kept = body.model_dump(include={"liked", "reasons", "comment"})
    return {"completion_id": completion_id, **kept}


@router.post("/comparisons", openapi_extra=bodies.COMPARISON)
async def compare(
    request: Request, response: Response, caller: Caller, services: ServicesOf
) -> dict[str, Any]:
    """Answer one conversation twice, blind."""
    caller.require("chat")
    body = await json_object(request)
    person = services.identity.acting(caller, body.get("user"))
    pair = await services.chat.pair(blind_request(body, services.config.max_choices), person)
    left, right = await written(pair.left, pair.right)
    response.headers.update(most_cut(pair.left, pair.right))
    return {"id": pair.id, "left": left, "right": right}


@router.post("/comparisons/again")
async def compare_again(body: AgainBody, caller: Caller, services: ServicesOf) -> dict[str, Any]:
    """Show the person a pair once more, sides swapped: is it chosen the same way?"""
    caller.require("feedback")
    person = services.identity.acting(caller, body.user)
    pair, left, right = await services.recorder.write(
        lambda store: show_again(store.database, person.id, f"cmp-{uuid4().hex}", store.clock())
    )
    sides = {
        name: {"id": side.id, "content": side.text}
        for name, side in (("left", left), ("right", right))
    }
    return {"id": pair.id, "messages": list(left.messages), **sides}


def blind_request(body: Mapping[str, Any], max_choices: int) -> ChatRequest:
    """Read the body of a request for answers that are compared blind.

    Raises:
        BadRequest: something in it is wrong, or would tell the answers apart.
    """
    settings = {k: v for k, v in body.items() if k not in _REQUEST_ONLY}
    if refused := sorted(_NOT_BLIND & settings.keys()):
        raise BadRequest(f"a comparison is of texts, blind: leave {', '.join(refused)} out")
    return ChatRequest(
        messages=messages(body.get("messages")),
        sampling=sampling(settings, max_choices),
        conversation=conversation(body),
    )


def most_cut(*turns: Turn) -> dict[str, str]:
    """Return one header for all: the passages of one may have taken room from its history."""
    return cut_header(max(turn.cut_turns for turn in turns))


async def written(*turns: Turn) -> list[dict[str, str]]:
    """Wait for answers and return them without their makers; if one fails, all are cut."""
    try:
        texts = await asyncio.gather(*(_text(turn) for turn in turns))
    finally:
        for turn in turns:
            await turn.aclose()
    return [{"id": turn.id, "content": text} for turn, text in zip(turns, texts, strict=True)]


@router.put("/feedback/comparisons/{comparison_id}")
async def choose(
    comparison_id: str, body: OutcomeBody, caller: Caller, services: ServicesOf
) -> dict[str, Any]:
    """Record which side is better, and tell who was who."""
    caller.require("feedback")
    person = services.identity.acting(caller, body.user)
    comparison = await services.recorder.choose(
        comparison_id, person.id, body.outcome, seconds=body.seconds
    )
    return await asyncio.to_thread(_revealed, services, comparison)


@router.put("/feedback/corrections/{completion_id}")
async def correct(
    completion_id: str, body: CorrectionBody, caller: Caller, services: ServicesOf
) -> dict[str, Any]:
    """Record the answer as it should have been."""
    caller.require("feedback")
    person = services.identity.acting(caller, body.user)
    await services.recorder.correct(completion_id, person.id, body.text)
    return {"completion_id": completion_id, "text": body.text}


@router.put("/feedback/signals/{completion_id}")
async def signal(
    completion_id: str, body: SignalBody, caller: Caller, services: ServicesOf
) -> dict[str, Any]:
    """Record what a person did with an answer, once; it is no feedback, and trains nothing."""
    caller.require("feedback")
    person = services.identity.acting(caller, body.user)
    await services.recorder.imply(completion_id, person.id, body.kind)
    return {"completion_id": completion_id, "kind": body.kind}


@router.get("/completions/{completion_id}/sources")
async def sources(
    completion_id: str,
    caller: Caller,
    services: ServicesOf,
    user: Annotated[str | None, SPOKEN_FOR, Query()] = None,
) -> dict[str, Any]:
    """Return what an answer drew on, and how that was found, to the person it was given to."""
    caller.require("feedback")
    person = services.identity.acting(caller, user)
    return await asyncio.to_thread(_sources, services, completion_id, person.id)


def _sources(services: Services, completion_id: str, person: str) -> dict[str, Any]:
    completion = services.store.completion(completion_id)
    if completion is None or completion.purpose == "evaluation":
        raise UnknownCompletion(f"there is no completion {completion_id!r}")
    if completion.person != person:
        raise NotServedTo(f"completion {completion_id!r} was given to somebody else")
    with services.database.read() as connection:
        sides = read_sides(connection, completion.conversation, person)
    if completion.id in sides.blind:
        raise Conflict("this answer is to be compared blind; choose first, then see its sources")
    return {
        "id": completion.id,
        "responder": completion.responder,
        "index_version": completion.index_version,
        "passages": list(completion.passages),
        "steps": list(completion.steps),
    }


def _revealed(services: Services, comparison: Comparison) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "id": comparison.id,
        "outcome": comparison.outcome,
        "unblinded": comparison.unblinded,
    }
    if comparison.outcome is None:
        return shown
    for made in makers(services, [comparison.left_id, comparison.right_id]):
        shown["left" if made["id"] == comparison.left_id else "right"] = made
    return shown


def makers(services: Services, completion_ids: Sequence[str]) -> list[dict[str, Any]]:
    """Return who wrote the answers that were compared, and from what; the choice is made."""
    found = (services.store.completion(completion_id) for completion_id in completion_ids)
    return [
        {"id": made.id, "responder": made.responder, "passages": list(made.passages)}
        for made in found
        if made is not None
    ]


async def _text(turn: Turn) -> str:
    return "".join([event.text async for event in turn if isinstance(event, Delta)])
