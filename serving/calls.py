"""Calls of an engine: who answers, what they shall see, and the asking itself.

Invariant: a call has its seat at a replica before anything is awaited, and leaves it once, however
it ends; a failure of the engine is counted and told to whoever looks after the replica.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from feedback.types import Completion
from serving.context import fit
from serving.engine import EngineChunk
from serving.errors import EngineError, ServingError
from serving.failover import Seat
from serving.metrics import Metrics
from serving.replicas import Replica
from serving.responders import AGENT, Responders, parse
from serving.router import Router
from serving.turns import Account, Call, Stream


class Calls:
    """Prepares calls and makes them."""

    def __init__(
        self,
        router: Router,
        responders: Responders,
        metrics: Metrics,
        on_failure: Callable[[Replica, EngineError], None],
        timer: Callable[[], float],
    ) -> None:
        self._router = router
        self._responders = responders
        self._metrics = metrics
        self._on_failure = on_failure
        self._timer = timer

    async def prepare(self, row: Completion, sampling: Mapping[str, Any], priority: int) -> Call:
        """Find who answers, and put the messages as they shall see them.

        Raises:
            ServingError: nobody can answer, or the messages cannot be answered.
        """
        started = self._timer()
        responder = parse(row.responder)
        seat = Seat(self._router, row.responder, row.conversation, self._on_failure)
        try:
            prepared = await self._responders.prepare(responder, row.messages)
            fitted = await seat.ask(
                lambda client, model: fit(
                    client, model, prepared.messages, sampling, seat.replica.max_model_len
                )
            )
        except BaseException as err:
            seat.leave()
            if isinstance(err, EngineError):
                self._count(row, seat, err)
            raise
        return Call(
            replace(row, passages=prepared.passages, index_version=prepared.index_version),
            int(fitted.sampling.get("n", 1)),
            seat,
            priority,
            fitted.messages,
            fitted.sampling,
            started,
            fitted.cut,
        )

    async def whole(self, call: Call, books: Account) -> EngineChunk:
        """Return a whole answer, taken into `books`; the seat is left.

        Raises:
            ServingError: there is none.
        """
        try:
            if call.row.responder == AGENT:
                chunk = await (await self._responders.start_agent(call)).whole()
            else:
                chunk = await call.seat.ask(
                    lambda client, model: client.chat(
                        model, call.messages, call.sampling, call.priority
                    )
                )
            books.take(chunk, "message")
            books.check_whole()
            return chunk
        except ServingError as err:
            self.failed(call, err)
            raise
        finally:
            call.seat.leave()

    async def open(self, call: Call) -> Stream:
        """Return a stream that the engine has accepted; whoever reads it leaves the seat.

        Raises:
            ServingError: the engine did not accept it; the seat is left.
        """
        try:
            if call.row.responder == AGENT:
                return await self._responders.start_agent(call)
            return await call.seat.open(
                lambda client, model: client.open_chat(
                    model, call.messages, call.sampling, call.priority
                )
            )
        except BaseException as err:
            call.seat.leave()
            if isinstance(err, EngineError):
                self.failed(call, err)
            raise

    def failed(self, call: Call, error: ServingError) -> None:
        """Count a failure; one of the engine is told on."""
        self._count(call.row, call.seat, error)

    def _count(self, row: Completion, seat: Seat, error: ServingError) -> None:
        self._metrics.failed(row.responder, error.code)
        if isinstance(error, EngineError):
            self._on_failure(seat.replica, error)
