"""A pair shown once more to the person who chose from it, sides swapped.

Whoever sees a difference chooses the same again; how often people do not says how far a choice can
be trusted (training/flips.py). So that they judge anew instead of remembering, some time and some
other pairs lie between.

Invariant: a pair is shown at most once more, to its own person only, and only where both texts are
still there.
"""

from collections import Counter
from collections.abc import Sequence

from sqlalchemy import Connection, select

from feedback import recording
from feedback.conversations import not_deleted
from feedback.database import Database
from feedback.rows import comparison_of, completion_of, has_texts
from feedback.tables import comparisons, completions
from feedback.types import Comparison, Completion, UnknownComparison

REST = 600.0
"""Seconds since the first choice."""
BETWEEN = 5
"""Other pairs that the person has chosen from since."""


def show_again(
    database: Database, person: str, comparison_id: str, now: float
) -> tuple[Comparison, Completion, Completion]:
    """Record a pair that is to be shown again, and return it with its left and right answers.

    Raises:
        UnknownComparison: this person has none that could be.
    """
    return database.submit(lambda c: _show_again(c, person, comparison_id, now)).result()


def _show_again(
    connection: Connection, person: str, comparison_id: str, now: float
) -> tuple[Comparison, Completion, Completion]:
    query = select(comparisons).where(comparisons.c.person == person)
    ordered = query.order_by(comparisons.c.updated, comparisons.c.id)
    known = [comparison_of(row) for row in connection.execute(ordered)]
    for first in _due(known, now):
        sides = _texts(connection, first)
        if sides is not None:
            left, right = sides[::-1]
            pair = Comparison(comparison_id, person, left.id, right.id, created=now)
            recording.add_comparison(connection, pair, now)
            return pair, left, right
    raise UnknownComparison(
        f"no pair can be shown again to {person!r} now: it needs one that was chosen from "
        f"{REST / 60:.0f} minutes and {BETWEEN} pairs ago, and not yet again"
    )


def _due(known: Sequence[Comparison], now: float) -> list[Comparison]:
    shown = Counter(frozenset((pair.left_id, pair.right_id)) for pair in known)
    chosen = [pair for pair in known if pair.outcome in ("left", "right")]
    return [
        pair
        for pair in chosen[: max(0, len(chosen) - BETWEEN)]
        if pair.updated <= now - REST and shown[frozenset((pair.left_id, pair.right_id))] == 1
    ]


def _texts(connection: Connection, pair: Comparison) -> tuple[Completion, Completion] | None:
    query = select(completions).where(
        completions.c.id.in_((pair.left_id, pair.right_id)),
        has_texts(completions.c.messages),
        not_deleted(completions.c.conversation, completions.c.person),
    )
    found = {row.id: completion_of(row) for row in connection.execute(query)}
    if len(found) < 2:
        return None
    return found[pair.left_id], found[pair.right_id]
