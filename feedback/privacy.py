"""Forgetting a person: everything they wrote, were answered and said, with all of its history.

The schema says what is theirs: rows with their name in the column `person`, and rows that hang on
such a row by a foreign key, votes of others on their answers among them. A table that is added is
covered without a word here.

Invariant: rows go and the ledger gets its entry in one transaction; when `forget` has returned, no
query finds the person, and SQLite's pages no longer hold their words. What was trained from them,
and files, are for `ratchet/forget.py`.
"""

import time
from collections.abc import Callable, Collection, Iterator
from typing import Any

from sqlalchemy import (
    JSON,
    ColumnElement,
    Connection,
    Table,
    Text,
    delete,
    or_,
    select,
    tuple_,
)

from feedback.database import Database, metadata
from feedback.erasures import Erasure, ask_again, entries, new_erasure, record
from feedback.fingerprints import Fingerprints
from feedback.tables import completions, cycle_reads, feedback_uses

THEMSELVES = "themselves"
"""Who asked, where it was the person: their name must not stay in the ledger."""
NOT_THEIRS = frozenset({"passages", "sampling", "reasons"})
"""Columns of words that a person did not choose: the documents', a program's, a chip's."""
BATCH = 500


class PersonForgotten(Exception):
    """Something was made from what a person said who has been forgotten since."""


def forget(
    database: Database,
    person: str,
    actor: str = "operator",
    clock: Callable[[], float] = time.time,
) -> Erasure:
    """Delete what the person asked, was answered and said, and clean SQLite's pages.

    Doing it again finds nothing, and returns the same entry.
    """
    erasure = forget_rows(database, person, actor, clock)
    database.scrub()
    return erasure


def forget_rows(
    database: Database,
    person: str,
    actor: str = "operator",
    clock: Callable[[], float] = time.time,
) -> Erasure:
    """Delete what the person asked, was answered and said.

    It waits its turn behind what this process has been told to write, so that nothing that was said
    before comes after.
    """
    begun = new_erasure(person, THEMSELVES if actor == person else actor, clock())
    return database.submit(lambda connection: erase(connection, person, begun)).result()


def erase(connection: Connection, person: str, begun: Erasure) -> Erasure:
    """Delete a person's rows and write the entry; where there are none, the earlier one's time moves."""
    known = [entry for entry in entries(connection) if entry.means(person)]
    left = _left(connection, person, begun)
    counts = {}
    for table in reversed(metadata.sorted_tables):  # what refers to something goes before it
        theirs = whose(table, person)
        if theirs is not None:
            counts[table.name] = connection.execute(delete(table).where(theirs)).rowcount
    if known and not any(counts.values()):
        return ask_again(connection, known[-1], begun.asked)
    erasure = Erasure(
        id=begun.id, salt=begun.salt, digest=begun.digest, actor=begun.actor, asked=begun.asked,
        counts=counts, left=left,
    )  # fmt: skip
    record(connection, erasure)
    return erasure


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


def people(connection: Connection) -> list[str]:
    """Return the names of all whose rows there are."""
    named = [table for table in metadata.sorted_tables if "person" in table.c]
    found: set[str] = set()
    for table in named:
        found.update(connection.scalars(select(table.c.person).distinct()))
    return sorted(found)


def gone(connection: Connection, completion_ids: Collection[str]) -> set[str]:
    """Return which of these answers are in the store no more: their person has been forgotten."""
    ids, there = sorted(set(completion_ids)), set[str]()
    for start in range(0, len(ids), BATCH):
        part = completions.c.id.in_(ids[start : start + BATCH])
        there.update(connection.scalars(select(completions.c.id).where(part)))
    return set(ids) - there


def check_remembered(connection: Connection, completion_ids: Collection[str]) -> None:
    """Make sure that all of these answers are in the store still.

    Raises:
        PersonForgotten: some are gone with their person.
    """
    if lost := gone(connection, completion_ids):
        raise PersonForgotten(f"{len(lost)} of the answers behind it are gone with their person.")


def _left(connection: Connection, person: str, begun: Erasure) -> dict[str, Any]:
    """Return what must be known later to find what was made of the person's words."""
    ids = connection.scalars(select(completions.c.id).where(completions.c.person == person)).all()
    trained = (
        select(cycle_reads.c.adapter)
        .join(feedback_uses, feedback_uses.c.cycle == cycle_reads.c.cycle)
        .join(completions, completions.c.id == feedback_uses.c.completion_id)
        .where(completions.c.person == person, feedback_uses.c.role == "train")
        .where(cycle_reads.c.adapter.is_not(None))
        .distinct()
    )
    texts = Fingerprints.of(begun.key, _texts(connection, person))
    return {
        "completions": sorted(ids),
        "adapters": sorted(connection.scalars(trained)),
        "texts": texts.to_json(),
    }


def _texts(connection: Connection, person: str) -> Iterator[str]:
    """Read every text of the person's rows."""
    for table in metadata.sorted_tables:
        theirs = whose(table, person)
        columns = [
            column
            for column in table.columns
            if isinstance(column.type, Text | JSON) and column.name not in NOT_THEIRS
        ]
        if theirs is None or not columns:
            continue
        for row in connection.execute(select(*columns).where(theirs)):
            for value in row:
                yield from texts_in(value)


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
