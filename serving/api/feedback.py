"""What people say about answers: votes, blind comparisons, corrections; and what an answer drew on.

Invariant: nothing here tells who made a side of a pair before the person has chosen.
"""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field, StrictBool

from feedback.types import Comparison, NotServedTo, Outcome, UnknownCompletion
from serving.api import bodies
from serving.api.callers import Caller, ServicesOf, json_object
from serving.api.messages import messages
from serving.api.openai import cut_header
from serving.api.parameters import conversation, sampling
from serving.chat import ChatRequest, Delta, Turn, comparison_of
from serving.errors import BadRequest, Conflict
from serving.services import Services

router = APIRouter(prefix="/v1", tags=["Feedback"])

_NOT_BLIND = {"model", "n", "seed", "stream", "logprobs", "top_logprobs", "tools", "tool_choice"}
_REQUEST_ONLY = {"messages", "metadata", "user"}
User = Annotated[
    str | None, Field(default=None, description="For callers that may speak for others")
]


class VoteBody(BaseModel):
    """A thumb, or null to take it back."""

    liked: StrictBool | None
    reasons: list[Annotated[str, Field(max_length=200)]] = Field(default=[], max_length=20)
    comment: str = Field(default="", max_length=10_000)
    user: User


class OutcomeBody(BaseModel):
    """Which side is better, or null for no choice."""

    outcome: Outcome | None
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
    reasons = tuple(body.reasons)
    await services.recorder.write(
        lambda store: store.record_vote(completion_id, person.id, body.liked, reasons, body.comment)
    )
    services.metrics.feedback.labels("vote").inc()
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
    settings = {k: v for k, v in body.items() if k not in _REQUEST_ONLY}
    if refused := sorted(_NOT_BLIND & settings.keys()):
        raise BadRequest(f"a comparison is two texts, blind: leave {', '.join(refused)} out")
    asked = ChatRequest(
        messages=messages(body.get("messages")),
        sampling=sampling(settings, services.config.max_choices),
        conversation=conversation(body),
    )
    pair = await services.chat.pair(asked, person)
    try:
        left, right = await asyncio.gather(_text(pair.left), _text(pair.right))
    finally:
        await pair.left.aclose()
        await pair.right.aclose()
    # One number for both: the passages of one side may have taken room from its history.
    response.headers.update(cut_header(max(pair.left.cut_turns, pair.right.cut_turns)))
    return {
        "id": pair.id,
        "left": {"id": pair.left.id, "content": left},
        "right": {"id": pair.right.id, "content": right},
    }


@router.put("/feedback/comparisons/{comparison_id}")
async def choose(
    comparison_id: str, body: OutcomeBody, caller: Caller, services: ServicesOf
) -> dict[str, Any]:
    """Record which side is better, and tell who was who."""
    caller.require("feedback")
    person = services.identity.acting(caller, body.user)
    comparison = await services.recorder.write(
        lambda store: store.record_outcome(comparison_id, person.id, body.outcome)
    )
    services.metrics.feedback.labels("comparison").inc()
    return await asyncio.to_thread(_revealed, services, comparison)


@router.put("/feedback/corrections/{completion_id}")
async def correct(
    completion_id: str, body: CorrectionBody, caller: Caller, services: ServicesOf
) -> dict[str, Any]:
    """Record the answer as it should have been."""
    caller.require("feedback")
    person = services.identity.acting(caller, body.user)
    await services.recorder.write(
        lambda store: store.record_correction(completion_id, person.id, body.text)
    )
    services.metrics.feedback.labels("correction").inc()
    return {"completion_id": completion_id, "text": body.text}


@router.get("/completions/{completion_id}/sources")
async def sources(
    completion_id: str,
    caller: Caller,
    services: ServicesOf,
    user: Annotated[str | None, Query()] = None,
) -> dict[str, Any]:
    """Return the passages that an answer drew on, to the person it was given to."""
    caller.require("feedback")
    person = services.identity.acting(caller, user)
    return await asyncio.to_thread(_sources, services, completion_id, person.id)


def _sources(services: Services, completion_id: str, person: str) -> dict[str, Any]:
    completion = services.store.completion(completion_id)
    if completion is None or completion.purpose == "evaluation":
        raise UnknownCompletion(f"there is no completion {completion_id!r}")
    if completion.person != person:
        raise NotServedTo(f"completion {completion_id!r} was given to somebody else")
    pair_id = comparison_of(completion_id) if completion.purpose == "pair" else None
    pair = services.store.comparison(pair_id) if pair_id else None
    if completion.purpose == "pair" and (pair is None or pair.outcome is None):
        raise Conflict("this answer is one of a blind pair; choose first, then see its sources")
    return {
        "id": completion.id,
        "responder": completion.responder,
        "index_version": completion.index_version,
        "passages": list(completion.passages),
    }


def _revealed(services: Services, comparison: Comparison) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "id": comparison.id,
        "outcome": comparison.outcome,
        "unblinded": comparison.unblinded,
    }
    if comparison.outcome is None:
        return shown
    for side, completion_id in (("left", comparison.left_id), ("right", comparison.right_id)):
        completion = services.store.completion(completion_id)
        if completion is not None:
            shown[side] = {
                "id": completion.id,
                "responder": completion.responder,
                "passages": list(completion.passages),
            }
    return shown


async def _text(turn: Turn) -> str:
    return "".join([event.text async for event in turn if isinstance(event, Delta)])
