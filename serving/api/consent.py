"""What the caller agrees to: whether what they write and say may train the model.

Invariant: everybody answers for themselves, and whoever may act for people passes on what they
answered; nothing here decides what trains (`feedback/consent.py` says whose words may).
"""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, Field, StrictBool

from feedback.consent import LONGEST_VERSION, Consents
from serving.api.callers import Caller, ServicesOf
from serving.api.conversations import ActingFor
from serving.api.feedback import User
from serving.services import Services

router = APIRouter(prefix="/v1/feedback", tags=["Feedback"])


class ConsentBody(BaseModel):
    """A yes or a no, or null to put the question off, which lifts no earlier no."""

    agreed: StrictBool | None
    version: Annotated[str, Field(min_length=1, max_length=LONGEST_VERSION)] | None = None
    """Of the text that was answered; null: the one that is asked about."""
    user: User


@router.get("/consent")
async def consent(caller: Caller, services: ServicesOf, user: ActingFor = None) -> dict[str, Any]:
    """Tell the caller's answer, every earlier one, and what is asked."""
    caller.require("feedback")
    person = services.identity.acting(caller, user)
    return await asyncio.to_thread(_told, services, person.id)


@router.put("/consent")
async def agree(body: ConsentBody, caller: Caller, services: ServicesOf) -> dict[str, Any]:
    """Record the caller's answer; it holds from the next round of training on."""
    caller.require("feedback")
    person = services.identity.acting(caller, body.user)
    version = body.version or services.config.consent.version
    await services.recorder.write(
        lambda store: Consents(store.database, store.clock).put(person.id, body.agreed, version)
    )
    return await asyncio.to_thread(_told, services, person.id)


def _told(services: Services, person: str) -> dict[str, Any]:
    consents, rule = Consents(services.database), services.config.consent
    given = consents.of(person)
    return {
        "agreed": given.agreed if given else None,
        "version": given.version if given else None,
        "at": given.at if given else None,
        "asks": rule.asks(given),
        "trains": rule.refusal(given) is None,
        "demanded": {"mode": rule.mode, "version": rule.version},
        "history": [event._asdict() for event in consents.history(person)],
    }
