"""One answer while it is running, and what is written down of it.

Invariant: a turn ends exactly once: `complete` before the last event goes out, `failed` when the
engine dies, `cut` when whoever listened is gone. However it ends, its text so far is kept.
"""

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from feedback.types import Completion, Status
from knowledge.prompt import SEARCH_TOOL
from serving.engine import EngineChunk
from serving.engine_errors import NONSENSE, UNREADABLE
from serving.errors import EngineCut, ServingError
from serving.failover import Seat
from serving.metrics import Metrics
from serving.recording import Ending, Recorder


@dataclass(frozen=True)
class Delta:
    """A piece of choice `index`."""

    index: int
    text: str


@dataclass(frozen=True)
class Step:
    """A search that an agent made on the way to its answer."""

    query: str
    passages: tuple[dict[str, Any], ...]
    index_version: str | None

    def recorded(self) -> dict[str, Any]:
        """Return it as its completion keeps it, which has each passage itself only once."""
        found = [passage["id"] for passage in self.passages]
        return {"tool": SEARCH_TOOL, "query": self.query, "passages": found}


class Stream(Protocol):
    """Chunks of an answer: the engine's own, or an agent's."""

    def batches(self) -> AsyncGenerator[list[EngineChunk], None]:
        """Give the chunks, as many at once as have arrived together."""

    def abort(self) -> None:
        """Stop generating; nothing happens behind the end."""


@dataclass(frozen=True)
class Done:
    """How it ended; every choice is closed in the database by now."""

    finish_reasons: tuple[str | None, ...]
    prompt_tokens: int | None
    completion_tokens: int | None


@dataclass
class Choice:
    """What has been generated of one choice."""

    text: list[str] = field(default_factory=list)
    finish_reason: str | None = None


@dataclass(frozen=True)
class Call:
    """A routed request: what will be recorded, and where its answer comes from."""

    row: Completion
    choices: int
    seat: Seat
    priority: int
    messages: list[Any]
    sampling: dict[str, Any]
    started: float
    cut_turns: int = 0
    """How many of the oldest turns did not fit into the context."""

    def rows(self) -> list[Completion]:
        """Return one completion a choice: `id`, or `id-0`, `id-1`, ... where there are several."""
        if self.choices == 1:
            return [self.row]
        return [replace(self.row, id=f"{self.row.id}-{i}") for i in range(self.choices)]


class Account:
    """Keeps the books of one call: choices, tokens, times; and says how it ended."""

    def __init__(self, call: Call, metrics: Metrics, timer: Callable[[], float]) -> None:
        self.call = call
        self.choices = [Choice() for _ in range(call.choices)]
        self.prompt_tokens: int | None = None
        self.completion_tokens: int | None = None
        self.first_token: float | None = None
        self.steps: list[Step] = []
        self._metrics = metrics
        self._timer = timer

    def take(self, chunk: EngineChunk, part: str) -> None:
        """Add a chunk; `part` is `delta` in streams and `message` in whole answers.

        Raises:
            EngineCut: it is not what vLLM says.
        """
        try:
            for said in chunk["choices"]:
                choice = self.choices[said["index"]]
                text = said[part].get("content")
                if text:
                    if self.first_token is None and part == "delta":
                        self.first_token = self._timer() - self.call.started
                    choice.text.append(_string(text))
                if said.get("finish_reason"):
                    choice.finish_reason = _string(said["finish_reason"])
            self.steps += (step for step in chunk.get("steps", ()) if isinstance(step, Step))
            usage = chunk.get("usage")
            if usage:
                self.prompt_tokens = int(usage["prompt_tokens"])
                self.completion_tokens = int(usage.get("completion_tokens") or 0)
        except NONSENSE as err:
            raise EngineCut(UNREADABLE) from err

    def check_whole(self) -> None:
        """Say whether every choice has come to its end.

        Raises:
            EngineCut: one has not.
        """
        if any(choice.finish_reason is None for choice in self.choices):
            raise EngineCut("the engine stopped before the answer was finished; ask again")

    def passages(self) -> tuple[dict[str, Any], ...]:
        """Return what the answer was given: before it began, or found on the way, each once."""
        found = [*self.call.row.passages, *(p for step in self.steps for p in step.passages)]
        return tuple({passage["id"]: passage for passage in found}.values())

    def searches(self) -> tuple[dict[str, Any], ...]:
        """Return what an agent did on the way, as it is recorded."""
        return tuple(step.recorded() for step in self.steps)

    def endings(self, status: Status) -> list[Ending]:
        """Return how every choice ended, and count it."""
        seconds = self._timer() - self.call.started
        self._metrics.answered(
            self.call.row.responder,
            self.call.row.purpose,
            status,
            seconds=seconds,
            first_token=self.first_token,
            prompt_tokens=self.prompt_tokens,
            completion_tokens=self.completion_tokens,
        )
        return [
            Ending(
                row.id,
                "".join(choice.text),
                status,
                choice.finish_reason,
                self.prompt_tokens,
                # The engine counts all choices together.
                self.completion_tokens if self.call.choices == 1 else None,
                None if self.first_token is None else self.first_token * 1000,
                seconds * 1000,
                # An agent's are known at its end, others were recorded with the question.
                self.passages() if self.steps else None,
                self.steps[-1].index_version if self.steps else None,
                self.searches(),
            )
            for row, choice in zip(self.call.rows(), self.choices, strict=True)
        ]


