"""The web application: routes, pages, and the one place where an exception becomes a response.

`assemble` builds the services, `create_app` the application around them; the application's lifespan
starts and stops what runs in the background.

Invariant: every error of the API has the one shape `{"error": {"message", "type", "code"}}`, and
nothing of ours is reachable by two paths.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from pathlib import Path

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from feedback.database import Database
from feedback.store import FeedbackStore
from feedback.types import (
    FeedbackError,
    InvalidFeedback,
    NotServedTo,
    UnknownComparison,
    UnknownCompletion,
    UnknownConversation,
    UnknownRanking,
)
from knowledge.errors import KnowledgeError
from knowledge.retriever import KnowledgeBase
from serving.api import conversations, feedback, openai, operations, rankings, uses
from serving.api.callers import json_only
from serving.api.document import describe
from serving.api.login import Door
from serving.chat import ChatService
from serving.config import ServingConfig
from serving.cookies import PersonCookies
from serving.edge import Edge
from serving.engine import EngineClient
from serving.errors import (
    EngineCut,
    EngineError,
    EngineUnavailable,
    NotFound,
    ServingError,
    TooManyRequests,
    Unauthorized,
    Unavailable,
)
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
from serving.storage_errors import STORAGE, storage_failed
from serving.swap import Reconciler

__all__ = ["Services", "assemble", "create_app"]

logger = logging.getLogger(__name__)

_FEEDBACK_ERRORS: dict[type[FeedbackError], tuple[int, str, str]] = {
    UnknownCompletion: (404, "not_found_error", "unknown_completion"),
    UnknownComparison: (404, "not_found_error", "unknown_comparison"),
    UnknownRanking: (404, "not_found_error", "unknown_ranking"),
    UnknownConversation: (404, "not_found_error", "unknown_conversation"),
    NotServedTo: (403, "permission_error", "not_served_to_you"),
    InvalidFeedback: (400, "invalid_request_error", "invalid_feedback"),
}
_HTTP_TYPES = {404: "not_found_error", 429: "rate_limit_error"}
_HTTP_CODES = {404: "not_found", 405: "method_not_allowed", 413: "body_too_large"}


def assemble(
    config: ServingConfig,
    database: Database,
    loop: LoopView,
    knowledge: KnowledgeBase | None = None,
) -> Services:
    """Build the services; nothing starts before the application does."""
    registry = Registry(database, config.base_hash)
    store = FeedbackStore(database)
    recorder = Recorder(store)
    metrics = Metrics()
    replicas = [Replica(EngineClient(url), cpu=config.cpu) for url in config.engine_urls]
    router = Router(registry, replicas, tools=bool(config.tool_parser), baseline=config.baseline)
    reconciler = Reconciler(
        registry, router, _null_adapter(config), seconds=config.reconcile_seconds
    )

    def on_failure(replica: Replica, error: EngineError) -> None:
        if isinstance(error, EngineUnavailable | EngineCut):
            reconciler.doubt(replica)

    chat = ChatService(
        router,
        Responders(knowledge),
        recorder,
        metrics,
        limits=Limits(config.requests_per_minute, config.answers_at_once, config.shared_limit),
        on_failure=on_failure,
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
    for part in (openai, feedback, rankings, uses, conversations, operations):
        app.include_router(part.router, dependencies=[Depends(json_only)])
    for path in ("/v1/{path:path}", "/healthz", "/readyz", "/metrics"):
        app.add_api_route(path, _no_such_route, methods=_METHODS, include_in_schema=False)
    _answer_errors(app)
    describe(app)
    if services.config.pages:
        _mount_pages(app, services)
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


def _mount_pages(app: FastAPI, services: Services) -> None:
    # Gradio takes seconds to import, and not everything that builds an application has pages.
    from serving.ui.chat import build_chat_page
    from serving.ui.compare import build_compare_page
    from serving.ui.mine import mine_route
    from serving.ui.mount import mount_page
    from serving.ui.operator import build_operator_page

    def operator(request: Request) -> str | None:
        try:
            return services.identity.operator(request).id
        except ServingError:
            return None

    mount_page(app, build_operator_page(services), "/operator", operator)

    @app.get("/compare", include_in_schema=False)
    async def to_compare() -> Response:
        return RedirectResponse("/compare/")

    app.include_router(mine_route(services))
    mount_page(app, build_compare_page(services), "/compare")
    mount_page(app, build_chat_page(services), "/")
    app.add_middleware(Door, identity=services.identity)


# Errors ------------------------------------------------------------------------------------------


def _answer_errors(app: FastAPI) -> None:
    app.add_exception_handler(ServingError, _serving_error)
    app.add_exception_handler(FeedbackError, _feedback_error)
    app.add_exception_handler(KnowledgeError, _knowledge_error)
    for kind in STORAGE:
        app.add_exception_handler(kind, _storage_error)
    app.add_exception_handler(RequestValidationError, _invalid_body)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _unforeseen)


def _error(
    status: int, message: str, kind: str, code: str, headers: dict[str, str] | None = None
) -> JSONResponse:
    body = {"error": {"message": message, "type": kind, "code": code}}
    return JSONResponse(body, status_code=status, headers=headers)


async def _serving_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ServingError)
    headers: dict[str, str] = {}
    if isinstance(error, EngineUnavailable | TooManyRequests | Unavailable):
        headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, Unauthorized):
        headers["WWW-Authenticate"] = "Bearer"
    if error.status >= 500:
        # What a library said stays here: it may name addresses and paths.
        logger.warning("%s: %s (%s)", error.code, error.message, error.__cause__)
    return _error(error.status, error.message, error.type, error.code, headers)


async def _feedback_error(_: Request, error: Exception) -> JSONResponse:
    unforeseen = (500, "server_error", "feedback_error")
    kinds = (_FEEDBACK_ERRORS[kind] for kind in type(error).__mro__ if kind in _FEEDBACK_ERRORS)
    status, kind, code = next(kinds, unforeseen)
    return _error(status, str(error), kind, code)


async def _knowledge_error(_: Request, error: Exception) -> JSONResponse:
    logger.error("Retrieval failed: %s", error)
    return _error(500, f"the documents cannot be searched: {error}", "server_error", "retrieval")


async def _storage_error(request: Request, error: Exception) -> JSONResponse:
    return await _serving_error(request, storage_failed(error))


async def _invalid_body(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    said = "; ".join(
        f"{'.'.join(str(part) for part in problem['loc'][1:]) or 'body'}: {problem['msg']}"
        for problem in error.errors()
    )
    return _error(400, said, "invalid_request_error", "invalid_request")


async def _http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    kind = _HTTP_TYPES.get(error.status_code, "invalid_request_error")
    said = f"{request.method} {request.url.path}: {error.detail}"
    code = _HTTP_CODES.get(error.status_code, "invalid_request")
    return _error(error.status_code, said, kind, code, _headers(error))


async def _unforeseen(request: Request, error: Exception) -> JSONResponse:
    logger.error("%s %s failed.", request.method, request.url.path, exc_info=error)
    said = "something went wrong in the service; its log says what"
    return _error(500, said, "server_error", "internal_error")


def _headers(error: HTTPException) -> dict[str, str] | None:
    return dict(error.headers) if error.headers else None
