"""Forgetting a person: everything they wrote, were answered and said, with all of its history.

Invariant: rows go and the ledger gets its entry in one transaction; when `forget` has returned, no
query finds the person, and SQLite's pages no longer hold their words. What was trained from them,
and files, are for `ratchet/forget.py`.
"""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, delete, select

from feedback.database import Database, metadata
from feedback.erasures import Erasure, ask_again, entries, new_erasure, record
from feedback.names import shape
from feedback.tables import completions, cycle_reads, feedback_uses
from feedback.theirs import Taken, whose

THEMSELVES = "themselves"
"""Who asked, where it was the person: their name must not stay in the ledger."""
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
    """Delete what the person asked, was answered and said."""
    return carry_out(database, prepare(database, person, actor), clock)


@dataclass(frozen=True)
class Begun:
    """A person who is to be forgotten, and the fingerprints of what they have said so far."""

    person: str
    erasure: Erasure
    taken: Taken


def prepare(database: Database, person: str, actor: str = "operator") -> Begun:
    """Read all that the person said: what takes long, before anybody waits for it."""
    begun = new_erasure(person, THEMSELVES if actor == person else actor, 0.0)
    return Begun(person, begun, Taken(begun.key).before(database, person))


def carry_out(database: Database, begun: Begun, clock: Callable[[], float] = time.time) -> Erasure:
    """Delete the rows of a person.

    It waits its turn behind what this process has been told to write, so that nothing that was said
    before comes after.
    """

    def job(connection: Connection) -> Erasure:
        asked = replace(begun.erasure, asked=clock())
        return erase(connection, begun.person, asked, begun.taken)

    return database.submit(job).result()


def erase(
    connection: Connection, person: str, begun: Erasure, taken: Taken | None = None
) -> Erasure:
    """Delete a person's rows and write the entry.

    Where there are none, nothing is left to find: the entry is done at once, and an earlier one is
    only moved to this time.
    """
    known = [entry for entry in entries(connection) if entry.means(person)]
    left = _left(connection, person, taken or Taken(begun.key))
    counts = {}
    for table in reversed(metadata.sorted_tables):  # what refers to something goes before it
        theirs = whose(table, person)
        if theirs is not None:
            counts[table.name] = connection.execute(delete(table).where(theirs)).rowcount
    found = any(counts.values())
    if known and not found:
        return ask_again(connection, known[-1], begun.asked)
    erasure = Erasure(
        id=begun.id, salt=begun.salt, digest=begun.digest, actor=begun.actor, asked=begun.asked,
        counts=counts, left=left if found else {}, done=None if found else begun.asked,
    )  # fmt: skip
    record(connection, erasure)
    return erasure


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


def _left(connection: Connection, person: str, taken: Taken) -> dict[str, Any]:
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
    return {
        "completions": sorted(ids),
        "adapters": sorted(connection.scalars(trained)),
        "name": shape(person),
        "texts": taken.rest(connection, person).to_json(),
    }
