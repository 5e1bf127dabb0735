"""An operator's word on answers: what was said of one is accepted, corrected, or left out.

A review is about an answer, and so about all that its person said of it. Each change is kept as an
event with the operator's name; taking one back is a change too. `Rulings` is what a round of
training needs of them.

Invariant: a round reads the rulings as they were at its cutoff, from the events, so that it can be
repeated; what was accepted is what had been said by then, never what its person says later.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import get_args

from sqlalchemy import Connection, func, insert, select, update

from feedback.database import Database
from feedback.recording import SERVED, check_storable
from feedback.rows import completion_of
from feedback.tables import completions, review_events, reviews
from feedback.types import (
    PEOPLE_PURPOSES,
    Completion,
    Correction,
    InvalidFeedback,
    Review,
    Ruling,
    UnknownCompletion,
)

RULINGS: tuple[Ruling, ...] = get_args(Ruling)


@dataclass(frozen=True, slots=True)
class Rulings:
    """What operators say of answers at one moment, by the ids of completions."""

    accepted: Mapping[str, float]
    """With the time: what was said later is not accepted."""
    excluded: frozenset[str]
    fixes: tuple[tuple[Correction, Completion], ...]
    """As corrections by the person who was served, whose part and share they are in."""


class Reviews:
    """Reviews as they are given, read back, and summed up for training."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self.database = database
        self.clock = clock

    def record(
        self,
        completion_id: str,
        operator: str,
        ruling: Ruling | None,
        text: str = "",
        comment: str = "",
    ) -> Review:
        """Review an answer, change that, or take it back with None; return what counts now.

        Raises:
            UnknownCompletion: no such completion, or an evaluation's.
            InvalidFeedback: a fix without its text, a text without a fix, or a text that cannot be
                stored.
        """
        _check(ruling, text, comment)

        def put(connection: Connection) -> Review:
            _check_answer(connection, completion_id)
            known = _current(connection, completion_id)
            if known and (known.ruling, known.text, known.comment) == (ruling, text, comment):
                return known
            review = Review(completion_id, ruling, text, comment, operator, self.clock())
            values = asdict(review)
            if known:
                this = reviews.c.completion_id == completion_id
                connection.execute(update(reviews).where(this), values)
            else:
                connection.execute(insert(reviews), values)
            connection.execute(insert(review_events), values)
            return review

        return self.database.submit(put).result()

    def of(self, completion_id: str) -> Review | None:
        """Return what counts now; None where no operator has said anything."""
        with self.database.read() as connection:
            return _current(connection, completion_id)

    def history(self, completion_id: str) -> list[Review]:
        """Return every review of an answer, oldest first.

        Raises:
            UnknownCompletion: no such completion, or an evaluation's.
        """
        table = review_events.c
        query = select(*_FIELDS).where(table.completion_id == completion_id).order_by(table.id)
        with self.database.read() as connection:
            _check_answer(connection, completion_id)
            return [Review(*row) for row in connection.execute(query)]

    def rulings(self, until: float = float("inf")) -> Rulings:
        """Return what operators had said of answers up to a time."""
        table = review_events.c
        last = select(func.max(table.id)).where(table.at <= until).group_by(table.completion_id)
        now = select(*_FIELDS).where(table.id.in_(last)).order_by(table.id)
        fixed = select(table.completion_id).where(table.id.in_(last), table.ruling == "fix")
        with self.database.read() as connection:
            found = [Review(*row) for row in connection.execute(now)]
            answers = connection.execute(select(completions).where(completions.c.id.in_(fixed)))
            of = {row.id: completion_of(row) for row in answers}
        return Rulings(
            accepted={each.completion_id: each.at for each in found if each.ruling == "accept"},
            excluded=frozenset(each.completion_id for each in found if each.ruling == "exclude"),
            fixes=tuple(
                (_fix(each, of[each.completion_id]), of[each.completion_id])
                for each in found
                if each.ruling == "fix"
            ),
        )


_FIELDS = tuple(review_events.c[name] for name in Review.__dataclass_fields__)


def _check(ruling: Ruling | None, text: str, comment: str) -> None:
    check_storable("review", text, comment)
    if ruling is not None and ruling not in RULINGS:
        raise InvalidFeedback(f"ruling {ruling!r} is none of {', '.join(RULINGS)} or null")
    if ruling == "fix" and not text.strip():
        raise InvalidFeedback("text is empty: write the answer as it should have been")
    if ruling != "fix" and text:
        raise InvalidFeedback("text is for the ruling 'fix' only: leave it empty")


def _check_answer(connection: Connection, completion_id: str) -> None:
    row = connection.execute(SERVED, {"completion_id": completion_id}).first()
    if row is None or row.purpose not in PEOPLE_PURPOSES:
        raise UnknownCompletion(
            f"no completion {completion_id!r} that people were served: `GET /v1/feedback/votes`"
            " lists those that were voted on"
        )


def _current(connection: Connection, completion_id: str) -> Review | None:
    row = connection.execute(select(reviews).where(reviews.c.completion_id == completion_id))
    found = row.mappings().first()
    return Review(**found) if found else None


def _fix(review: Review, of: Completion) -> Correction:
    return Correction(of.id, of.person, review.text, review.at, review.at)
