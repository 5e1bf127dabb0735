"""Three or four answers side by side, and the order in which a person puts them.

Invariant: nothing here tells who made an answer before the person has ranked them.
"""

import asyncio
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from feedback.rankings import FEWEST, MOST
from feedback.types import Order, Ranking
from serving.api import bodies
from serving.api.callers import Caller, ServicesOf, json_object
from serving.api.feedback import Seconds, User, blind_request, makers, most_cut, written
from serving.api.parameters import shown
from serving.errors import BadRequest
from serving.services import Services

router = APIRouter(prefix="/v1", tags=["Feedback"])


class OrderBody(BaseModel):
    """The answers' ids, the best first, equally good ones in one list; null for no order."""

    order: Order | None
    seconds: Seconds
    user: User


@router.post("/rankings", openapi_extra=bodies.RANKING)
async def rank(
    request: Request, response: Response, caller: Caller, services: ServicesOf
) -> dict[str, Any]:
    """Answer one conversation three or four times, blind."""
    caller.require("chat")
    body = await json_object(request)
    person = services.identity.acting(caller, body.get("user"))
    count = _count(body.pop("count", None))
    asked = blind_request(body, services.config.max_choices)
    lineup = await services.chat.rank(asked, person, count)
    answers = await written(*lineup.turns)
    response.headers.update(most_cut(*lineup.turns))
    return {"id": lineup.id, "answers": answers}


@router.put("/feedback/rankings/{ranking_id}")
async def order(
    ranking_id: str, body: OrderBody, caller: Caller, services: ServicesOf
) -> dict[str, Any]:
    """Record which answers are better than which, and tell who was who."""
    caller.require("feedback")
    person = services.identity.acting(caller, body.user)
    ranking = await services.recorder.order(ranking_id, person.id, body.order, seconds=body.seconds)
    return await asyncio.to_thread(_revealed, services, ranking)


def _count(given: Any) -> int:
    if given is None:
        return FEWEST
    # A float that is equal counts nothing.
    if isinstance(given, bool) or not isinstance(given, int) or not FEWEST <= given <= MOST:
        raise BadRequest(f"`count` must be {FEWEST} or {MOST}, not {shown(given)}")
    return given


def _revealed(services: Services, ranking: Ranking) -> dict[str, Any]:
    shown = {"id": ranking.id, "order": ranking.order, "unblinded": ranking.unblinded}
    if ranking.order is None:
        return shown
    return shown | {"answers": makers(services, ranking.answers)}
