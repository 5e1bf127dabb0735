"""The one call that puts a Gradio page into the web application, with everything a page needs.

Invariant: nothing on a page comes from another host: built-in theme object, system fonts, no
analytics, no run history, no server-side rendering by Node; and the browser is told so.
"""

from collections.abc import Awaitable, Callable

import gradio as gr
from fastapi import FastAPI, Request
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

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


def mount_page(
    app: FastAPI, page: gr.Blocks, path: str, auth_dependency: Login | None = None
) -> None:
    """Mount `page` at `path`; mount `/operator` before `/`, which swallows whatever is left."""
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
