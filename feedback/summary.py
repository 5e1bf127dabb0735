"""Who is liked how often, and by whom: what the operator's page shows of the votes.

Invariant: a rate is never shown without its count, and simulated people are told from real ones.
"""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Integer, func, select, true

from feedback.database import Database
from feedback.rows import within
from feedback.tables import completions, votes

SIMULATED = "simulated-"
"""How the names of the demo's voters begin."""


@dataclass(frozen=True, slots=True)
class ResponderSummary:
    """The votes on one responder's answers, in a window."""

    responder: str
    liked: int
    total: int
    people: int
    simulated: int
    """How many of the `total` votes came from simulated people."""
    named: int
    """How many were on answers where the caller had named the responder: no live evidence."""
    served: int
    """Completions that people were given in the window, voted on or not."""

    @property
    def rate(self) -> float | None:
        """The share that was liked; None without votes."""
        return self.liked / self.total if self.total else None


def is_simulated(person: str) -> bool:
    """Tell whether this is one of the demo's voters."""
    return person.startswith(SIMULATED)


def summarise(
    database: Database,
    since: float = 0.0,
    until: float = float("inf"),
    among: ColumnElement[bool] | None = None,
) -> list[ResponderSummary]:
    """Return what was served and said in a window, one entry a responder, the most served first.

    `among` is a condition on the votes that count, e.g. whose; None: all.
    """
    responder = completions.c.responder
    simulated = votes.c.person.startswith(SIMULATED, autoescape=True)
    said = (
        select(
            responder,
            func.sum(votes.c.liked.cast(Integer)),
            func.count(),
            func.count(votes.c.person.distinct()),
            func.sum(simulated.cast(Integer)),
            func.sum(completions.c.named.cast(Integer)),
        )
        .join(votes, votes.c.completion_id == completions.c.id)
        .where(within(votes.c.updated, since, until), votes.c.liked.is_not(None))
        .where(true() if among is None else among)
        .group_by(responder)
    )
    given = (
        select(responder, func.count())
        .where(within(completions.c.created, since, until), completions.c.purpose != "evaluation")
        .group_by(responder)
    )
    with database.read() as connection:
        voted = {row[0]: row[1:] for row in connection.execute(said)}
        served = {row[0]: row[1] for row in connection.execute(given)}
    rows = []
    for name in voted.keys() | served.keys():
        liked, total, people, simulated_votes, named = voted.get(name, (0, 0, 0, 0, 0))
        rows.append(
            ResponderSummary(
                name, liked, total, people, simulated_votes, named, served.get(name, 0)
            )
        )
    return sorted(rows, key=lambda row: (-row.served, row.responder))
