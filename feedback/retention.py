"""Removing the texts of answers that nobody judged, once their conversation is old enough.

The row stays: when it was, who answered, how long it took. What goes is what was asked, searched
for, found and answered. An answer that somebody judged keeps its texts, as evidence; so does a
conversation that still goes on. Evaluations, which nobody can judge, go by the same age.

Invariant: what a cycle reads, counts or compares is the same before and after; a removed answer is
never again shown, searched or trained on; and writers wait for one small batch at most.
"""

import time
from collections.abc import Callable, Sequence

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    String,
    and_,
    cast,
    delete,
    literal,
    select,
    tuple_,
    update,
)

from feedback.database import Database
from feedback.rows import has_texts
from feedback.tables import (
    comparisons,
    completions,
    conversations,
    corrections,
    rankings,
    reviews,
    votes,
)

REMOVED = "[removed]"
"""Stands where a text was: an empty one would count as an answer that failed to say anything."""
BATCH = 100
PAUSE = 0.02
"""Seconds after each batch: on SQLite, other processes only look for their turn now and then."""

Key = tuple[float, str]


def remove_texts(
    database: Database,
    before: float,
    *,
    stopped: Callable[[], bool] = lambda: False,
    pause: float = PAUSE,
) -> int:
    """Remove the texts of what was answered before a time and never judged; return how many.

    Args:
        database: Where they are.
        before: Unix seconds; conversations that went on since then keep all their texts.
        stopped: Asked between two batches.
        pause: Seconds between two batches.
    """
    removed = 0
    last: Key | None = None
    while not stopped():
        old = _next(database, before, last)
        if not old:
            break
        with database.write() as connection:
            removed += _remove(connection, [id_ for _, id_ in old], before)
        last = old[-1]
        time.sleep(pause)
    if removed:
        database.scrub()
    return removed


def _next(database: Database, before: float, last: Key | None) -> list[Key]:
    """Find the next batch: a read of its own, so that the write is short."""
    table = completions.c
    query = select(table.created, table.id).where(_may_go(before))
    if last is not None:
        query = query.where(tuple_(table.created, table.id) > tuple_(*last))
    with database.read() as connection:
        rows = connection.execute(query.order_by(table.created, table.id).limit(BATCH))
        return [(row.created, row.id) for row in rows]


def _remove(connection: Connection, ids: Sequence[str], before: float) -> int:
    table = completions.c
    # Asked again: somebody may have judged one of them since they were found.
    going = and_(table.id.in_(ids), _may_go(before))
    found = connection.execute(select(table.id, table.person, table.conversation).where(going))
    rows = found.all()
    # `updated` stays: what is counted of a period goes by it.
    connection.execute(
        update(completions).where(table.id.in_([row.id for row in rows])),
        {"messages": [], "passages": [], "steps": [], "sampling": {}},
    )
    connection.execute(
        update(completions)
        .where(table.id.in_([row.id for row in rows]), table.text != "")
        .values(text=REMOVED)
    )
    for person, conversation in {(row.person, row.conversation) for row in rows}:
        _unlist(connection, person, conversation)
    return len(rows)


def _unlist(connection: Connection, person: str, conversation: str) -> None:
    """Take a conversation of which nothing is left off its person's list, with its title.

    Its person has not deleted it: if it goes on one day, it is listed anew.
    """
    left = select(completions.c.id).where(
        completions.c.person == person,
        completions.c.conversation == conversation,
        has_texts(completions.c.messages),
    )
    mine = conversations.c
    connection.execute(
        delete(conversations)
        .where(mine.person == person, mine.id == conversation, mine.deleted.is_(None))
        .where(~left.exists())
    )


def _may_go(before: float) -> ColumnElement[bool]:
    table, later = completions.c, completions.alias("later").c
    goes_on = select(later.id).where(
        later.person == table.person,
        later.conversation == table.conversation,
        later.created > before,
    )
    return and_(
        table.created <= before,
        table.status != "streaming",
        has_texts(table.messages),
        ~goes_on.exists(),
        *(~judged.exists() for judged in _judged()),
    )


def _judged() -> Sequence[Select[tuple[str]]]:
    """Return what each kind of feedback says of a completion; what was taken back says nothing."""
    id_ = completions.c.id
    pair, ranked = comparisons.c, rankings.c
    return (
        select(votes.c.person).where(votes.c.completion_id == id_, votes.c.liked.is_not(None)),
        select(corrections.c.person).where(corrections.c.completion_id == id_),
        select(reviews.c.at).where(reviews.c.completion_id == id_, reviews.c.ruling.is_not(None)),
        select(pair.id).where(pair.left_id == id_, pair.outcome.is_not(None)),
        select(pair.id).where(pair.right_id == id_, pair.outcome.is_not(None)),
        select(ranked.id).where(
            ranked.person == completions.c.person,
            ranked.conversation == completions.c.conversation,
            ranked.order.is_not(None),
            # Ids are quoted in the list's text, so that one is not found inside another.
            cast(ranked.answers, String).contains(literal('"') + id_ + '"'),
        ),
    )
