"""What operators do, and what machines ask: promote, roll back, hold, status, health, figures.

Invariant: promote and rollback answer only when the next request is routed by what they did.
"""

import asyncio
import time
from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse
from pydantic import BaseModel, Field
from starlette.responses import Response

from serving.api.callers import Caller, Operator, ServicesOf
from serving.api.login import render_login
from serving.errors import EngineUnavailable, Unauthorized
from serving.identity import OPERATOR_COOKIE, OPERATOR_COOKIE_SECONDS
from serving.records import Deployment
from serving.services import Services
from serving.ui.document import HEADERS

router = APIRouter(tags=["Operations"])

_SAYS_SOMETHING = r"^[^\x00]*[^\s\x00][^\x00]*$"
Reason = Annotated[str, Field(min_length=1, max_length=2000, pattern=_SAYS_SOMETHING)]


class PromoteBody(BaseModel):
    """Who shall be live, and why."""

    responder: Annotated[str, Field(min_length=1, max_length=80)]
    reason: Reason
    force: bool = False


class ReasonBody(BaseModel):
    """Why."""

    reason: Reason


class CycleBody(BaseModel):
    """How to train."""

    method: Literal["auto", "kto", "dpo"] = "auto"


@router.get("/v1/status")
async def status(caller: Caller, services: ServicesOf) -> dict[str, Any]:
    """Return the object of `ratchet status --json`."""
    caller.require("status")
    return await asyncio.to_thread(services.loop.status)


@router.post("/v1/promote")
async def promote(body: PromoteBody, operator: Operator, services: ServicesOf) -> dict[str, Any]:
    """Make a responder live."""
    deployment = await services.promotions.promote(
        body.responder, reason=body.reason, actor=operator.id, force=body.force
    )
    return _deployed(services, deployment)


@router.post("/v1/rollback")
async def rollback(body: ReasonBody, operator: Operator, services: ServicesOf) -> dict[str, Any]:
    """Make live again what lies below."""
    deployment = await services.promotions.rollback(reason=body.reason, actor=operator.id)
    return _deployed(services, deployment)


@router.post("/v1/hold")
async def hold(body: ReasonBody, operator: Operator, services: ServicesOf) -> dict[str, Any]:
    """Stop automatic promotion."""
    held = await asyncio.to_thread(services.registry.hold, reason=body.reason, actor=operator.id)
    return {"held": asdict(held)}


@router.post("/v1/resume")
async def resume(body: ReasonBody, operator: Operator, services: ServicesOf) -> dict[str, Any]:
    """Allow automatic promotion again."""
    await asyncio.to_thread(services.registry.resume, reason=body.reason, actor=operator.id)
    return {"held": None}


@router.get("/v1/cycles")
async def cycles(
    caller: Caller, services: ServicesOf, limit: Annotated[int, Query(ge=1, le=200)] = 20
) -> dict[str, Any]:
    """Return the newest cycles first, with their stages and progress."""
    caller.require("status")
    return {"cycles": await asyncio.to_thread(services.loop.cycles, limit)}


@router.post("/v1/cycles")
async def request_cycle(
    body: CycleBody, operator: Operator, services: ServicesOf
) -> dict[str, Any]:
    """Ask for a cycle, which the worker runs; the cycle that answers it names this number."""
    number = await asyncio.to_thread(services.loop.request_cycle, body.method, operator.id)
    return {"request": number}


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """Say that this process is alive."""
    return {"status": "alive"}


@router.get("/readyz")
async def readyz(services: ServicesOf) -> dict[str, str]:
    """Say whether the live responder is loaded, probed and can answer."""
    live = services.router.routes.live
    services.router.pick(live, "")
    return {"status": "ready", "live": live}


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(services: ServicesOf) -> Response:
    """Return figures for Prometheus."""
    try:
        live: str | None = services.router.routes.live
    except EngineUnavailable:
        live = None
    ready = {replica.url: replica.ready for replica in services.router.replicas}
    return Response(services.metrics.text(live, ready), media_type="text/plain; version=0.0.4")


@router.get("/operator/login", include_in_schema=False)
async def login_page(request: Request, services: ServicesOf, once: str = "") -> Response:
    """Log in by the link that works once, or show where to paste the token."""
    if not once:
        page = render_login(request.headers.get("accept-language", ""))
        return HTMLResponse(page, headers=HEADERS)
    if not services.identity.redeem(once):
        raise Unauthorized("this link was used before; `ratchet up` prints a new one")
    return _logged_in(request, services)


@router.post("/operator/login", include_in_schema=False)
async def login(request: Request, services: ServicesOf) -> Response:
    """Log in by the operator's token."""
    form = await request.form(max_files=0, max_fields=4)
    token = str(form.get("token", "")).strip()
    if not services.identity.is_ours(request) or not services.identity.is_operator_token(token):
        page = render_login(request.headers.get("accept-language", ""), wrong=True)
        return HTMLResponse(page, 401, HEADERS)
    return _logged_in(request, services)


def _logged_in(request: Request, services: Services) -> Response:
    response = RedirectResponse("/operator/", status_code=303)
    response.set_cookie(
        OPERATOR_COOKIE,
        services.identity.new_operator_cookie(),
        max_age=OPERATOR_COOKIE_SECONDS,
        httponly=True,
        samesite="lax",
        secure=services.identity.proxies.is_https(request),
    )
    return response


def _deployed(services: Services, deployment: Deployment) -> dict[str, Any]:
    routes = services.router.routes
    return {
        "live": routes.live,
        "previous": routes.previous,
        "deployment": asdict(deployment),
        "replicas": [asdict(r.report(time.time())) for r in services.router.replicas],
    }
