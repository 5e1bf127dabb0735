"""How each database is opened, so that a write is alone, and on disk once it is acknowledged.

One engine writes, on the single connection of this process that may; the other one reads. The
address may hold a password. Invariant: no message repeats more of it than user, host and name.
"""

import json
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, OperationalError

from feedback.search import fold
from feedback.types import FeedbackError

BUSY_SECONDS = 60
"""How long a writer waits for the others: writes take milliseconds, so longer is a stuck one."""
CONNECT_SECONDS = 10
WRITE_LOCK = 0x52415443
"""PostgreSQL's advisory lock that every write takes: one writer at a time, as with SQLite."""
READERS = 8
MOST_READERS = 32
"""A process's readers of PostgreSQL, which counts connections: 100 for all, unless it is told."""
DRIVER = "postgresql+psycopg"
WRITER_SETTINGS = (
    # Some servers are told to acknowledge before the disk has it; a vote must not be.
    "SELECT set_config('synchronous_commit', 'on', false)"
    " WHERE current_setting('synchronous_commit') = 'off'",
    f"SET lock_timeout = '{BUSY_SECONDS}s'",
    # A machine that loses its power in the middle of a write would hold the lock for hours.
    f"SET idle_in_transaction_session_timeout = '{BUSY_SECONDS}s'",
)


def open_engines(url: str) -> tuple[Engine, Engine]:
    """Return the engine that writes and the one that reads; only SQLite's file is touched.

    Raises:
        FeedbackError: the URL names no database that can be used.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as err:
        raise FeedbackError(
            "RATCHET_DATABASE_URL is no database URL: write sqlite:////folder/ratchet.db or"
            f" {DRIVER}://user:password@host/name"
        ) from err
    if parsed.drivername in {"sqlite", "sqlite+pysqlite"}:
        return _sqlite_engine(parsed, writes=True), _sqlite_engine(parsed, writes=False)
    if parsed.drivername not in {"postgresql", DRIVER}:
        raise FeedbackError(
            f"database {shown(parsed)!r} is neither sqlite:///FILE nor {DRIVER}://...: correct"
            " RATCHET_DATABASE_URL"
        )
    parsed = parsed.set(drivername=DRIVER)
    try:
        return _postgresql_engine(parsed, writes=True), _postgresql_engine(parsed, writes=False)
    except ImportError as err:
        raise FeedbackError(
            f"the driver of PostgreSQL cannot be loaded ({err.name or err}): `pip install"
            " 'psycopg[binary]'` in the service's environment"
        ) from err


def shown(url: URL) -> str:
    """Return an address without what may be secret: the password, and the query, which may too."""
    return url.set(query={}).render_as_string(hide_password=True)


def check_server(engine: Engine) -> None:
    """Refuse a server that does not answer, or a database that cannot hold every text.

    Raises:
        FeedbackError: says which, and what to do.
    """
    name = shown(engine.url)
    try:
        with engine.connect() as connection:
            encoding = connection.exec_driver_sql("SHOW server_encoding").scalar_one()
    except OperationalError as err:
        said = " ".join(str(err.orig).split()).removesuffix(".")
        raise FeedbackError(
            f"{name} does not answer: {said}. Start the server, or correct RATCHET_DATABASE_URL."
        ) from err
    if encoding != "UTF8":
        raise FeedbackError(
            f"{name} is encoded in {encoding}, which cannot hold every text: create it with"
            " ENCODING 'UTF8'."
        )


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
        hide_parameters=True,  # what people wrote is in no error, so in no log
        connect_args={"timeout": BUSY_SECONDS},
        pool_size=1 if writes else READERS,
        max_overflow=0 if writes else -1,
    )

    def set_up(connection: DBAPIConnection, _: object) -> None:
        # None: the driver starts no transaction of its own accord, so `begin` below decides.
        connection.isolation_level = None
        _enter_wal(connection)
        pragma(connection, "foreign_keys = ON")
        connection.create_function("fold", 1, fold, deterministic=True)
        if writes:
            pragma(connection, "synchronous = FULL")
            pragma(connection, "secure_delete = ON")
        else:
            pragma(connection, "query_only = ON")

    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    event.listen(engine, "connect", set_up)
    event.listen(engine, "begin", begin)
    return engine


def _postgresql_engine(url: URL, *, writes: bool) -> Engine:
    # The encoding: a server with none of its own would hand over bytes.
    defaults = {
        "connect_timeout": str(CONNECT_SECONDS),
        "application_name": "ratchet",
        "client_encoding": "utf8",
    }
    engine = create_engine(
        url.set(query={**defaults, **url.query}),
        json_serializer=_to_json,
        hide_parameters=True,
        pool_pre_ping=True,
        # Repeatable reads would show a writer what was there before it got its turn.
        isolation_level="READ COMMITTED" if writes else "REPEATABLE READ",
        pool_size=1 if writes else READERS,
        max_overflow=0 if writes else MOST_READERS - READERS,
    )
    if not writes:
        return engine.execution_options(postgresql_readonly=True)

    def set_up(connection: DBAPIConnection, _: object) -> None:
        cursor = connection.cursor()
        for setting in WRITER_SETTINGS:
            cursor.execute(setting)
        cursor.close()
        connection.commit()

    def begin(connection: Connection) -> None:
        # Without it two writers could each decide on what the other is about to change.
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITE_LOCK})")

    event.listen(engine, "connect", set_up)
    event.listen(engine, "begin", begin)
    return engine


def _enter_wal(connection: DBAPIConnection) -> None:
    """Switch the file to write-ahead logging, once in its life.

    Several processes that open a new file at the same time are refused at once, because the switch
    does not wait for the busy timeout; whoever comes first does it for all.
    """
    deadline = time.monotonic() + BUSY_SECONDS
    while pragma(connection, "journal_mode")[0] != "wal":
        try:
            pragma(connection, "journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def pragma(connection: DBAPIConnection, pragma: str) -> Sequence[Any]:
    """Run one of SQLite's pragmas and return its row."""
    cursor = connection.cursor()
    try:
        cursor.execute(f"PRAGMA {pragma}")
        row: Sequence[Any] | None = cursor.fetchone()
        return row or ()
    finally:
        cursor.close()


def _to_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
