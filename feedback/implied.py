"""What people imply without saying it: they copy an answer, ask again, or reword their question.

That an answer was regenerated stands in `parent` of the later one; nothing else records it, except
where a client does its own regenerating. Copying and rewording are told by the page or by clients.
Each counts once a person, answer and kind, when it happened first. Somebody may also regenerate out
of curiosity, or copy an answer to complain about it.

Invariant: nothing here is feedback. No cycle reads it, and no export holds it; whoever wants to
look at it, or to train on it by a decision of their own, reads it with `iter_implied` or `signals`.
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple

from sqlalchemy import Connection, insert, select

from feedback.choices import CONSENT
from feedback.database import Database
from feedback.recording import check_served
from feedback.rows import completion_of, has_texts, pages, within
from feedback.tables import completions, implied_events
from feedback.types import PEOPLE_PURPOSES, Completion

Kind = Literal["copy", "edit", "regenerate"]
EVER = float("inf")
_ADD = insert(implied_events).values(consent=CONSENT)


class Signal(NamedTuple):
    """Something that a person did with an answer."""

    completion_id: str
    person: str
    kind: Kind
    """`edit`: they asked the question that it answers in other words."""
    at: float
    interface: str | None
    consent: str | None
    """The version of the text that they had agreed to by then; None: none."""


def put_signal(
    connection: Connection,
    completion_id: str,
    person: str,
    kind: Kind,
    now: float,
    interface: str = "api",
) -> bool:
    """Record that a person did something with an answer; say whether it was the first time.

    Raises:
        UnknownCompletion: no such completion, or an evaluation's.
        NotServedTo: it was given to somebody else.
    """
    check_served(connection, completion_id, person)
    table = implied_events.c
    known = select(table.at).where(
        table.completion_id == completion_id, table.person == person, table.kind == kind
    )
    if connection.execute(known).first() is not None:
        return False
    row = {"completion_id": completion_id, "person": person, "kind": kind, "by": person}
    connection.execute(_ADD, {**row, "at": now, "interface": interface})
    return True


def record(
    database: Database,
    completion_id: str,
    person: str,
    kind: Kind,
    now: float,
    interface: str = "api",
) -> bool:
    """Record the same as one write; when it returns, it is on disk."""
    said = (completion_id, person, kind)
    return database.submit(
        lambda connection: put_signal(connection, *said, now, interface)
    ).result()


def signals(database: Database, *, since: float = 0.0, until: float = EVER) -> Iterator[Signal]:
    """Read what was told of a window, the oldest first."""
    table = implied_events.c
    query = select(implied_events).where(within(table.at, since, until))
    key = (table.at, table.completion_id, table.person, table.kind)
    for row in pages(database, query, *key):
        yield Signal(row.completion_id, row.person, row.kind, row.at, row.interface, row.consent)


def iter_implied(
    database: Database, *, since: float = 0.0, until: float = EVER
) -> Iterator[tuple[Completion, Completion]]:
    """Read whole answers that were regenerated in a window, each with the answer given instead.

    The window is about when the later answer was asked for. An answer that was cut or failed was
    regenerated for that reason, and is left out; so is a later one that never became whole.
    """
    before, later = completions.alias("before"), completions.alias("later")
    query = (
        select(before, later)
        .join(later, later.c.parent == before.c.id)
        .where(
            within(later.c.created, since, until),
            before.c.person == later.c.person,
            before.c.status == "complete",
            has_texts(before.c.messages),
            has_texts(later.c.messages),
            later.c.status == "complete",
            before.c.purpose.in_(PEOPLE_PURPOSES),
            later.c.purpose.in_(PEOPLE_PURPOSES),
        )
    )
    for row in pages(database, query, later.c.created, later.c.id):
        yield completion_of(row), completion_of(row, len(completions.columns))
