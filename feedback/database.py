"""One database for the whole service: who may write when, and how others notice.

SQLite has several writing processes (web, worker, command line). A deferred transaction that turns
into a write while another one writes fails at once, whatever the busy timeout; so every write
begins IMMEDIATE, on the one connection of this process that may write, and waits for its turn.
Small writes that need no transaction to themselves are submitted, and share a commit.

Invariant: when `write()` has returned, or what was submitted has its result, what was written
survives a power cut (synchronous=FULL).
"""

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, MetaData, create_engine, event, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import PoolProxiedConnection

from feedback.group_commit import GroupCommit
from feedback.search import fold
from feedback.types import FeedbackError

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

BUSY_SECONDS = 60
"""How long a writer waits for the others: writes take milliseconds, so longer is a stuck one."""
SCRUB_SECONDS = 2
"""How long to wait for readers before the log is emptied: they are short, or not ours."""
WRITE_LOCK = 0x52415443
"""PostgreSQL's advisory lock that every write takes: one writer at a time, as with SQLite."""
READERS = 8


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
        self._writer, self._reader = _engines(url)
        self._turn = threading.Lock()
        self._turn_of: int | None = None
        self._group = GroupCommit(self.write)
        self._watch_turn = threading.Lock()
        self._watch: PoolProxiedConnection | None = None

    @property
    def sqlite(self) -> bool:
        """Whether this is SQLite, i.e. a file on this machine."""
        return self._writer.dialect.name == "sqlite"

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
            return int(_pragma(self._watch, "data_version")[0])

    def create_tables(self) -> None:
        """Create the registered tables that are missing. The service itself migrates instead."""
        with self.write() as connection:
            metadata.create_all(connection)

    def scrub(self) -> bool:
        """Move the log into the file and empty it, so that what was deleted is on no page.

        Returns False where a reader held on to it: the log is then emptied by a later write.
        """
        if not self.sqlite:
            return True
        with self._turn:
            connection = self._writer.raw_connection()
            try:
                _pragma(connection, f"busy_timeout = {SCRUB_SECONDS * 1000}")
                busy, _, _ = _pragma(connection, "wal_checkpoint(TRUNCATE)")
                _pragma(connection, f"busy_timeout = {BUSY_SECONDS * 1000}")
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


def _engines(url: str) -> tuple[Engine, Engine]:
    """Return the engine that writes, on its single connection, and the one that reads."""
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
        if backend not in {"sqlite", "postgresql"}:
            raise FeedbackError(
                f"database {parsed.render_as_string()!r} is neither sqlite:///FILE nor"
                " postgresql://...: correct RATCHET_DATABASE_URL"
            )
        make = _sqlite_engine if backend == "sqlite" else _postgresql_engine
        return make(parsed, writes=True), make(parsed, writes=False)
    except ArgumentError as err:
        raise FeedbackError(f"RATCHET_DATABASE_URL is no database URL: {url!r}") from err
    except ModuleNotFoundError as err:
        raise FeedbackError(
            f"{err.name} is not installed: `pip install 'psycopg[binary]'` for PostgreSQL"
        ) from err


def _sqlite_engine(url: URL, *, writes: bool) -> Engine:
    if url.database in {None, "", ":memory:"}:
        raise FeedbackError(
            f"database {url.render_as_string()!r} is in memory, where writers and readers cannot"
            " meet: name a file, e.g. sqlite:////srv/ratchet/ratchet.db"
        )
    Path(str(url.database)).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        url,
        json_serializer=_to_json,
        connect_args={"timeout": BUSY_SECONDS},
        **_pool_size(writes=writes),
    )

    def set_up(connection: DBAPIConnection, _: object) -> None:
        # None: the driver starts no transaction of its own accord, so `begin` below decides.
        connection.isolation_level = None
        _enter_wal(connection)
        _pragma(connection, "foreign_keys = ON")
        connection.create_function("fold", 1, fold, deterministic=True)
        if writes:
            _pragma(connection, "synchronous = FULL")
            _pragma(connection, "secure_delete = ON")
        else:
            _pragma(connection, "query_only = ON")

    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    event.listen(engine, "connect", set_up)
    event.listen(engine, "begin", begin)
    return engine


def _postgresql_engine(url: URL, *, writes: bool) -> Engine:
    engine = create_engine(
        url, json_serializer=_to_json, pool_pre_ping=True, **_pool_size(writes=writes)
    )
    if not writes:
        return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)

    def begin(connection: Connection) -> None:
        # Without it two writers could each decide on what the other is about to change.
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITE_LOCK})")

    event.listen(engine, "begin", begin)
    return engine


def _pool_size(*, writes: bool) -> dict[str, int]:
    return {"pool_size": 1 if writes else READERS, "max_overflow": 0 if writes else -1}


def _enter_wal(connection: DBAPIConnection) -> None:
    """Switch the file to write-ahead logging, once in its life.

    Several processes that open a new file at the same time are refused at once, because the switch
    does not wait for the busy timeout; whoever comes first does it for all.
    """
    deadline = time.monotonic() + BUSY_SECONDS
    while _pragma(connection, "journal_mode")[0] != "wal":
        try:
            _pragma(connection, "journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _pragma(connection: DBAPIConnection, pragma: str) -> Sequence[Any]:
    cursor = connection.cursor()
    try:
        cursor.execute(f"PRAGMA {pragma}")
        row: Sequence[Any] | None = cursor.fetchone()
        return row or ()
    finally:
        cursor.close()


def _to_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
