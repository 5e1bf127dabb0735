"""One turn, or several that are compared blind: route, answer, record.

A streamed turn is opened on disk once the engine has accepted it and before its id goes out. A
whole answer is written in one piece when it is there. Where no engine could be asked nothing is
written.

Invariant: an id that left this service belongs to a committed row with the exact responder.
"""

import asyncio
import random
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

from feedback.types import Comparison, Completion, Purpose, Ranking
from serving.answers import Answer, ChatRequest, Lineup, Pair
from serving.calls import Calls
from serving.errors import EngineCut, EngineError, SearchFailed, Stopping, StorageFailed
from serving.identity import Person
from serving.limits import Limits
from serving.metrics import Metrics
from serving.recording import Recorder
from serving.replicas import Replica
from serving.responders import Responders
from serving.router import Router, RouteResult
from serving.running import Running
from serving.turns import Account, Delta, Done, Step, Turn

__all__ = [
    "Answer", "ChatRequest", "ChatService", "Delta", "Done", "Lineup", "Pair", "Step", "Turn",
]  # fmt: skip

EVALUATION_PRIORITY = 10
"""vLLM serves lower numbers first, people have 0: an evaluation only takes what they leave."""
LEFT, RIGHT = "left", "right"
Opened = Callable[[str, Sequence[str]], Awaitable[None]]
"""Records that answers belong together: the stem of their ids, and the ids."""


