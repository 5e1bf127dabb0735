"""Many writes, one commit: whoever writes while the disk is busy goes into the next one together.

A commit waits for the disk, milliseconds; SQLite takes one writer at a time anyway. So one thread
of the process writes for all: it takes what is waiting, runs each write behind a savepoint of its
own, commits once, and only then tells those who wait.

Invariant: a write that is acknowledged is on disk; a write that was handed over is run exactly
once, although whoever asked is gone; one that fails takes no other one with it.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

T = TypeVar("T")
Job = Callable[[Connection], T]

LARGEST = 128
"""Writes a commit: some 20 ms, for which other processes wait."""


class GroupCommit:
    """The queue of one database, and the thread that empties it."""

    def __init__(self, transaction: Callable[[], AbstractContextManager[Connection]]) -> None:
        """Write in transactions that `transaction` begins and commits."""
        self._transaction = transaction
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="writer")
        self._lock = threading.Lock()
        self._waiting: deque[_Write] = deque()
        self._running = False
        self._writing: int | None = None
        self._connection: Connection

    def submit(self, job: Job[T]) -> "Future[T]":
        """Run `job` in a transaction that others may share; the result comes after the commit.

        Waiting for it may be given up, but the write cannot be taken back. A job that submits
        another one has it run at once, as a part of itself.
        """
        done: Future[T] = Future()
        done.set_running_or_notify_cancel()
        if self.inside():
            done.set_result(job(self._connection))
            return done
        with self._lock:
            if not self._running:
                self._thread.submit(self._empty)
                self._running = True
            self._waiting.append(_Write(job, done))
        return done

    def inside(self) -> bool:
        """Say whether this is called by a job that is being run."""
        return self._writing == threading.get_ident()

    def close(self) -> None:
        """Write what is waiting, then stop the thread; nothing can be submitted any more."""
        self._thread.shutdown()

    def _empty(self) -> None:
        while batch := self._next():
            self._commit(batch)

    def _next(self) -> "list[_Write]":
        with self._lock:
            batch = [self._waiting.popleft() for _ in range(min(LARGEST, len(self._waiting)))]
            self._running = bool(batch)
            return batch

    def _commit(self, batch: "Sequence[_Write]") -> None:
        try:
            with self._transaction() as connection:
                self._connection, self._writing = connection, threading.get_ident()
                outcomes = [_attempt(connection, write.job) for write in batch]
        except Exception as err:  # noqa: BLE001 - each of those who wait gets it, nobody hangs
            outcomes = [_Outcome(error=err)] * len(batch)
        finally:
            self._writing = None
        for write, outcome in zip(batch, outcomes, strict=True):
            if outcome.error is None:
                write.done.set_result(outcome.result)
            else:
                write.done.set_exception(outcome.error)


class _Write(NamedTuple):
    """What somebody wants written, and where they wait."""

    job: Job[Any]
    done: "Future[Any]"


class _Outcome(NamedTuple):
    """What a write gave, or why it failed."""

    result: Any = None
    error: Exception | None = None


def _attempt(connection: Connection, job: Job[Any]) -> _Outcome:
    """Run one write; what it did is undone where it fails.

    Where the database has given up the whole transaction (a full disk, a lost connection), there is
    no savepoint to return to: that raises, and fails all of them.
    """
    # By the driver's cursor: SQLAlchemy composes each savepoint anew, which costs more than a vote.
    cursor = connection.connection.cursor()
    try:
        cursor.execute("SAVEPOINT one_write")
        try:
            outcome = _Outcome(job(connection))
        except Exception as err:  # noqa: BLE001 - it belongs to the one who asked for this write
            cursor.execute("ROLLBACK TO SAVEPOINT one_write")
            outcome = _Outcome(error=err)
        cursor.execute("RELEASE SAVEPOINT one_write")
    except connection.dialect.loaded_dbapi.OperationalError as err:
        # Whoever waits knows SQLAlchemy's errors, whichever driver lost its server.
        raise OperationalError("SAVEPOINT", None, err) from err
    finally:
        cursor.close()
    return outcome
