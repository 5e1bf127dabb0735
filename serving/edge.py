"""What holds for every request before any handler sees it: how long its body may be, and HEAD.

Plain ASGI, because a middleware with a request object would cost every streamed token.

Invariant: no handler, ours or Gradio's, ever holds more of a body than the limit, whether or not
its length was announced.
"""

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Edge:
    """Bounds bodies; answers HEAD like GET, whose body the server then leaves out."""

    def __init__(self, app: ASGIApp, body_bytes: int) -> None:
        self._app = app
        self._limit = body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["method"] == "HEAD":
            scope = {**scope, "method": "GET"}
        declared = Headers(scope=scope).get("content-length", "")
        announced, seen = int(declared) if declared.isdecimal() else 0, 0

        async def receiving() -> Message:
            nonlocal seen
            # Before the first look: with it the server tells a client that waits to go on sending.
            if announced > self._limit:
                raise self._too_long()
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._limit:
                raise self._too_long()
            return message

        await self._app(scope, receiving, send)

    def _too_long(self) -> HTTPException:
        return HTTPException(413, f"a body has at most {self._limit:,} bytes here; send less")
