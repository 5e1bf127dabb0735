"""Forgetting over HTTP: a person themselves, or an operator for somebody.

The words are gone from the database when the answer comes; the worker removes what was made of them
within seconds and writes the proof. Invariant: `user` that the caller may not speak for is refused
instead of ignored: nobody deletes their own words by mistake for another's.
"""

import asyncio
from typing import Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel

from feedback.erasures import Erasure
from feedback.privacy import carry_out, prepare
from serving.api.callers import Caller, ServicesOf
from serving.api.feedback import User
from serving.errors import Forbidden
from serving.services import Services

router = APIRouter(prefix="/v1", tags=["Feedback"])


class ForgetBody(BaseModel):
    """Who shall be forgotten; it cannot be taken back."""

    sure: Literal[True]
    user: User


@router.post("/feedback/forget")
async def forget_person(body: ForgetBody, caller: Caller, services: ServicesOf) -> dict[str, Any]:
    """Delete all that a person asked, was answered and said: the caller, or `user`."""
    caller.require("feedback")
    if body.user is not None and not caller.may("act"):
        raise Forbidden("`user` may be named by operators and by keys with the right `act` only")
    person = services.identity.acting(caller, body.user)
    erasure = await forget_now(services, person.id, caller.id)
    rows = {table: count for table, count in erasure.counts.items() if count}
    return {"erasure": erasure.id, "rows": rows, "proven": erasure.done is not None}


async def forget_now(services: Services, person: str, actor: str) -> Erasure:
    """Delete a person's rows, behind every write that was handed over before.

    Raises:
        StorageFailed: nothing can be written at the moment; nothing was deleted.
    """
    begun = await asyncio.to_thread(prepare, services.database, person, actor)
    erasure = await services.recorder.write(lambda store: carry_out(store.database, begun))
    await asyncio.to_thread(services.database.scrub)
    return erasure
