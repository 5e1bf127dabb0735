"""One database for the whole service: who may write when, and how others notice.

SQLite has several writing processes (web, worker, command line). A deferred transaction that turns
into a write while another one writes fails at once, whatever the busy timeout; so every write
begins IMMEDIATE, on the one connection of this process that may write, and waits for its turn.
Small writes that need no transaction to themselves are submitted, and share a commit.

Invariant: when `write()` has returned, or what was submitted has its result, what was written
survives a power cut (SQLite's synchronous=FULL, PostgreSQL's synchronous_commit).
"""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, MetaData, text
from sqlalchemy.pool import PoolProxiedConnection

from feedback.engines import BUSY_SECONDS, check_server, open_engines, pragma
from feedback.group_commit import GroupCommit

T = TypeVar("T")

metadata = MetaData(
    naming_convention={
        "ix": "%(table_name)s_by_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)
"""Every table of the service registers here: one schema, one migration history."""

SCRUB_SECONDS = 2
"""How long to wait for readers before the log is emptied: they are short, or not ours."""


def default_url(home: Path) -> str:
    """Return the URL of the SQLite file in `home`."""
    return f"sqlite:///{home.absolute() / 'ratchet.db'}"


class Database:
    """Short reads beside one short write at a time, on SQLite or PostgreSQL."""

    def __init__(self, url: str) -> None:
        """Open the database at `url`; nothing is created but SQLite's empty file.

        Raises:
            FeedbackError: the URL names no database that can be used.
        """
        self.url = url
        self._writer, self._reader = open_engines(url)
        self._turn = threading.Lock()
        self._turn_of: int | None = None
        self._group = GroupCommit(self.write)
        self._watch_turn = threading.Lock()
        self._watch: PoolProxiedConnection | None = None

    @property
    def sqlite(self) -> bool:
        """Whether this is SQLite, i.e. a file on this machine."""
        return self._writer.dialect.name == "sqlite"

    def check(self) -> None:
        """Find out whether the database can be used, before somebody waits for it.

        Raises:
            FeedbackError: the server does not answer, or cannot hold every text.
        """
        if not self.sqlite:
            check_server(self._reader)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Give a connection inside a transaction that no other writer overlaps; commit at the end.

        Raises:
            RuntimeError: this thread is already writing, and would wait for itself for ever.
        """
        if self._turn_of == threading.get_ident():
            raise RuntimeError("write() inside write(): pass the outer connection on instead")
        with self._turn:
            self._turn_of = threading.get_ident()
            try:
                with self._writer.begin() as connection:
                    yield connection
            finally:
                self._turn_of = None

    def submit(self, job: Callable[[Connection], T]) -> "Future[T]":
        """Run `job` in a transaction that it may share with others; see `GroupCommit.submit`.

        Raises:
            RuntimeError: this thread is inside `write()`, which the job would have to wait for.
        """
        if self._turn_of == threading.get_ident() and not self._group.inside():
            raise RuntimeError("submit() inside write(): use the outer connection instead")
        return self._group.submit(job)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give a connection that sees one moment of the database and cannot change it."""
        with self._reader.connect() as connection:
            yield connection

    def data_version(self) -> int:
        """Return a number that differs whenever anybody has committed since the last call."""
        if not self.sqlite:
            with self._reader.connect() as connection:
                snapshot = connection.scalar(text("SELECT pg_current_snapshot()::text"))
            return int.from_bytes(str(snapshot).encode(), "big")
        with self._watch_turn:
            # The number only tells of other connections' commits, so this one must never write and
            # must stay the same one. It stays outside any transaction, or it would see no change.
            if self._watch is None:
                self._watch = self._reader.raw_connection()
            return int(pragma(self._watch, "data_version")[0])

    def create_tables(self) -> None:
        """Create the registered tables that are missing. The service itself migrates instead."""
        with self.write() as connection:
            metadata.create_all(connection)

    def scrub(self, seconds: float = SCRUB_SECONDS) -> bool:
        """Move the log into the file and empty it, so that what was deleted is on no page.

        Args:
            seconds: How long to wait for readers; writers wait as long.

        Returns False where a reader held on to it: the words may stay there for as long.
        """
        if not self.sqlite:
            return True
        with self._turn:
            connection = self._writer.raw_connection()
            try:
                pragma(connection, f"busy_timeout = {int(seconds * 1000)}")
                busy, _, _ = pragma(connection, "wal_checkpoint(TRUNCATE)")
                pragma(connection, f"busy_timeout = {BUSY_SECONDS * 1000}")
            finally:
                connection.close()
        return not busy

    def dispose(self) -> None:
        """Write what is waiting, and close every connection."""
        self._group.close()
        with self._watch_turn:
            if self._watch is not None:
                self._watch.close()
                self._watch = None
        self._reader.dispose()
        self._writer.dispose()
