"""Reads the database that a restore is about to replace, for what must not be undone by it.

Invariant: it may be damaged, or older than what is looked for; then it knows nothing, and the
restore goes on.
"""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, inspect
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from feedback.database import Database
from ratchet.settings import Settings

T = TypeVar("T")


def read_replaced(settings: Settings, table: str, read: Callable[[Connection], list[T]]) -> list[T]:
    """Return what the database that is there holds in a table; nothing, where it has none."""
    url = make_url(settings.database)
    if url.get_backend_name() == "sqlite" and not Path(str(url.database)).is_file():
        return []
    database = Database(settings.database)
    try:
        # What is replaced may be damaged: that is what backups are for.
        with suppress(SQLAlchemyError), database.read() as connection:
            return read(connection) if inspect(connection).has_table(table) else []
    finally:
        database.dispose()
    return []
