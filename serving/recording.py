"""Writes completions and feedback down, as many as there are in one commit.

A commit waits for the disk, and the disk is slow (milliseconds). While one is under way, everything
else that wants to be written gathers, and goes into the next one together. One thread writes:
SQLite takes one writer at a time anyway.

Where the disk is full or the database is held by somebody, everyone who waits is told so. How an
answer ended is tried again until it is written: its row is there and open.

Invariant: whoever awaited a write finds it on disk; what is handed over without waiting is written,
too, although whoever asked is gone; one refused write never takes another one with it.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from feedback.database import Database
from feedback.store import FeedbackStore
from feedback.types import Comparison, Completion, FeedbackError, Status, UnknownCompletion
from serving.errors import StorageFailed
from serving.storage_errors import STORAGE, storage_failed

logger = logging.getLogger(__name__)

RETRY_SECONDS = 1.0
"""Between two tries to write down how an answer ended."""

T = TypeVar("T")
Job = Callable[[FeedbackStore], Any]


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


class Recorder:
    """The asynchronous side of the feedback store."""

    def __init__(self, store: FeedbackStore) -> None:
        self._store = store
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="recorder")
        self._gathered: list[tuple[Job, asyncio.Future[Any]]] = []
        self._writer: asyncio.Task[None] | None = None
        self._left: set[asyncio.Future[None]] = set()
        self._draining = asyncio.Event()

    async def write(self, job: Callable[[FeedbackStore], T]) -> T:
        """Run one call of the store; when this returns, what it wrote is on disk.

        Raises:
            FeedbackError: the store refused it.
            StorageFailed: nothing can be written at the moment; this was not.
        """
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._gathered.append((job, done))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write_gathered())
        return await done

    async def open(self, completions: Sequence[Completion]) -> None:
        """Record completions; they are on disk when this returns."""
        await self.write(lambda store: _open(store, completions))

    def open_soon(self, completions: Sequence[Completion]) -> None:
        """Record completions, whether or not somebody waits for it."""
        self._hand_over(self.open(completions))

    async def close(self, endings: Sequence[Ending]) -> None:
        """Record how completions ended; it is on disk when this returns, even if cancelled.

        Raises:
            StorageFailed: not yet; it is tried again until it is there.
        """
        try:
            await self.write(lambda store: _close(store, endings))
        except StorageFailed:
            self._hand_over(self._close_later(endings))
            raise

    async def _close_later(self, endings: Sequence[Ending]) -> None:
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._draining.wait(), RETRY_SECONDS)
            try:
                return await self.write(lambda store: _close(store, endings))
            except StorageFailed:
                if self._draining.is_set():
                    raise

    def close_soon(self, endings: Sequence[Ending]) -> None:
        """Record how completions ended, whether or not somebody waits for it."""
        self._hand_over(self.close(endings))

    async def open_comparison(self, comparison: Comparison) -> None:
        """Record a pair; it is on disk when this returns."""
        await self.write(lambda store: store.open_comparison(comparison))

    async def drain(self) -> None:
        """Wait until everything that was handed over is written, then stop the thread."""
        self._draining.set()
        while self._left:
            await asyncio.gather(*self._left, return_exceptions=True)
        if self._writer is not None:
            await self._writer
        self._thread.shutdown()

    def _hand_over(self, writing: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(writing)
        self._left.add(task)
        task.add_done_callback(self._written)

    def _written(self, task: "asyncio.Future[None]") -> None:
        self._left.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            logger.error("A completion could not be recorded: %s", error)

    async def _write_gathered(self) -> None:
        loop = asyncio.get_running_loop()
        while self._gathered:
            batch, self._gathered = self._gathered, []
            try:
                results = await loop.run_in_executor(self._thread, self._commit, batch)
            except Exception as err:  # noqa: BLE001 - each of those who wait gets it, nobody hangs
                results = [err] * len(batch)
            for (_, done), result in zip(batch, results, strict=True):
                if done.cancelled():
                    continue
                if isinstance(result, Exception):
                    done.set_exception(result)
                else:
                    done.set_result(result)

    def _commit(self, batch: Sequence[tuple[Job, object]]) -> list[Any]:
        """Run every job in one transaction; return what each gave or why it was refused.

        Raises:
            StorageFailed: none of them was written.
        """
        try:
            return self._in_one_transaction(batch)
        except STORAGE as err:
            raise storage_failed(err) from err

    def _in_one_transaction(self, batch: Sequence[tuple[Job, object]]) -> list[Any]:
        results: list[Any] = []
        with self._store.database.write() as connection:
            shared = cast(Database, _OneTransaction(connection))
            store = FeedbackStore(shared, self._store.clock)
            for job, _ in batch:
                try:
                    results.append(job(store))
                except STORAGE:
                    # SQLite may have rolled back everything, what went well before this included.
                    raise
                except (FeedbackError, SQLAlchemyError) as err:
                    results.append(err)
        return results


class _OneTransaction:
    """Stands in for the database where several calls of a store share one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Give the shared connection; what fails inside is undone alone."""
        with self._connection.begin_nested():
            yield self._connection


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
            )
        except UnknownCompletion:
            logger.info("Completion %s ended after its person was forgotten.", ending.id)
