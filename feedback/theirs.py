"""What is a person's: which rows the schema says are theirs, and the fingerprints of their texts.

Rows are theirs that have their name in the column `person`, and those that hang on such a row by a
foreign key, votes of others on their answers among them. A table that is added is covered without
a word here.

Invariant: fingerprints of many texts take seconds, for which no writer waits: they are taken page
by page, and inside a transaction only of what is new since.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import JSON, Column, ColumnElement, Connection, Table, Text, or_, select, tuple_

from feedback.database import Database, metadata
from feedback.fingerprints import take
from feedback.rows import pages

NOT_THEIRS = frozenset({"passages", "sampling", "reasons"})
"""Columns of words that a person did not choose: the documents', a program's, a chip's."""
BATCH = 200


def whose(table: Table, person: str) -> ColumnElement[bool] | None:
    """Return the condition that a row is the person's; None: no row of this table is anybody's."""
    ways = [table.c.person == person] if "person" in table.c else []
    for link in table.foreign_key_constraints:
        if link.referred_table is table:
            continue
        theirs = whose(link.referred_table, person)
        if theirs is not None:
            parents = select(*(key.column for key in link.elements)).where(theirs)
            ways.append(_key(*link.columns).in_(parents))
    return or_(*ways) if ways else None


def _key(*columns: Any) -> Any:
    return columns[0] if len(columns) == 1 else tuple_(*columns)


class Taken:
    """The fingerprints of a person's texts, and the rows that they were taken of."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._rows: set[tuple[Any, ...]] = set()
        self._prints: set[frozenset[str]] = set()

    def before(self, database: Database, person: str) -> "Taken":
        """Take those of all that is there now, in short reads."""
        for table, theirs, key, texts in _with_texts(person):
            query = select(*key, *_stamp(table), *texts).where(theirs)
            self._take(table, pages(database, query, *key), len(texts))
        return self

    def rest(self, connection: Connection, person: str) -> "Taken":
        """Take those of what has been added or changed since."""
        for table, theirs, key, texts in _with_texts(person):
            stamps = _stamp(table)
            now = connection.execute(select(*key, *stamps).where(theirs))
            new = [row[: len(key)] for row in now if (table.name, *row) not in self._rows]
            for start in range(0, len(new), BATCH):
                these = tuple_(*key).in_([tuple(row) for row in new[start : start + BATCH]])
                query = select(*key, *stamps, *texts).where(these)
                self._take(table, connection.execute(query), len(texts))
        return self

    def to_json(self) -> list[list[str]]:
        """Return them as `Fingerprints.from_json` reads them."""
        return sorted(map(sorted, self._prints))

    def _take(self, table: Table, rows: Iterable[Sequence[Any]], texts: int) -> None:
        for row in rows:
            self._rows.add((table.name, *row[:-texts]))
            found = (take(self._key, text) for value in row[-texts:] for text in texts_in(value))
            self._prints.update(filter(None, found))


def _with_texts(
    person: str,
) -> Iterator[tuple[Table, ColumnElement[bool], list[Column[Any]], list[Column[Any]]]]:
    """Return every table that holds texts of people: whose rows, their key, and the texts."""
    for table in metadata.sorted_tables:
        theirs = whose(table, person)
        texts = [
            column
            for column in table.columns
            if isinstance(column.type, Text | JSON) and column.name not in NOT_THEIRS
        ]
        if theirs is not None and texts:
            yield table, theirs, list(table.primary_key.columns), texts


def _stamp(table: Table) -> list[Column[Any]]:
    """Return what changes with a row: rows without it never change."""
    return [table.c[name] for name in ("updated", "at") if name in table.c]


def texts_in(value: object) -> Iterator[str]:
    """Return every text inside a JSON value, keys too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield str(key)
            yield from texts_in(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from texts_in(inner)
