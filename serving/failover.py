"""A request's seat in a replica, and the one time that it may change seats.

Only a request of which nothing has come out yet moves: nobody has seen a word of it, so no word can
be said or recorded twice. A whole answer that breaks in the middle is such a request, too, and so
is the counting of tokens before an answer. It moves once only, because a request that takes one
engine down may take the next one down, too.

Invariant: a request is counted into exactly one replica until it leaves; a stream that has begun
ends where it began.
"""

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import TypeVar

from serving.engine import EngineChunk, EngineClient, EngineStream
from serving.errors import EngineCut, EngineError, EngineUnavailable
from serving.replicas import Replica
from serving.router import Route, Router

logger = logging.getLogger(__name__)

T = TypeVar("T")
Asking = Callable[[EngineClient, str], Awaitable[T]]
"""Asks an engine for a name."""


class Seat:
    """Where one request is answered; whoever takes it must leave it."""

    def __init__(
        self,
        router: Router,
        responder: str,
        conversation: str,
        on_failure: Callable[[Replica, EngineError], None],
    ) -> None:
        """Take a seat in a replica that can answer.

        Raises:
            EngineUnavailable: none can at the moment.
        """
        self._router = router
        self._for = responder, conversation
        self._on_failure = on_failure
        self._moved = self._seated = False
        self._sit(router.pick(responder, conversation))

    async def ask(self, asking: Asking[T]) -> T:
        """Return what `asking` gives here, or else in another replica.

        Raises:
            EngineError: it failed there, too, or there is no other.
        """
        try:
            return await asking(self.replica.client, self.model)
        except (EngineUnavailable, EngineCut) as err:
            self._move(err)
        return await asking(self.replica.client, self.model)

    async def open(self, opening: Asking[EngineStream]) -> "SeatedStream":
        """Return a stream once an engine has accepted the request.

        Raises:
            EngineError: none did.
        """
        return SeatedStream(self, await self.ask(opening), opening)

    async def open_again(self, opening: Asking[EngineStream], error: EngineError) -> EngineStream:
        """Return another replica's stream in place of one that broke before it began.

        Raises:
            EngineError: it cannot be had; `error` where there is no other replica.
        """
        self._move(error)
        return await opening(self.replica.client, self.model)

    def leave(self) -> None:
        """Count the request out; leaving twice is leaving once."""
        if self._seated:
            self._seated = False
            self.replica.in_flight[self.model] -= 1

    def _sit(self, route: Route) -> None:
        self.replica, self.model, self._seated = route.replica, route.model, True
        self.replica.in_flight[self.model] += 1

    def _move(self, error: EngineError) -> None:
        if self._moved or not self._seated:
            raise error
        try:
            route = self._router.pick(*self._for, without=self.replica)
        except EngineUnavailable:
            raise error from None
        logger.warning("%s: asking another engine. (%s)", error.message, self.replica.url)
        self._on_failure(self.replica, error)
        self._moved = True
        self.leave()
        self._sit(route)


class SeatedStream:
    """A stream that is opened in another replica when it breaks before its first chunk."""

    def __init__(self, seat: Seat, stream: EngineStream, opening: Asking[EngineStream]) -> None:
        self._seat = seat
        self._stream = stream
        self._opening = opening
        self._aborted = False

    async def batches(self) -> AsyncGenerator[list[EngineChunk], None]:
        """Give the chunks, as many at once as have arrived together.

        Raises:
            EngineCut: the stream ended before `[DONE]`.
            EngineUnavailable: it broke before it began, and another one could not be opened.
        """
        began = False
        try:
            async with aclosing(self._stream.batches()) as batches:
                async for batch in batches:
                    began = began or bool(batch)
                    yield batch
            return
        except EngineCut as err:
            if began:
                raise
            self._stream = await self._seat.open_again(self._opening, err)
        if self._aborted:  # while the other one was being opened
            self._stream.abort()
        async with aclosing(self._stream.batches()) as batches:
            async for batch in batches:
                yield batch

    def abort(self) -> None:
        """Stop generating; nothing happens after the end."""
        self._aborted = True
        self._stream.abort()
