"""Answers that were given side by side: whose makers may be told, and with which one to go on.

Invariant: a side is blind until its pair or ranking is decided, for ever if that never came to be.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, select

from feedback.rankings import ranking_of
from feedback.rows import comparison_of
from feedback.tables import comparisons, completions, rankings
from feedback.types import Comparison, Ranking


@dataclass(frozen=True, slots=True)
class Sides:
    """The sides in a conversation that are not like other answers. Ids of completions."""

    blind: frozenset[str] = frozenset()
    """Their maker, sources and timing may not be told yet."""
    lost: frozenset[str] = frozenset()
    """The conversation does not go on with them."""


def read_sides(connection: Connection, conversation: str, person: str) -> Sides:
    """Read which sides a conversation holds and what was chosen."""
    table = completions.c
    paired = (
        select(table.id)
        .where(table.person == person, table.conversation == conversation)
        .where(table.purpose == "pair")
    )
    ids = set(connection.scalars(paired))
    if not ids:
        return Sides()
    pairs = select(comparisons).where(comparisons.c.left_id.in_(paired))
    ranked = select(rankings).where(
        rankings.c.person == person, rankings.c.conversation == conversation
    )
    return decide(
        ids,
        [comparison_of(row) for row in connection.execute(pairs)],
        [ranking_of(row) for row in connection.execute(ranked)],
    )


def decide(
    sides: Collection[str], pairs: Iterable[Comparison], ranked: Iterable[Ranking] = ()
) -> Sides:
    """Say what became of `sides`; without a better one, a conversation goes on with the first."""
    seen: set[str] = set()
    goes_on: set[str] = set()
    again: set[frozenset[str]] = set()
    for pair in sorted(pairs, key=lambda pair: (pair.created, pair.id)):
        # A pair that is shown once more changes nothing about the conversation that it was in.
        both = frozenset((pair.left_id, pair.right_id))
        if both in again:
            continue
        again.add(both)
        if pair.outcome is not None:
            seen |= {pair.left_id, pair.right_id}
        goes_on.add(pair.right_id if pair.outcome == "right" else pair.left_id)
    for ranking in ranked:
        if ranking.order is not None:
            seen.update(ranking.answers)
        goes_on.add(ranking.order[0][0] if ranking.order else ranking.answers[0])
    return Sides(frozenset(sides) - seen, frozenset(sides) - goes_on)
