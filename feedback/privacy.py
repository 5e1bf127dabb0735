"""Forgetting a person: everything they wrote, were answered and said, with all of its history.

Invariant: when `forget` has returned, no query finds the person, and SQLite's pages no longer hold
their words. What was trained from them goes with the next round, which starts from what is left.
"""

from dataclasses import dataclass

from sqlalchemy import delete, or_, select

from feedback.database import Database
from feedback.tables import (
    comparison_events,
    comparisons,
    completions,
    conversations,
    correction_events,
    corrections,
    feedback_uses,
    ranking_events,
    rankings,
    vote_events,
    votes,
)


@dataclass(frozen=True, slots=True)
class ForgetReport:
    """How much was deleted. All zero: the person was not known."""

    person: str
    completions: int
    votes: int
    comparisons: int
    rankings: int
    corrections: int
    events: int
    scrubbed: bool
    """False: a long reader held on to the log, which then keeps the words until a later write."""


def forget(database: Database, person: str) -> ForgetReport:
    """Delete what the person asked, was answered and said. Doing it again finds nothing."""
    served = select(completions.c.id).where(completions.c.person == person)
    pairs = select(comparisons.c.id).where(
        or_(
            comparisons.c.person == person,
            comparisons.c.left_id.in_(served),
            comparisons.c.right_id.in_(served),
        )
    )
    with database.write() as connection:
        # What refers to something goes before it.
        events = connection.execute(
            delete(comparison_events).where(comparison_events.c.comparison_id.in_(pairs))
        ).rowcount
        compared = connection.execute(
            delete(comparisons).where(comparisons.c.id.in_(pairs))
        ).rowcount
        ranked = select(rankings.c.id).where(rankings.c.person == person)
        events += connection.execute(
            delete(ranking_events).where(ranking_events.c.ranking_id.in_(ranked))
        ).rowcount
        ordered = connection.execute(delete(rankings).where(rankings.c.person == person)).rowcount
        gone = []
        for history, table in ((vote_events, votes), (correction_events, corrections)):
            for each in (history, table):
                theirs = or_(each.c.person == person, each.c.completion_id.in_(served))
                gone.append(connection.execute(delete(each).where(theirs)).rowcount)
        connection.execute(delete(feedback_uses).where(feedback_uses.c.completion_id.in_(served)))
        connection.execute(delete(conversations).where(conversations.c.person == person))
        answered = connection.execute(
            delete(completions).where(completions.c.person == person)
        ).rowcount
    return ForgetReport(
        person=person,
        completions=answered,
        votes=gone[1],
        comparisons=compared,
        rankings=ordered,
        corrections=gone[3],
        events=events + gone[0] + gone[2],
        scrubbed=database.scrub(),
    )
