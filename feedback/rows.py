"""Rows to values and back, and reading many of them without holding the database up.

Invariant: reading a window takes many short reads, not one long one, which would make SQLite's log
grow; and since pages follow `created`, which never changes, no record is skipped or read twice
however much is said meanwhile.
"""

from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, String, cast, tuple_

from feedback.database import Database
from feedback.tables import comparisons, completions, corrections
from feedback.types import Comparison, Completion, Correction, Vote

PAGE = 500
COLUMNS = tuple(column.name for column in completions.columns)
VOTE_FIELDS = len(fields(Vote))
"""The columns behind them are for counting."""


def completion_values(completion: Completion) -> dict[str, Any]:
    """Return the columns of a completion."""
    values = {name: getattr(completion, name) for name in COLUMNS}
    return values | {
        "messages": list(completion.messages),
        "passages": list(completion.passages),
        "steps": list(completion.steps),
    }


def completion_of(row: Row[Any], at: int = 0) -> Completion:
    """Build the completion whose columns start at position `at` of the row."""
    values = dict(zip(COLUMNS, row[at : at + len(COLUMNS)], strict=True))
    values["messages"] = tuple(values["messages"])
    values["passages"] = tuple(values["passages"])
    values["steps"] = tuple(values["steps"])
    return Completion(**values)


def vote_of(row: Row[Any]) -> Vote:
    """Build the vote at the start of the row."""
    completion_id, person, liked, reasons, comment, created, updated = row[:VOTE_FIELDS]
    return Vote(completion_id, person, liked, tuple(reasons), comment, created, updated)


def comparison_of(row: Row[Any]) -> Comparison:
    """Build the comparison at the start of the row."""
    return Comparison(*row[: len(comparisons.columns)])


def correction_of(row: Row[Any]) -> Correction:
    """Build the correction at the start of the row."""
    return Correction(*row[: len(corrections.columns)])


def has_texts(messages: ColumnElement[Any]) -> ColumnElement[bool]:
    """Return the condition that a completion's texts were not removed (`feedback/retention.py`)."""
    return cast(messages, String) != "[]"


def within(column: ColumnElement[float], since: float, until: float) -> ColumnElement[bool]:
    """Return the condition `since < column <= until`: windows that touch share nothing."""
    return (column > since) & (column <= until)


def changed_within(column: ColumnElement[float], since: float, until: float) -> ColumnElement[bool]:
    """Return `within` for pages that follow another column than this one.

    An open window holds nearly every row. SQLite would look them up by this column for each page,
    and sort them all: time that grows by the square. A sum has no index.
    """
    return within(column if since > 0 else column + 0.0, since, until)


def pages(
    database: Database,
    query: Select[Any],
    *key: ColumnElement[Any],
    newest: int | None = None,
) -> Iterator[Row[Any]]:
    """Read the query's rows in the order of `key`, a page at a time; `newest`: only the last."""
    ordered = query.order_by(*key).limit(PAGE)
    last = None if newest is None else _before(database, query, key, newest)
    positions = [list(query.selected_columns).index(column) for column in key]
    while True:
        page = ordered if last is None else ordered.where(tuple_(*key) > tuple_(*last))
        with database.read() as connection:
            rows = connection.execute(page).all()
        yield from rows
        if len(rows) < PAGE:
            return
        last = tuple(rows[-1][position] for position in positions)


def _before(
    database: Database, query: Select[Any], key: Sequence[ColumnElement[Any]], newest: int
) -> tuple[Any, ...] | None:
    """Return the key of the last row that is not among the newest; None: all are."""
    backwards = query.with_only_columns(*key).order_by(*(column.desc() for column in key))
    with database.read() as connection:
        row = connection.execute(backwards.offset(newest).limit(1)).first()
    return tuple(row) if row else None
