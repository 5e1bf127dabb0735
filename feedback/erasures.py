"""The ledger of those who were forgotten: when, by whom, how much; never who.

A person is told by a hash under a salt of the entry's own. Whoever knows a name can ask whether it
was forgotten; nobody can read a name from it.

Invariant: an entry is written in the transaction that deletes the person's rows. Until it is done,
it holds what finishing needs (ids of answers and fingerprints of texts), and then no longer.
"""

import hashlib
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, insert, select, update

from feedback.database import Database
from feedback.tables import erasures


@dataclass(frozen=True, kw_only=True)
class Erasure:
    """One person who was forgotten once."""

    id: str
    salt: str
    digest: str
    actor: str
    """Who asked for it: an operator, or `themselves`."""
    asked: float
    """When, the last time."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """Rows deleted, by table."""
    left: Mapping[str, Any] = field(default_factory=dict)
    adapters: tuple[str, ...] = ()
    done: float | None = None

    def means(self, person: str) -> bool:
        """Say whether this is the person who was forgotten."""
        return digest(self.salt, person) == self.digest

    @property
    def key(self) -> bytes:
        """The salt as the key of fingerprints."""
        return bytes.fromhex(self.salt)


def digest(salt: str, person: str) -> str:
    """Return the hash that stands for a person."""
    key = bytes.fromhex(salt)
    return hashlib.blake2b(person.encode(), key=key, digest_size=16).hexdigest()


def new_erasure(person: str, actor: str, asked: float) -> Erasure:
    """Begin an entry."""
    salt = secrets.token_hex(16)
    told = digest(salt, person)
    return Erasure(
        id=f"erasure-{secrets.token_hex(6)}", salt=salt, digest=told, actor=actor, asked=asked
    )


def record(connection: Connection, erasure: Erasure) -> None:
    """Write an entry down."""
    # Not `asdict`: it copies every fingerprint, while writers wait.
    values = {each.name: getattr(erasure, each.name) for each in fields(erasure)}
    connection.execute(insert(erasures).values(values))


def entries(connection: Connection, *only: ColumnElement[bool]) -> list[Erasure]:
    """Return the ledger, or a part of it, oldest first."""
    query = select(erasures).where(*only).order_by(erasures.c.asked, erasures.c.id)
    rows = connection.execute(query).mappings()
    return [Erasure(**{**row, "adapters": tuple(row["adapters"])}) for row in rows]


def ledger(database: Database) -> list[Erasure]:
    """Return the ledger, oldest first."""
    with database.read() as connection:
        return entries(connection)


def unfinished(database: Database) -> list[Erasure]:
    """Return what was deleted from the database and is not proven yet, oldest first."""
    with database.read() as connection:
        return entries(connection, erasures.c.done.is_(None))


def asked_since(connection: Connection, person: str, at: float) -> bool:
    """Say whether this person was forgotten after that moment."""
    query = select(erasures.c.salt, erasures.c.digest).where(erasures.c.asked > at)
    return any(digest(row.salt, person) == row.digest for row in connection.execute(query))


def ask_again(connection: Connection, erasure: Erasure, at: float) -> Erasure:
    """Move an entry's time: what was asked before and is answered later is dropped by it."""
    connection.execute(update(erasures).where(erasures.c.id == erasure.id).values(asked=at))
    return replace(erasure, asked=at)


def finish(database: Database, erasure_id: str, adapters: Iterable[str], at: float) -> None:
    """Close an entry: what is left of it helps nobody to find anything any more."""
    values = {"adapters": list(adapters), "left": {}, "done": at}
    with database.write() as connection:
        connection.execute(update(erasures).where(erasures.c.id == erasure_id).values(values))


def forgotten_by(database: Database) -> dict[str, list[str]]:
    """Return, for every adapter that learned from somebody who was forgotten, the entries."""
    found: dict[str, list[str]] = {}
    for erasure in ledger(database):
        for adapter in {*erasure.adapters, *erasure.left.get("adapters", ())}:
            found.setdefault(adapter, []).append(erasure.id)
    return found


def count(connection: Connection, erasure_id: str, what: str, rows: int) -> None:
    """Add to an entry's counts, in the transaction that removes the rows."""
    mine = erasures.c.id == erasure_id
    counts = connection.execute(select(erasures.c.counts).where(mine)).scalar_one()
    counts = {**counts, what: counts.get(what, 0) + rows}
    connection.execute(update(erasures).where(mine).values(counts=counts))
