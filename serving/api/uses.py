"""What became of the caller's own votes, comparisons, rankings and corrections.

Invariant: everybody is told about what they said themselves, and nothing of who else said what.
"""

import asyncio
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter

from feedback.uses import Uses
from serving.api.callers import Caller, ServicesOf
from serving.api.conversations import ActingFor, Before, Limit
from serving.registry import Registry
from serving.responders import parse
from serving.services import Services

router = APIRouter(prefix="/v1", tags=["Feedback"])


@router.get("/feedback/mine")
async def mine(
    caller: Caller,
    services: ServicesOf,
    limit: Limit = 50,
    before: Before = None,
    user: ActingFor = None,
) -> dict[str, Any]:
    """List what the caller said, newest first, and what became of it."""
    caller.require("feedback")
    person = services.identity.acting(caller, user)
    return await asyncio.to_thread(_mine, services, person.id, limit, before)


def ever_live(registry: Registry) -> frozenset[str]:
    """Return the adapters that are or were live on the present base, with or without retrieval."""
    found = (parse(deployment.responder).adapter for deployment in registry.deployments())
    return frozenset(adapter for adapter in found if adapter)


def _mine(services: Services, person: str, limit: int, before: float | None) -> dict[str, Any]:
    live = ever_live(services.registry)
    said = []
    for use in Uses(services.database).of(person, limit, before):
        adapters = [{"name": name, "live": name in live} for name in use.adapters]
        said.append(asdict(use) | {"adapters": adapters})
    return {"feedback": said}
