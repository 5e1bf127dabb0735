"""What people imply without saying it: who has an answer regenerated wanted to see another one.

It is read from `parent`, the completion that an answer regenerated, so there is no second record
that could be wrong or be forgotten to be erased. Somebody may also regenerate out of curiosity.

Invariant: nothing here is feedback. No cycle reads it, and no export holds it; whoever wants to
look at it, or to train on it by a decision of their own, reads it with `iter_implied`.
"""

from collections.abc import Iterator

from sqlalchemy import select

from feedback.database import Database
from feedback.rows import completion_of, has_texts, pages, within
from feedback.tables import completions
from feedback.types import PEOPLE_PURPOSES, Completion

EVER = float("inf")


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
