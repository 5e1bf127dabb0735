"""uvicorn, except that its door stays open while what is running comes to its end.

uvicorn closes its socket first and waits afterwards; whoever knocks meanwhile is not even told why.
Here the application is drained first, and says 503 by itself.

Invariant: the process ends at most `FLUSH_SECONDS` after the drain, whoever is still connected.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable

import uvicorn

FLUSH_SECONDS = 3
"""For the last bytes of what has come to its end."""
LOOK_SECONDS = 0.1


class GracefulServer(uvicorn.Server):
    """Drains before it stops listening; a second Ctrl-C ends the wait."""

    def __init__(self, config: uvicorn.Config, drain: Callable[[], Awaitable[None]]) -> None:
        config.timeout_graceful_shutdown = FLUSH_SECONDS
        super().__init__(config)
        self._drain = drain

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Drain, then stop as uvicorn does."""
        draining = asyncio.ensure_future(self._drain())
        while not (draining.done() or self.force_exit):
            await asyncio.wait({draining}, timeout=LOOK_SECONDS)
        draining.cancel()
        await super().shutdown(sockets)
