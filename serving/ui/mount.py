"""How the pages are put into the web application, each with everything that a page needs.

Invariant: nothing on a page comes from another host: built-in theme object, system fonts, no
analytics, no run history, no server-side rendering by Node; and the browser is told so.
"""

from collections.abc import Awaitable, Callable

import gradio as gr
from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse, Response
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.api.login import Door
from serving.errors import ServingError
from serving.services import Services
from serving.ui.chat import build_chat_page
from serving.ui.compare import build_compare_page
from serving.ui.feedback import feedback_route
from serving.ui.mine import mine_route
from serving.ui.operator import build_operator_page
from serving.ui.style import CSS, HEAD, theme

POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "connect-src 'self'; worker-src 'self' blob:; object-src 'none'; base-uri 'self'; "
    "form-action 'self'; frame-ancestors 'self'"
)
"""What a page may load: even what slips through every escape has nowhere to send anything."""
Login = Callable[[Request], str | Awaitable[str | None] | None]


class PageHeaders:
    """Adds the policy to every response of a page."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Content-Security-Policy"] = POLICY
                headers["X-Content-Type-Options"] = "nosniff"
            await send(message)

        await self._app(scope, receive, sending)


def mount_pages(app: FastAPI, services: Services) -> None:
    """Mount every page; `/operator` before `/`, which swallows whatever is left."""

    def operator(request: Request) -> str | None:
        try:
            return services.identity.operator(request).id
        except ServingError:
            return None

    app.include_router(feedback_route(services))
    mount_page(app, build_operator_page(services), "/operator", operator)

    @app.get("/compare", include_in_schema=False)
    async def to_compare() -> Response:
        return RedirectResponse("/compare/")

    app.include_router(mine_route(services))
    mount_page(app, build_compare_page(services), "/compare")
    mount_page(app, build_chat_page(services), "/")
    app.add_middleware(Door, identity=services.identity)


def mount_page(
    app: FastAPI, page: gr.Blocks, path: str, auth_dependency: Login | None = None
) -> None:
    """Mount `page` at `path`."""
    gr.mount_gradio_app(
        app,
        page,
        path=path,
        app_kwargs={"middleware": [Middleware(PageHeaders)]},
        auth_dependency=auth_dependency,
        theme=theme(),
        css=CSS,
        head=HEAD,
        footer_links=[],
        run_history=False,
        enable_monitoring=False,
        ssr_mode=False,
        mcp_server=False,
        pwa=False,
        show_error=False,
    )
