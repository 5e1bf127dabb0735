"""What operators say of voters: block, restore, comment.

Invariant: for operators only; it changes what later rounds learn from, and nothing that was said.
"""

import asyncio
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from feedback.standing import Action, Standings
from serving.api.callers import Operator, ServicesOf
from serving.api.operations import Reason

router = APIRouter(prefix="/v1/feedback", tags=["Feedback"])


class VoterBody(BaseModel):
    """What is decided of whom, and why."""

    person: Annotated[str, Field(min_length=1, max_length=200)]
    action: Action
    comment: Reason


@router.get("/voters")
async def voters(operator: Operator, services: ServicesOf) -> dict[str, Any]:
    """Return who is blocked or restored, and everything that was decided, oldest first."""
    return await asyncio.to_thread(_voters, Standings(services.database))


@router.post("/voters")
async def decide(body: VoterBody, operator: Operator, services: ServicesOf) -> dict[str, Any]:
    """Block or restore a voter, or comment on them; the next round goes by it."""
    standings = Standings(services.database)
    made = await asyncio.to_thread(
        standings.decide, body.person, body.action, body.comment, operator.id
    )
    return asdict(made)


def _voters(standings: Standings) -> dict[str, Any]:
    return {
        "blocked": sorted(standings.people("block")),
        "restored": sorted(standings.people("restore")),
        "decisions": [asdict(each) for each in standings.history()],
    }