def _string(said: object) -> str:
    if isinstance(said, str):
        return said
    raise TypeError(f"a string was expected, not {said!r:.100}")


class Turn:
    """A running answer: iterate it for Delta, Step and at last Done, or `batches()` for chunks."""

    def __init__(
        self,
        account: Account,
        stream: Stream,
        recorder: Recorder,
        failed: Callable[[Call, ServingError], None],
    ) -> None:
        row = account.call.row
        self.id = row.id
        self.conversation = row.conversation
        self.responder = row.responder
        self.cut_turns = account.call.cut_turns
        self.created = int(row.created or time.time())
        self._account = account
        self._stream = stream
        self._recorder = recorder
        self._failed = failed
        self._ended = False
        self._why: ServingError | None = None
        self._when_ended: Callable[[], None] | None = None

    def when_ended(self, call: Callable[[], None]) -> None:
        """Call `call` when the answer ends, however it does."""
        if self._ended:
            call()
        self._when_ended = call

    async def batches(self) -> AsyncGenerator[list[EngineChunk], None]:
        """Give the engine's chunks as they arrive; behind the last the answer is closed on disk.

        Raises:
            ServingError: the engine died, or an agent's search failed; it is closed as failed. Or
                what `stop` was given; it is closed as cut.
        """
        try:
            async with aclosing(self._stream.batches()) as batches:
                async for batch in batches:
                    for chunk in batch:
                        self._account.take(chunk, "delta")
                    yield batch
            if not self._ended:
                self._account.check_whole()
                await self._recorder.close(self._end("complete"))
        except ServingError as err:
            # Cut already, it fails because we hung up.
            if not self._ended:
                self._failed(self._account.call, err)
                await self._recorder.close(self._end("failed"))
            raise self._why or err from err
        finally:
            self._cut()

    async def __aiter__(self) -> AsyncGenerator[Delta | Step | Done, None]:
        """Give the text as it comes, and what an agent does before.

        Raises:
            ServingError: as `batches`.
        """
        async with aclosing(self.batches()) as batches:
            async for batch in batches:
                for step in (step for chunk in batch for step in chunk.get("steps", ())):
                    if isinstance(step, Step):
                        yield step
                for choice in (choice for chunk in batch for choice in chunk["choices"]):
                    text = choice["delta"].get("content")
                    if text:
                        yield Delta(choice["index"], text)
        books = self._account
        reasons = tuple(choice.finish_reason for choice in books.choices)
        yield Done(reasons, books.prompt_tokens, books.completion_tokens)

    async def aclose(self) -> None:
        """Stop the answer where it is; nothing happens when it has ended."""
        self._cut()

    def stop(self, why: ServingError) -> None:
        """Stop the answer where it is and tell whoever listens why."""
        if not self._ended:
            self._why = why
            self._cut()

    def drop(self) -> None:
        """Stop an answer that could not be recorded, so that there is nothing to close."""
        if not self._ended:
            self._end("cut")

    def _cut(self) -> None:
        # Nobody may be left to wait for this write: the one who listened was cancelled.
        if not self._ended:
            self._recorder.close_soon(self._end("cut"))

    def _end(self, status: Status) -> list[Ending]:
        self._ended = True
        self._stream.abort()
        self._account.call.seat.leave()
        if self._when_ended is not None:
            self._when_ended()
        return self._account.endings(status)
