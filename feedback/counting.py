"""How much there is: what the status shows, and what starts a cycle.

Invariant: taken-back votes, undecided pairs and rankings, and evaluations count nowhere.
"""

from sqlalchemy import ColumnElement, Connection, func, select

from feedback.database import Database
from feedback.rows import changed_within
from feedback.tables import comparisons, completions, corrections, rankings, votes
from feedback.types import PEOPLE_PURPOSES, Counts


def counts(database: Database) -> Counts:
    """Count what there is now."""
    served = completions.c.purpose.in_(PEOPLE_PURPOSES)
    with database.read() as connection:
        return Counts(
            votes=_count(connection, votes.c.liked.is_not(None)),
            comparisons=_count(connection, comparisons.c.outcome.is_not(None)),
            corrections=_count(connection, corrections.c.text.is_not(None)),
            completions=_count(connection, served),
            rankings=_count(connection, rankings.c.order.is_not(None)),
        )


def feedback_since(database: Database, t: float) -> int:
    """Count all that people said or changed after `t`, in Unix seconds."""
    said = (
        (votes.c.liked.is_not(None), votes.c.updated > t),
        (comparisons.c.outcome.is_not(None), comparisons.c.updated > t),
        (rankings.c.order.is_not(None), rankings.c.updated > t),
        (corrections.c.updated > t,),
    )
    with database.read() as connection:
        return sum(_count(connection, *conditions) for conditions in said)


def votes_within(database: Database, since: float, until: float) -> int:
    """Count the votes of a window, as `FeedbackStore.iter_votes` reads it."""
    window = changed_within(votes.c.updated, since, until)
    with database.read() as connection:
        return _count(connection, votes.c.liked.is_not(None), window)


def _count(connection: Connection, *conditions: ColumnElement[bool]) -> int:
    return connection.execute(select(func.count()).where(*conditions)).scalar_one()
