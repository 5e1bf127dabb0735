"""What a database fails with when neither it nor the request is wrong, in our words.

Invariant: what the database said goes to the log and to `__cause__` only; it names files.
"""

import sqlite3
from collections.abc import Iterator

from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from serving.errors import StorageFailed, StorageFull

POSTGRES_DISK_FULL = "53100"
POSTGRES_LOCK_TIMEOUT = "55P03"
STORAGE = (OperationalError, sqlite3.OperationalError, PoolTimeout)
"""A full disk, a lock that somebody holds for too long, a broken file, a server that is gone."""


def storage_failed(error: Exception) -> StorageFailed:
    """Say in our words why the database did not do what it was asked; `error` is its cause."""
    said = _in_words(error)
    said.__cause__ = error
    return said


def _in_words(error: Exception) -> StorageFailed:
    codes = set(_codes(error))
    if codes & {sqlite3.SQLITE_FULL, POSTGRES_DISK_FULL}:
        return StorageFull(
            "the service's disk is full, so nothing can be written down; free some space where "
            "its database lies",
            30,
        )
    if codes & {sqlite3.SQLITE_BUSY, POSTGRES_LOCK_TIMEOUT}:
        return StorageFailed(
            "another program holds the service's database; try again in a few seconds"
        )
    return StorageFailed("the service's database does not answer; try again in a few seconds")


def _codes(error: BaseException | None) -> Iterator[int | str | None]:
    """Give what the drivers called the failure, and what it led to."""
    while error is not None:
        origin = error.orig if isinstance(error, DBAPIError) else error
        # SQLite's extended codes carry the plain one in their last byte.
        yield getattr(origin, "sqlite_errorcode", 0) & 0xFF
        yield getattr(origin, "sqlstate", None)
        # SQLite ends the transaction itself where the disk is full; undoing it fails after that.
        error = error.__context__
