"""Carries every row of one database into another, whichever kind each of them is.

Rows travel as Python's values through the one schema, so a SQLite file can hold what PostgreSQL
held and give it back. Invariant: what is read is one moment of the source, what is written is one
transaction of the target, and both are at the newest revision.
"""

from sqlalchemy import Connection, Integer, Table, delete, func, insert, select, text

import serving.tables  # noqa: F401 - registers its tables in the metadata
from feedback.database import Database, metadata
from feedback.tables import completions  # noqa: F401

BATCH = 1_000


def copy_rows(source: Database, target: Database, *, replace: bool = False) -> dict[str, int]:
    """Copy all rows and return each table's count; `replace` deletes first what is there."""
    counts = {}
    with source.read() as reader, target.write() as writer:
        if replace:
            for table in reversed(metadata.sorted_tables):
                writer.execute(delete(table))
        for table in metadata.sorted_tables:
            counts[table.name] = _copy(table, reader, writer)
            if not target.sqlite:
                _count_on(table, writer)
    return counts


def rows_in(database: Database) -> dict[str, int]:
    """Count the rows of each table."""
    with database.read() as db:
        return {
            table.name: db.execute(select(func.count()).select_from(table)).scalar_one()
            for table in metadata.sorted_tables
        }


def _copy(table: Table, reader: Connection, writer: Connection) -> int:
    # In the key's order: a deployment refers to one before it.
    query = select(table).order_by(*table.primary_key.columns)
    found = reader.execution_options(yield_per=BATCH).execute(query)
    count = 0
    for part in found.mappings().partitions(BATCH):
        writer.execute(insert(table), [dict(row) for row in part])
        count += len(part)
    return count


def _count_on(table: Table, writer: Connection) -> None:
    """Let PostgreSQL number new rows behind those that came with a number."""
    [key, *others] = table.primary_key.columns
    if others or not isinstance(key.type, Integer) or key.autoincrement is False:
        return
    highest = writer.execute(select(func.max(key))).scalar()
    if highest is not None:
        sequence = text("SELECT setval(pg_get_serial_sequence(:table, :key), :highest)")
        writer.execute(sequence, {"table": table.name, "key": key.name, "highest": highest})
