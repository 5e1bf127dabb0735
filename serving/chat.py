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
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from weakref import WeakSet

from feedback.types import Comparison, Completion, Message, Purpose, Ranking
from serving.context import fit
from serving.engine import EngineChunk
from serving.errors import (
    EngineCut,
    EngineError,
    SearchFailed,
    ServingError,
    Stopping,
    StorageFailed,
)
from serving.failover import Seat
from serving.identity import Person
from serving.limits import Limits
from serving.metrics import Metrics
from serving.recording import Recorder
from serving.replicas import Replica
from serving.responders import AGENT, Responders, parse
from serving.router import ROUTED, Router, RouteResult
from serving.turns import Account, Call, Delta, Done, Step, Stream, Turn

__all__ = [
    "Answer", "ChatRequest", "ChatService", "Delta", "Done", "Lineup", "Pair", "Step", "Turn",
]  # fmt: skip

EVALUATION_PRIORITY = 10
"""vLLM serves lower numbers first, people have 0: an evaluation only takes what they leave."""
LEFT, RIGHT = "left", "right"
LOOK_SECONDS = 0.05
STOPPED = "the service was stopped before the answer was finished; ask again"


@dataclass(frozen=True)
class ChatRequest:
    """What somebody wants answered."""

    messages: tuple[Message, ...]
    model: str = ROUTED
    sampling: Mapping[str, Any] = field(default_factory=dict)
    conversation: str | None = None
    interface: str = "api"
    parent: str | None = None


@dataclass(frozen=True)
class Answer:
    """A whole answer, as the engine gave it."""

    id: str
    conversation: str
    responder: str
    passages: tuple[dict[str, Any], ...]
    created: int
    chunk: EngineChunk
    cut_turns: int
    """How many of the oldest turns the model did not see."""


@dataclass(frozen=True)
class Pair:
    """Two running answers whose makers are hidden until the person has chosen."""

    id: str
    left: Turn
    right: Turn


@dataclass(frozen=True)
class Lineup:
    """Running answers whose makers are hidden until the person has ranked them."""

    id: str
    turns: tuple[Turn, ...]


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
        self._responders = responders
        self._recorder = recorder
        self._metrics = metrics
        self._limits = limits
        self._on_failure = on_failure
        self._clock = clock
        self._timer = timer
        self._new_id = new_id
        self._rng = rng or random.Random()
        self._turns: WeakSet[Turn] = WeakSet()
        self._answers: set[asyncio.Task[Any] | None] = set()
        self._cutting = False

    async def start(self, request: ChatRequest, person: Person) -> Turn:
        """Start one streamed answer; its rows are committed when this returns.

        Raises:
            ServingError: whatever keeps it from starting; then nothing was recorded.
        """
        leave = self._limits.enter(person)
        try:
            completion_id = f"chatcmpl-{self._new_id()}"
            conversation = request.conversation or completion_id
            route = self._router.choose(request.model, person, conversation)
            row = self._row(completion_id, request, person, route, _purpose(person))
            turn = await self._stream(row, request, person)
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
        completion_id = f"chatcmpl-{self._new_id()}"
        conversation = request.conversation or completion_id
        route = self._router.choose(request.model, person, conversation)
        row = self._row(completion_id, request, person, route, _purpose(person))
        call = await self._call(row, request, person)
        books = Account(call, self._metrics, self._timer)
        task = asyncio.current_task()
        self._answers.add(task)
        try:
            chunk = await self._ask(call, books)
        except (EngineCut, SearchFailed):
            self._recorder.open_soon(_ended_rows(books, "failed"))
            raise
        except asyncio.CancelledError:
            self._recorder.open_soon(_ended_rows(books, "cut"))
            if self._cutting:
                raise Stopping(STOPPED) from None
            raise
        finally:
            self._answers.discard(task)
        await self._recorder.open(_ended_rows(books, "complete"))
        return Answer(
            row.id,
            row.conversation,
            row.responder,
            books.passages(),
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
        self,
        request: ChatRequest,
        person: Person,
        places: Sequence[str],
        opened: Callable[[str, Sequence[str]], Awaitable[None]],
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
        self,
        request: ChatRequest,
        person: Person,
        places: Sequence[str],
        opened: Callable[[str, Sequence[str]], Awaitable[None]],
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
        until = self._timer() + seconds
        while self._timer() < until and self._busy():  # noqa: ASYNC110 - counted, not announced
            await asyncio.sleep(LOOK_SECONDS)
        self._cutting = True
        for turn in tuple(self._turns):
            turn.stop(Stopping(STOPPED))
        for task in self._answers:
            if task is not None:
                task.cancel()

    async def close(self) -> None:
        """Wait until everything is written."""
        await self._recorder.drain()

    def _busy(self) -> bool:
        return any(replica.load for replica in self._router.replicas)

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
            created=self._clock(),
        )

    async def _call(self, row: Completion, request: ChatRequest, person: Person) -> Call:
        """Find who answers, and put the messages as they shall see them.

        The call has its seat from here on, before anything is awaited, and whoever gets the call
        must leave it.
        """
        started = self._timer()
        responder = parse(row.responder)
        seat = Seat(self._router, row.responder, row.conversation, self._on_failure)
        try:
            prepared = await self._responders.prepare(responder, request.messages)
            fitted = await seat.ask(
                lambda client, model: fit(
                    client,
                    model,
                    prepared.messages,
                    request.sampling,
                    seat.replica.max_model_len,
                )
            )
        except BaseException as err:
            seat.leave()
            if isinstance(err, EngineError):
                self._metrics.failed(row.responder, err.code)
                self._on_failure(seat.replica, err)
            raise
        return Call(
            replace(row, passages=prepared.passages, index_version=prepared.index_version),
            int(fitted.sampling.get("n", 1)),
            seat,
            EVALUATION_PRIORITY if person.role == "internal" else 0,
            fitted.messages,
            fitted.sampling,
            started,
            fitted.cut,
        )

    async def _ask(self, call: Call, books: Account) -> EngineChunk:
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
            self._failed(call, err)
            raise
        finally:
            call.seat.leave()

    async def _stream(self, row: Completion, request: ChatRequest, person: Person) -> Turn:
        call = await self._call(row, request, person)
        try:
            stream = await self._open(call)
        except BaseException as err:
            call.seat.leave()
            if isinstance(err, EngineError):
                self._failed(call, err)
            raise
        books = Account(call, self._metrics, self._timer)
        turn = Turn(books, stream, self._recorder, self._failed)
        self._turns.add(turn)
        try:
            await self._recorder.open(call.rows())
        except StorageFailed:
            turn.drop()
            raise
        except BaseException:
            await turn.aclose()
            raise
        return turn

    async def _open(self, call: Call) -> Stream:
        if call.row.responder == AGENT:
            return await self._responders.start_agent(call)
        return await call.seat.open(
            lambda client, model: client.open_chat(
                model, call.messages, call.sampling, call.priority
            )
        )

    def _failed(self, call: Call, error: ServingError) -> None:
        self._metrics.failed(call.row.responder, error.code)
        if isinstance(error, EngineError):
            self._on_failure(call.seat.replica, error)


def _purpose(person: Person) -> Purpose:
    return "evaluation" if person.role == "internal" else "chat"


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
        )
        for row, end in zip(books.call.rows(), books.endings(status), strict=True)
    ]
