"""Three or four answers to one prompt, ranked by the person who asked: more than a pair says.

Invariant: as with pairs, the first order is the evidence, because later ones are given by somebody
who has seen who was who; those are kept as events.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Row, insert, select

from feedback.choices import Choices, seconds_since_shown
from feedback.database import Database
from feedback.recording import SERVED, check_served
from feedback.rows import changed_within, completion_of, pages
from feedback.tables import completions, ranking_events, rankings
from feedback.types import Completion, InvalidFeedback, Order, Ranking, UnknownRanking

FEWEST, MOST = 3, 4
EVER = float("inf")

LINEUPS = Choices("ranking", "order", rankings, ranking_events, UnknownRanking)


class Rankings:
    """Rankings as they are asked for, and how people order them."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self.database = database
        self.clock = clock

    def open(self, ranking: Ranking) -> None:
        """Record a ranking before it is shown, so that it can be ordered from then on.

        Raises:
            UnknownCompletion: one of its answers does not exist, or is an evaluation's.
            NotServedTo: one of its answers was given to somebody else.
            InvalidFeedback: its id is taken, its answers are not three or four different ones, or
                it is ordered already.
        """
        self.database.submit(
            lambda connection: add_ranking(connection, ranking, self.clock())
        ).result()

    def record(
        self,
        ranking_id: str,
        person: str,
        order: Order | None,
        *,
        interface: str = "api",
        seconds: float | None = None,
    ) -> Ranking:
        """Order the answers. The first order is the evidence; later ones are kept as unblinded.

        Raises:
            UnknownRanking: there is no such ranking.
            NotServedTo: somebody else asked for it.
            InvalidFeedback: the order does not hold each of its answers once.
        """
        return self.database.submit(
            lambda connection: put_order(
                connection, ranking_id, person, order, self.clock(), interface, seconds
            )
        ).result()

    def get(self, ranking_id: str) -> Ranking | None:
        """Return the ranking with this id, ordered or not."""
        with self.database.read() as connection:
            return find_ranking(connection, ranking_id)

    def iter(
        self, *, since: float = 0.0, until: float = EVER
    ) -> Iterator[tuple[Ranking, tuple[Completion, ...]]]:
        """Read the rankings ordered in a window, with their answers as they were shown."""
        table = rankings.c
        query = select(rankings).where(
            changed_within(table.updated, since, until), table.order.is_not(None)
        )
        for row in pages(self.database, query, table.created, table.id):
            ranking = ranking_of(row)
            with self.database.read() as connection:
                answers = connection.execute(
                    select(completions).where(completions.c.id.in_(ranking.answers))
                ).all()
            found = {answer.id: completion_of(answer) for answer in answers}
            # Their person was forgotten between the two reads.
            if len(found) == len(ranking.answers):
                yield ranking, tuple(found[id_] for id_ in ranking.answers)


def add_ranking(connection: Connection, ranking: Ranking, now: float) -> None:
    """Add a ranking that has no order yet; where it carries no time, it is `now`.

    Raises:
        UnknownCompletion: one of its answers does not exist, or is an evaluation's.
        NotServedTo: one of its answers was given to somebody else.
        InvalidFeedback: its id is taken, its answers are not three or four different ones, or it is
            ordered already.
    """
    if not FEWEST <= len(set(ranking.answers)) == len(ranking.answers) <= MOST:
        raise InvalidFeedback(
            f"ranking {ranking.id!r} has the answers {', '.join(ranking.answers)}: it needs"
            f" {FEWEST} or {MOST} different ones"
        )
    if ranking.order is not None:
        raise InvalidFeedback(f"ranking {ranking.id!r} is ordered: open it, then order it")
    for answer in ranking.answers:
        check_served(connection, answer, ranking.person)
    if find_ranking(connection, ranking.id) is not None:
        raise InvalidFeedback(f"ranking {ranking.id!r} exists: each needs an id of its own")
    first = connection.execute(SERVED, {"completion_id": ranking.answers[0]}).one()
    created = ranking.created or now
    values = {
        "id": ranking.id,
        "person": ranking.person,
        "conversation": first.conversation,
        "answers": list(ranking.answers),
        "order": None,
        "unblinded": False,
        "created": created,
        "updated": ranking.updated or created,
    }
    connection.execute(insert(rankings), values)


def put_order(
    connection: Connection,
    ranking_id: str,
    person: str,
    order: Order | None,
    now: float,
    interface: str = "api",
    seconds: float | None = None,
) -> Ranking:
    """Order a ranking, or note that the person did so again after seeing who was who.

    The first order is the evidence and keeps its time stamp; None orders nothing. `seconds` is
    what it took them; None: the time since all answers were finished.

    Raises:
        UnknownRanking: there is no such ranking.
        NotServedTo: somebody else asked for it.
        InvalidFeedback: the order does not hold each of its answers once.
    """
    row = LINEUPS.shown_to(connection, ranking_id, person)
    ranking = ranking_of(row)
    if order is None:
        return ranking
    ordered = [answer for equals in order for answer in equals]
    if sorted(ordered) != sorted(ranking.answers) or not all(order):
        raise InvalidFeedback(
            f"order {[list(equals) for equals in order]} must hold each of"
            f" {', '.join(ranking.answers)} once, best first, equally good ones in one list"
        )
    said = [list(equals) for equals in order]
    if seconds is None:
        seconds = seconds_since_shown(connection, ranking.answers, now)
    chosen = LINEUPS.choose(connection, row, said, now, interface=interface, seconds=seconds)
    return ranking_of(chosen)


def find_ranking(connection: Connection, ranking_id: str) -> Ranking | None:
    """Return the ranking with this id, ordered or not."""
    row = LINEUPS.find(connection, ranking_id)
    return ranking_of(row) if row else None


def best_and_worst(
    ranking: Ranking, answers: Sequence[Completion]
) -> tuple[Completion, Completion] | None:
    """Return the pair that a ranking stands for: those between are only better than one of them.

    None where nothing was ordered, or all are equally good.
    """
    if ranking.order is None or len(ranking.order) < 2:
        return None
    by_id = {answer.id: answer for answer in answers}
    return by_id[ranking.order[0][0]], by_id[ranking.order[-1][-1]]


def ranking_of(row: Row[Any]) -> Ranking:
    """Build the ranking at the start of the row."""
    id_, person, _, answers, order, *rest = row[: len(rankings.columns)]
    best_first = None if order is None else tuple(tuple(equals) for equals in order)
    return Ranking(id_, person, tuple(answers), best_first, *rest)
