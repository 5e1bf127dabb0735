"""A response of server-sent events that notices at once when nobody listens any more.

Invariant: however the response ends, its source is closed before the request's task ends, so the
answer behind it is recorded as what it was.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import Any, TypeVar

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

T = TypeVar("T")

_HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}


class EventStream(Response):
    """Sends what `source` gives, piece by piece."""

    media_type = "text/event-stream"

    def __init__(
        self,
        source: AsyncGenerator[bytes, None],
        close: Callable[[], Awaitable[None]],
        headers: Mapping[str, str],
    ) -> None:
        super().__init__(headers={**_HEADERS, **headers})
        # The base class counts the empty body; a stream's length is not known.
        del self.headers["content-length"]
        self._source = source
        # A generator that was never started runs none of its clean-up, so that is asked for apart.
        self._close = close

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send everything, or stop when the client is gone."""
        sending = asyncio.ensure_future(self._send(send))
        listening = asyncio.ensure_future(_gone(receive))
        try:
            await asyncio.wait({sending, listening}, return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                sending.result()
        finally:
            listening.cancel()
            sending.cancel()
            await self._close()
            await asyncio.wait({sending, listening})
            await self._source.aclose()

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        async for piece in self._source:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def unless_gone(receive: Receive, answering: "asyncio.Future[T]") -> T | None:
    """Return what `answering` gives, or None when the client is gone first."""
    listening = asyncio.ensure_future(_gone(receive))
    both: set[asyncio.Future[Any]] = {answering, listening}
    try:
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        return answering.result() if answering.done() else None
    finally:
        listening.cancel()
        answering.cancel()
        await asyncio.wait(both)
