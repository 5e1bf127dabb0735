"""What is being answered at this moment, so that a service that stops can let it end, or cut it.

Invariant: what is cut when the service stops is told so, and is not taken for a client that left.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakSet

from serving.errors import Stopping
from serving.router import Router
from serving.turns import Turn

LOOK_SECONDS = 0.05
STOPPED = "the service was stopped before the answer was finished; ask again"


class Running:
    """The turns and whole answers of this process."""

    def __init__(self, router: Router, timer: Callable[[], float]) -> None:
        self._router = router
        self._timer = timer
        self._turns: WeakSet[Turn] = WeakSet()
        self._answers: set[asyncio.Task[Any] | None] = set()
        self._cutting = False

    def add(self, turn: Turn) -> None:
        """Look after a streamed turn."""
        self._turns.add(turn)

    @contextmanager
    def answer(self) -> Iterator[None]:
        """Look after the whole answer that this task waits for.

        Raises:
            Stopping: the service stopped before it was there.
        """
        task = asyncio.current_task()
        self._answers.add(task)
        try:
            yield
        except asyncio.CancelledError:
            if self._cutting:
                raise Stopping(STOPPED) from None
            raise
        finally:
            self._answers.discard(task)

    async def end(self, seconds: float) -> None:
        """Give what is running so long to end, then cut it."""
        until = self._timer() + seconds
        while self._timer() < until and self._busy():  # noqa: ASYNC110 - counted, not announced
            await asyncio.sleep(LOOK_SECONDS)
        self._cutting = True
        for turn in tuple(self._turns):
            turn.stop(Stopping(STOPPED))
        for task in self._answers:
            if task is not None:
                task.cancel()

    def _busy(self) -> bool:
        return any(replica.load for replica in self._router.replicas)
