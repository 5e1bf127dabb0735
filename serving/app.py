"""The web application: its services, routes and pages, put together.

`assemble` builds the services, `create_app` the application around them; the application's lifespan
starts and stops what runs in the background.

Invariant: nothing of ours is reachable by two paths.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from pathlib import Path

from fastapi import Depends, FastAPI, Request
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from feedback.database import Database
from feedback.store import FeedbackStore
from knowledge.retriever import KnowledgeBase
from serving.api import (
    consent,
    conversations,
    feedback,
    forgetting,
    openai,
    operations,
    rankings,
    reviews,
    uses,
    voters,
)
from serving.api.callers import readable
from serving.api.document import describe
from serving.api.failures import answer_errors
from serving.chat import ChatService
from serving.config import ServingConfig
from serving.cookies import PersonCookies
from serving.edge import Edge
from serving.engine import EngineClient
from serving.errors import NotFound
from serving.identity import Identity
from serving.keys import ApiKeys
from serving.limits import Limits
from serving.loop_view import LoopView
from serving.metrics import Metrics
from serving.null_adapter import write_null_adapter
from serving.promotion import Promotions
from serving.recording import Recorder
from serving.registry import Registry
from serving.replicas import Replica
from serving.responders import Responders
from serving.router import Router
from serving.services import Services
from serving.swap import Reconciler

__all__ = ["Services", "assemble", "create_app"]

logger = logging.getLogger(__name__)


def assemble(
    config: ServingConfig,
    database: Database,
    loop: LoopView,
    knowledge: KnowledgeBase | None = None,
) -> Services:
    """Build the services; nothing starts before the application does."""
    registry = Registry(database, config.base_hash)
    store = FeedbackStore(database)
    metrics = Metrics()
    recorder = Recorder(store, metrics.heard)
    clients = [EngineClient(url, config.silence_seconds) for url in config.engine_urls]
    replicas = [Replica(client, cpu=config.cpu) for client in clients]
    router = Router(registry, replicas, tools=bool(config.tool_parser), baseline=config.baseline)
    reconciler = Reconciler(
        registry, router, _null_adapter(config), seconds=config.reconcile_seconds
    )
    chat = ChatService(
        router,
        Responders(knowledge),
        recorder,
        metrics,
        limits=Limits(config.requests_per_minute, config.answers_at_once, config.shared_limit),
        on_failure=reconciler.failed,
    )
    return Services(
        config=config,
        database=database,
        store=store,
        recorder=recorder,
        registry=registry,
        router=router,
        reconciler=reconciler,
        promotions=Promotions(registry, router, reconciler),
        chat=chat,
        identity=Identity(config, ApiKeys(database)),
        metrics=metrics,
        loop=loop,
        knowledge=knowledge,
    )


def create_app(services: Services) -> FastAPI:
    """Return the web application; its lifespan starts and stops reconciler and router."""
    app = FastAPI(
        title="Ratchet",
        description="A chat service that learns from its users and only moves forward.",
        lifespan=_lifespan,
        redirect_slashes=False,
        # Their pages load scripts from a foreign host; the description itself is at /openapi.json.
        docs_url=None,
        redoc_url=None,
    )
    app.state.services = services
    said = (feedback, rankings, consent, uses, voters, reviews, forgetting)
    for part in (openai, *said, conversations, operations):
        app.include_router(part.router, dependencies=[Depends(readable)])
    for path in ("/v1/{path:path}", "/healthz", "/readyz", "/metrics"):
        app.add_api_route(path, _no_such_route, methods=_METHODS, include_in_schema=False)
    answer_errors(app)
    describe(app)
    if services.config.pages:
        # Gradio takes seconds to import, and not everything that builds an application has pages.
        from serving.ui.mount import mount_pages

        mount_pages(app, services)
    app.add_middleware(PersonCookies, identity=services.identity)
    app.add_middleware(Edge, body_bytes=services.config.body_bytes)
    return app


_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]


async def _no_such_route(request: Request) -> None:
    """Say what is wrong, the path or the method; without this, a Gradio page would answer."""
    path = request.url.path
    known = [
        method
        for route in request.app.routes
        if isinstance(route, APIRoute) and route.include_in_schema and route.path_regex.match(path)
        for method in route.methods
    ]
    if not known:
        raise NotFound(f"there is nothing at {path}; /openapi.json lists what there is")
    raise HTTPException(405, "this method is not known here", {"Allow": ", ".join(sorted(known))})


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    services: Services = app.state.services
    cut = await asyncio.to_thread(services.store.close_abandoned)
    if cut:
        logger.info("%d answers were cut when the service ended last.", cut)

    async def changed() -> None:
        services.reconciler.wake()

    await asyncio.to_thread(services.identity.keys.refresh)
    await services.router.refresh()
    services.router.on_refresh(services.identity.keys.refresh)
    background = [
        asyncio.create_task(services.router.follow(services.config.route_refresh_seconds, changed)),
        asyncio.create_task(services.reconciler.run()),
    ]
    for task in background:
        task.add_done_callback(_ended)
    try:
        yield
    finally:
        for task in background:
            task.cancel()
        await asyncio.gather(*background, return_exceptions=True)
        await services.chat.close()
        for replica in services.router.replicas:
            await replica.client.aclose()


def _ended(task: "asyncio.Task[None]") -> None:
    """Say loudly that something which runs for ever has ended."""
    if not task.cancelled() and task.exception() is not None:
        logger.critical("Part of the service has stopped; restart it.", exc_info=task.exception())


def _null_adapter(config: ServingConfig) -> Path | None:
    if not config.cpu or not Path(config.base_model).is_dir():
        return None
    return write_null_adapter(Path(config.base_model), config.adapters)
