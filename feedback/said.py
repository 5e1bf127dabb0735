"""Everything that one person said, of all kinds in one line of time.

Invariant: what was taken back or never decided was not said.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal, NamedTuple

from sqlalchemy import Connection, select

from feedback.conversations import not_deleted
from feedback.rankings import ranking_of
from feedback.rows import comparison_of, correction_of, has_texts, vote_of
from feedback.search import Asked
from feedback.tables import comparisons, completions, corrections, rankings, votes
from feedback.types import Order

Kind = Literal["vote", "comparison", "ranking", "correction"]


class Said(NamedTuple):
    """Something that a person said."""

    kind: Kind
    id: str
    """Of the completion, or of the comparison or ranking."""
    said: bool | str | Order
    """`liked`, the outcome, the order or the corrected text."""
    at: float
    about: tuple[str, ...]
    """Completions."""


class Question(NamedTuple):
    """What was asked, and in which conversation."""

    conversation: str
    text: str


def newest_said(
    connection: Connection, person: str, limit: int, before: float | None
) -> list[Said]:
    """Read what a person said last, the newest first; `before`: only what was said earlier."""
    found = sorted(_said(connection, person, limit, before), key=lambda said: -said.at)
    return found[:limit]


def _said(connection: Connection, person: str, limit: int, before: float | None) -> Iterator[Said]:
    tables = {
        votes: votes.c.liked.is_not(None),
        comparisons: comparisons.c.outcome.is_not(None),
        rankings: rankings.c.order.is_not(None),
        corrections: corrections.c.text.is_not(None),
    }
    for table, is_said in tables.items():
        query = select(table).where(table.c.person == person, is_said)
        if before is not None:
            query = query.where(table.c.updated < before)
        for row in connection.execute(query.order_by(table.c.updated.desc()).limit(limit)):
            if table is votes:
                vote = vote_of(row)
                yield Said("vote", vote.completion_id, vote.liked, vote.updated, (row[0],))
            elif table is comparisons:
                pair = comparison_of(row)
                sides = (pair.left_id, pair.right_id)
                yield Said("comparison", pair.id, str(pair.outcome), pair.updated, sides)
            elif table is rankings:
                ranking = ranking_of(row)
                order = ranking.order or ()
                yield Said("ranking", ranking.id, order, ranking.updated, ranking.answers)
            else:
                fixed = correction_of(row)
                yield Said("correction", fixed.completion_id, fixed.text, fixed.updated, (row[0],))


def questions(connection: Connection, ids: Iterable[str]) -> Mapping[str, Question]:
    """Read what completions answered, unless it was removed or its conversation deleted."""
    table = completions.c
    query = select(table.id, table.conversation, Asked(table.messages)).where(
        table.id.in_(set(ids)),
        not_deleted(table.conversation, table.person),
        has_texts(table.messages),
    )
    return {row[0]: Question(row[1], row[2] or "") for row in connection.execute(query)}
