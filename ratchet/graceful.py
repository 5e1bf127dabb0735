"""uvicorn, except that its door stays open while what is running comes to its end.

uvicorn closes its socket first and waits afterwards; whoever knocks meanwhile is not even told why.
Here the application is drained first, and says 503 by itself. Who is asked to stop a second time
has no patience left: what still runs is cut, told so and written down.

Invariant: the process ends at most `FLUSH_SECONDS` after the drain, whoever is still connected.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from types import FrameType

import uvicorn

FLUSH_SECONDS = 3
"""For the last bytes of what has come to its end."""
LOOK_SECONDS = 0.1


class GracefulServer(uvicorn.Server):
    """Drains before it stops listening; a second signal ends the wait, a third is uvicorn's."""

    def __init__(
        self, config: uvicorn.Config, drain: Callable[[float], Awaitable[None]], seconds: float
    ) -> None:
        """`drain` gives what is running so many seconds, then cuts it; `seconds`: how many."""
        config.timeout_graceful_shutdown = FLUSH_SECONDS
        super().__init__(config)
        self._drain = drain
        self._seconds = seconds
        self._hurried = False

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Take a signal; uvicorn would end at once at the second, with nothing written down."""
        if self.should_exit and not self._hurried:
            self._hurried = True
        else:
            super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Drain, then stop as uvicorn does."""
        draining = asyncio.ensure_future(self._drain(self._seconds))
        while not (draining.done() or self._hurried):
            await asyncio.wait({draining}, timeout=LOOK_SECONDS)
        if not draining.done():
            draining.cancel()
            await self._drain(0.0)
        await super().shutdown(sockets)