class ChatService:
    """Answers, and writes down what it answered."""

    def __init__(
        self,
        router: Router,
        responders: Responders,
        recorder: Recorder,
        metrics: Metrics,
        *,
        limits: Limits,
        on_failure: Callable[[Replica, EngineError], None],
        clock: Callable[[], float] = time.time,
        timer: Callable[[], float] = time.perf_counter,
        new_id: Callable[[], str] = lambda: uuid.uuid4().hex,
        rng: random.Random | None = None,
    ) -> None:
        self._router = router
        self._recorder = recorder
        self._metrics = metrics
        self._limits = limits
        self._calls = Calls(router, responders, metrics, on_failure, timer)
        self._running = Running(router, timer)
        self._clock = clock
        self._timer = timer
        self._new_id = new_id
        self._rng = rng or random.Random()

    async def start(self, request: ChatRequest, person: Person) -> Turn:
        """Start one streamed answer; its rows are committed when this returns.

        Raises:
            ServingError: whatever keeps it from starting; then nothing was recorded.
        """
        leave = self._limits.enter(person)
        try:
            turn = await self._stream(self._routed(request, person), request, person)
        except BaseException:
            leave()
            raise
        turn.when_ended(leave)
        return turn

    async def answer(self, request: ChatRequest, person: Person) -> Answer:
        """Return one whole answer, committed.

        Raises:
            ServingError: there is none; a row is kept only where the engine had begun.
        """
        leave = self._limits.enter(person)
        try:
            return await self._answer(request, person)
        finally:
            leave()

    async def _answer(self, request: ChatRequest, person: Person) -> Answer:
        row = self._routed(request, person)
        call = await self._calls.prepare(row, request.sampling, _priority(person))
        books = Account(call, self._metrics, self._timer)
        try:
            with self._running.answer():
                chunk = await self._calls.whole(call, books)
        except (EngineCut, SearchFailed):
            self._recorder.open_soon(_ended_rows(books, "failed"))
            raise
        except (asyncio.CancelledError, Stopping):
            self._recorder.open_soon(_ended_rows(books, "cut"))
            raise
        await self._recorder.open(_ended_rows(books, "complete"))
        return Answer(
            row.id,
            row.conversation,
            row.responder,
            books.passages(),
            books.searches(),
            int(row.created),
            chunk,
            call.cut_turns,
        )

    async def pair(self, request: ChatRequest, person: Person) -> Pair:
        """Start a blind pair; both rows and the comparison are committed when this returns.

        Raises:
            ServingError: a side could not be started; the other one is cut.
        """

        async def opened(stem: str, ids: Sequence[str]) -> None:
            left, right = ids
            comparison = Comparison(f"cmp-{stem}", person.id, left, right)
            await self._recorder.open_comparison(comparison)

        stem, (left, right) = await self._blind(request, person, (LEFT, RIGHT), opened)
        return Pair(f"cmp-{stem}", left, right)

    async def rank(self, request: ChatRequest, person: Person, count: int) -> Lineup:
        """Start three or four blind answers; all rows are committed when this returns.

        Raises:
            ServingError: one could not be started; the others are cut.
        """

        async def opened(stem: str, ids: Sequence[str]) -> None:
            await self._recorder.open_ranking(Ranking(f"rnk-{stem}", person.id, tuple(ids)))

        places = [str(place) for place in range(1, count + 1)]
        stem, turns = await self._blind(request, person, places, opened)
        return Lineup(f"rnk-{stem}", tuple(turns))

    async def _blind(
        self, request: ChatRequest, person: Person, places: Sequence[str], opened: Opened
    ) -> tuple[str, list[Turn]]:
        """Start one answer a place, and record by `opened` that they belong together."""
        leave = self._limits.enter(person, answers=len(places))
        try:
            stem, turns = await self._started(request, person, places, opened)
        except BaseException:
            for _ in places:
                leave()
            raise
        for turn in turns:
            turn.when_ended(leave)
        return stem, turns

    async def _started(
        self, request: ChatRequest, person: Person, places: Sequence[str], opened: Opened
    ) -> tuple[str, list[Turn]]:
        stem = self._new_id()
        request = replace(request, conversation=request.conversation or f"chatcmpl-{stem}")
        routes = [RouteResult(name, named=False) for name in self._router.sides(len(places))]
        rows = [
            self._row(f"chatcmpl-{stem}-{place}", request, person, route, "pair")
            for place, route in zip(places, routes, strict=True)
        ]
        started = await asyncio.gather(
            *(self._stream(row, request, person) for row in rows), return_exceptions=True
        )
        turns = [turn for turn in started if isinstance(turn, Turn)]
        try:
            for failure in started:
                if isinstance(failure, BaseException):
                    raise failure
            await opened(stem, [turn.id for turn in turns])
        except BaseException:
            for turn in turns:
                await turn.aclose()
            raise
        return stem, turns

    def wants_pair(self, rate: float) -> bool:
        """Draw whether the page offers this turn as a blind pair."""
        return self._rng.random() < rate

    async def stop(self, seconds: float) -> None:
        """Begin nothing any more; give what is running so long to end, then cut it."""
        self._router.close()
        await self._running.end(seconds)

    async def close(self) -> None:
        """Wait until everything is written."""
        await self._recorder.drain()

    def _routed(self, request: ChatRequest, person: Person) -> Completion:
        """Return the row of one answer, by whoever is asked for.

        Raises:
            UnknownModel: this caller may not ask for that name.
        """
        completion_id = f"chatcmpl-{self._new_id()}"
        conversation = request.conversation or completion_id
        route = self._router.choose(request.model, person, conversation)
        return self._row(completion_id, request, person, route, _purpose(person))

    def _row(
        self,
        completion_id: str,
        request: ChatRequest,
        person: Person,
        route: RouteResult,
        purpose: Purpose,
    ) -> Completion:
        return Completion(
            id=completion_id,
            conversation=request.conversation or completion_id,
            person=person.id,
            purpose=purpose,
            messages=request.messages,
            responder=route.responder,
            named=route.named,
            sampling=dict(request.sampling),
            interface=request.interface,
            parent=request.parent,
            block=person.block,
            created=self._clock(),
        )

    async def _stream(self, row: Completion, request: ChatRequest, person: Person) -> Turn:
        call = await self._calls.prepare(row, request.sampling, _priority(person))
        stream = await self._calls.open(call)
        books = Account(call, self._metrics, self._timer)
        turn = Turn(books, stream, self._recorder, self._calls.failed)
        self._running.add(turn)
        try:
            await self._recorder.open(call.rows())
        except StorageFailed:
            turn.drop()
            raise
        except BaseException:
            await turn.aclose()
            raise
        return turn


def _purpose(person: Person) -> Purpose:
    return "evaluation" if person.role == "internal" else "chat"


def _priority(person: Person) -> int:
    return EVALUATION_PRIORITY if person.role == "internal" else 0


def _ended_rows(books: Account, status: Any) -> list[Completion]:
    """Return the rows of a call as they stand at its end."""
    return [
        replace(
            row,
            text=end.text,
            status=end.status,
            finish_reason=end.finish_reason,
            prompt_tokens=end.prompt_tokens,
            completion_tokens=end.completion_tokens,
            duration_ms=end.duration_ms,
            passages=books.passages(),
            index_version=end.index_version or row.index_version,
            steps=end.steps,
        )
        for row, end in zip(books.call.rows(), books.endings(status), strict=True)
    ]
