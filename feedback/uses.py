"""What became of what people said: a cycle writes down what it did with each, people read it.

What was trained on is kept for every cycle that made an adapter, all else for the last cycle only:
why something was left out half a year ago tells nobody anything.

Invariant: everybody reads their own only; and what was said after the last cycle had read is
waiting, whatever was done with what it replaced.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from sqlalchemy import Connection, delete, func, insert, select, update

from feedback.database import Database
from feedback.said import Kind, Said, newest_said, questions
from feedback.tables import completions, cycle_reads, feedback_uses
from feedback.types import Order

Role = Literal["train", "judge", "check", "left_out"]
Became = Literal["waiting", "trained", "judge", "check", "left_out"]
BATCH = 2_000
"""Rows a transaction: people's votes wait their turn behind it."""
OLDER = "older"
"""Why something has no fate although a cycle has read that far: there was too much newer."""


class Fate(NamedTuple):
    """What a cycle did with what was said of a completion."""

    kind: str
    completion_id: str
    role: Role
    reason: str = ""
    """Why it is left out, in one plain word."""


@dataclass(frozen=True, slots=True)
class Use:
    """Something that a person said, and what became of it."""

    kind: Kind
    id: str
    """Of the completion, or of the comparison or ranking."""
    said: bool | str | Order
    """`liked`, the outcome, the order or the corrected text."""
    at: float
    """When it was said or changed last, in Unix seconds."""
    conversation: str | None
    """None: it was deleted, so that the question is not shown either."""
    question: str
    became: Became
    reason: str = ""
    """Why it is left out, in one plain word."""
    adapters: tuple[str, ...] = ()
    """Those that were trained on it, in their order."""


class _Done(NamedTuple):
    """A fate, and how far its cycle has read and come."""

    cycle: int
    role: Role
    reason: str
    cutoff: float
    adapter: str | None


class Uses:
    """Writes what cycles did with feedback, and tells people."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def record(self, cycle: int, cutoff: float, fates: Iterable[Fate]) -> None:
        """Keep what a cycle does with what was said until `cutoff`; doing it again replaces it."""
        this = feedback_uses.c.cycle == cycle
        with self.database.write() as connection:
            connection.execute(delete(cycle_reads).where(cycle_reads.c.cycle == cycle))
            connection.execute(delete(feedback_uses).where(this))
        rows = [{"cycle": cycle, **fate._asdict()} for fate in fates]
        for start in range(0, len(rows), BATCH):
            with self.database.write() as connection:
                _insert(connection, rows[start : start + BATCH])
        made = select(cycle_reads.c.cycle).where(cycle_reads.c.adapter.is_not(None))
        still_told = (feedback_uses.c.role == "train") & feedback_uses.c.cycle.in_(made)
        with self.database.write() as connection:
            connection.execute(delete(feedback_uses).where(~this, ~still_told))
            row = {"cycle": cycle, "cutoff": cutoff, "adapter": None}
            connection.execute(insert(cycle_reads), row)

    def publish(self, cycle: int, adapter: str) -> None:
        """Note which adapter a cycle has made of what it read."""
        change = update(cycle_reads).where(cycle_reads.c.cycle == cycle)
        with self.database.write() as connection:
            connection.execute(change, {"adapter": adapter})

    def of(self, person: str, limit: int = 50, before: float | None = None) -> list[Use]:
        """Return what a person said and what became of it, the newest first.

        Args:
            person: Whose.
            limit: How many at most.
            before: Only what was said before this time: the `at` of the last one seen.
        """
        with self.database.read() as connection:
            found = newest_said(connection, person, limit, before)
            ids = {completion for said in found for completion in said.about}
            asked = questions(connection, ids)
            done = _done(connection, ids)
            last = connection.execute(select(func.max(cycle_reads.c.cutoff))).scalar()
        uses = []
        for said in found:
            fates = [each for id_ in said.about for each in done[said.kind, id_]]
            became, reason, adapters = _became(said, fates, last)
            question = asked.get(said.about[0])
            where = question.conversation if question else None
            text = question.text if question else ""
            uses.append(
                Use(said.kind, said.id, said.said, said.at, where, text, became, reason, adapters)
            )
        return uses


def _insert(connection: Connection, rows: Sequence[Mapping[str, object]]) -> None:
    # A person may have been forgotten since their feedback was read.
    known = select(completions.c.id).where(
        completions.c.id.in_([row["completion_id"] for row in rows])
    )
    ids = set(connection.scalars(known))
    kept = [row for row in rows if row["completion_id"] in ids]
    if kept:
        connection.execute(insert(feedback_uses), kept)


def _done(connection: Connection, ids: Iterable[str]) -> dict[tuple[str, str], list[_Done]]:
    use, read = feedback_uses.c, cycle_reads.c
    query = (
        select(
            use.kind, use.completion_id, use.cycle, use.role, use.reason, read.cutoff, read.adapter
        )
        .join(cycle_reads, read.cycle == use.cycle)
        .where(use.completion_id.in_(set(ids)))
        .order_by(use.cycle)
    )
    found: dict[tuple[str, str], list[_Done]] = defaultdict(list)
    for kind, completion_id, *done in connection.execute(query):
        found[kind, completion_id].append(_Done(*done))
    return found


def _became(
    said: Said, fates: Sequence[_Done], last: float | None
) -> tuple[Became, str, tuple[str, ...]]:
    """Say what became of something: the best that any cycle since did, then the last one's word."""
    if last is None or said.at > last:
        return "waiting", "", ()
    since = [fate for fate in fates if fate.cutoff >= said.at]
    adapters = [fate.adapter for fate in since if fate.role == "train" and fate.adapter]
    if adapters:
        return "trained", "", tuple(dict.fromkeys(adapters))
    if not since:
        return "left_out", OLDER, ()
    newest = max(fate.cycle for fate in since)
    words = {fate.role: fate.reason for fate in since if fate.cycle == newest}
    if "train" in words:
        # In training at this moment, or that failed: the next cycle reads it again.
        return "waiting", "", ()
    for role in ("judge", "check"):
        if role in words:
            return role, "", ()
    return "left_out", words["left_out"], ()
