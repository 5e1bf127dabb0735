"""The asynchronous side of the feedback store: what requests write, without blocking the others.

The database's one writing thread commits for all (feedback/group_commit.py); here a request waits
for its write, or hands it over and leaves. Where the disk is full or somebody holds the database,
whoever waits is told so; how an answer ended is tried again until it is written, because its row is
there and open.

Invariant: whoever awaited a write finds it on disk; whoever stopped waiting has written it all the
same, once. What people say comes in here only, from the API and the pages, and is counted once it
is on disk.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from feedback import implied
from feedback.rankings import Rankings
from feedback.said import Kind
from feedback.store import FeedbackStore
from feedback.types import (
    Comparison,
    Completion,
    Correction,
    FeedbackError,
    Order,
    Outcome,
    Ranking,
    Status,
    UnknownCompletion,
    Vote,
)
from serving.errors import StorageFailed
from serving.storage_errors import STORAGE, storage_failed

logger = logging.getLogger(__name__)

RETRY_SECONDS = 1.0
"""Between two tries to write down how an answer ended."""

T = TypeVar("T")
Job = Callable[[FeedbackStore], T]


@dataclass(frozen=True)
class Ending:
    """How one completion ended."""

    id: str
    text: str
    status: Status
    finish_reason: str | None
    prompt_tokens: int | None
    completion_tokens: int | None
    ttft_ms: float | None
    duration_ms: float
    passages: tuple[dict[str, Any], ...] | None
    """What was found on the way; None: as it was opened."""
    index_version: str | None
    steps: tuple[dict[str, Any], ...] = ()
    """How that was found."""


class Recorder:
    """Writes for requests."""

    def __init__(
        self, store: FeedbackStore, heard: Callable[[Kind], object] = lambda kind: None
    ) -> None:
        """`heard` is called, in any thread, with the kind of what was said and is now on disk.

        Also where it said nothing new, such as the same vote again: requests are counted.
        """
        self.store = store
        self._heard = heard
        self._owed: list[Sequence[Ending]] = []
        self._lock = threading.Lock()
        self._draining = False

    async def write(self, job: Job[T]) -> T:
        """Run calls of the store as one write; when this returns, it is on disk.

        Raises:
            FeedbackError: the store refused it.
            StorageFailed: nothing can be written at the moment; this was not.
        """
        return await _written(self._submit(job))

    async def open(self, completions: Sequence[Completion]) -> None:
        """Record completions; they are on disk when this returns."""
        await self.write(lambda store: _open(store, completions))

    def open_soon(self, completions: Sequence[Completion]) -> None:
        """Record completions, whether or not somebody waits for it."""
        self._submit(lambda store: _open(store, completions)).add_done_callback(_log_failure)

    async def close(self, endings: Sequence[Ending]) -> None:
        """Record how completions ended; it is on disk when this returns, even if cancelled.

        Raises:
            StorageFailed: not yet; it is tried again until it is there.
        """
        await _written(self._submit_close(endings))

    def close_soon(self, endings: Sequence[Ending]) -> None:
        """Record how completions ended, whether or not somebody waits for it."""
        self._submit_close(endings)

    async def open_comparison(self, comparison: Comparison) -> None:
        """Record a pair; it is on disk when this returns."""
        await self.write(lambda store: store.open_comparison(comparison))

    async def open_ranking(self, ranking: Ranking) -> None:
        """Record answers to be ranked; it is on disk when this returns."""
        await self.write(lambda store: Rankings(store.database, store.clock).open(ranking))

    # What people say; each raises as `write`

    async def vote(
        self,
        completion_id: str,
        person: str,
        liked: bool | None,
        reasons: Sequence[str] = (),
        comment: str = "",
        *,
        interface: str = "api",
    ) -> Vote | None:
        """Give a vote, change it, or take it back with None; return what counts now."""
        said = (completion_id, person, liked, reasons, comment)
        return await self._hear("vote", lambda store: store.record_vote(*said, interface=interface))

    async def choose(
        self,
        comparison_id: str,
        person: str,
        outcome: Outcome | None,
        *,
        interface: str = "api",
        seconds: float | None = None,
    ) -> Comparison:
        """Decide a pair."""
        said = (comparison_id, person, outcome)
        return await self._hear(
            "comparison",
            lambda store: store.record_outcome(*said, interface=interface, seconds=seconds),
        )

    async def order(
        self,
        ranking_id: str,
        person: str,
        order: Order | None,
        *,
        interface: str = "api",
        seconds: float | None = None,
    ) -> Ranking:
        """Put the answers of a ranking in order."""
        said = (ranking_id, person, order)
        return await self._hear(
            "ranking",
            lambda store: Rankings(store.database, store.clock).record(
                *said, interface=interface, seconds=seconds
            ),
        )

    async def correct(
        self, completion_id: str, person: str, text: str, *, interface: str = "api"
    ) -> Correction:
        """Say how an answer should have been."""
        said = (completion_id, person, text)
        return await self._hear(
            "correction", lambda store: store.record_correction(*said, interface=interface)
        )

    async def imply(
        self, completion_id: str, person: str, kind: implied.Kind, interface: str = "api"
    ) -> None:
        """Record what a person did with an answer; it is on disk when this returns."""
        await self.write(_implied(completion_id, person, kind, interface))

    def imply_soon(
        self, completion_id: str, person: str, kind: implied.Kind, interface: str = "api"
    ) -> None:
        """Record the same, whether or not somebody waits for it; what is refused is dropped."""
        written = self._submit(_implied(completion_id, person, kind, interface))
        written.add_done_callback(_log_lost)

    # The end

    async def drain(self) -> None:
        """Wait until everything that was handed over is written, as far as it can be."""
        self._draining = True
        self._try_again()
        with suppress(StorageFailed):
            # Writes are committed in the order they came in, so this one is the last.
            await self.write(lambda _: None)
        with self._lock:
            lost, self._owed = self._owed, []
        if lost:
            logger.error("How %d answers ended could not be written down.", len(lost))

    async def _hear(self, kind: Kind, job: Job[T]) -> T:
        writing = self._submit(job)
        # Not behind the wait: who stops waiting has said it all the same.
        writing.add_done_callback(lambda done: done.exception() or self._heard(kind))
        return await _written(writing)

    def _submit(self, job: Job[T]) -> "Future[T]":
        return self.store.database.submit(lambda _: job(self.store))

    def _submit_close(self, endings: Sequence[Ending]) -> "Future[None]":
        written = self._submit(lambda store: _close(store, endings))
        written.add_done_callback(lambda done: self._owe_if_failed(done, endings))
        return written

    def _owe_if_failed(self, written: "Future[None]", endings: Sequence[Ending]) -> None:
        _log_failure(written)
        if not isinstance(written.exception(), STORAGE):
            return
        with self._lock:
            self._owed.append(endings)
        if not self._draining:
            later = threading.Timer(RETRY_SECONDS, self._try_again)
            later.daemon = True
            later.start()

    def _try_again(self) -> None:
        with self._lock:
            owed, self._owed = self._owed, []
        for endings in owed:
            self._submit_close(endings)


async def _written(writing: "Future[T]") -> T:
    try:
        return await asyncio.wrap_future(writing)
    except STORAGE as err:
        raise storage_failed(err) from err


def _log_failure(written: "Future[None]") -> None:
    error = written.exception()
    if error is not None:
        logger.error("A completion could not be recorded: %s", error)


def _log_lost(written: "Future[bool]") -> None:
    error = written.exception()
    if error is not None and not isinstance(error, FeedbackError):
        logger.warning("What somebody did with an answer could not be recorded: %s", error)


def _implied(completion_id: str, person: str, kind: implied.Kind, interface: str) -> Job[bool]:
    said = (completion_id, person, kind)
    return lambda store: implied.record(store.database, *said, store.clock(), interface)


def _open(store: FeedbackStore, completions: Sequence[Completion]) -> None:
    for completion in completions:
        store.open_completion(completion)


def _close(store: FeedbackStore, endings: Sequence[Ending]) -> None:
    for ending in endings:
        try:
            store.close_completion(
                ending.id,
                text=ending.text,
                status=ending.status,
                finish_reason=ending.finish_reason,
                prompt_tokens=ending.prompt_tokens,
                completion_tokens=ending.completion_tokens,
                ttft_ms=ending.ttft_ms,
                duration_ms=ending.duration_ms,
                passages=ending.passages,
                index_version=ending.index_version,
                steps=ending.steps,
            )
        except UnknownCompletion:
            logger.info("Completion %s ended after its person was forgotten.", ending.id)
