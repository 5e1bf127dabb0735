"""The choice between answers that were shown blind, be it two sides or several in an order.

Invariant: the first choice is the evidence and keeps its time stamp; whoever chooses again has seen
who was who, so that is kept as an event only. Choosing the same again, or nothing, writes nothing.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, Table, bindparam, func, insert, select, update

from feedback.tables import completions, consents
from feedback.types import FeedbackError, NotServedTo

CONSENT = (
    select(consents.c.version)
    .where(consents.c.person == bindparam("by"), consents.c.agreed.is_(True))
    .scalar_subquery()
)
"""What an event's person, `by`, had agreed to by then: read where the event is written."""
IMPORT = "import"
"""The interface of what was said elsewhere."""
FINISHED = select(func.max(completions.c.updated), func.count()).where(
    completions.c.id.in_(bindparam("shown", expanding=True)), completions.c.status != "streaming"
)
UNBLINDED = {"unblinded": True}


class Choices:
    """Reads and writes the choices of one kind."""

    def __init__(
        self, what: str, chosen: str, records: Table, events: Table, unknown: type[FeedbackError]
    ) -> None:
        """`chosen` is the column of the choice; `unknown` is raised where there is no record."""
        self._what, self._chosen, self._unknown = what, chosen, unknown
        self._key = f"{what}_id"
        # Built once: composing a statement costs more than running it.
        self._record = select(records).where(records.c.id == bindparam("id"))
        self._change = update(records).where(records.c.id == bindparam("of"))
        self._said = (
            select(events.c[chosen])
            .where(events.c[self._key] == bindparam("id"))
            .order_by(events.c.id.desc())
            .limit(1)
        )
        self._add_event = insert(events).values(consent=CONSENT)

    def find(self, connection: Connection, id_: str) -> Row[Any] | None:
        """Return what was shown, chosen from or not."""
        return connection.execute(self._record, {"id": id_}).first()

    def shown_to(self, connection: Connection, id_: str, person: str) -> Row[Any]:
        """Return what was shown to this person.

        Raises:
            FeedbackError: there is no such record, or somebody else asked for it.
        """
        row = self.find(connection, id_)
        if row is None:
            raise self._unknown(f"no {self._what} {id_!r}: use the id that the answers came with")
        if row.person != person:
            raise NotServedTo(
                f"{self._what} {id_!r} was asked for by somebody else: only they may choose"
            )
        return row

    def choose(
        self,
        connection: Connection,
        row: Row[Any],
        said: Any,
        now: float,
        *,
        interface: str,
        seconds: float | None,
    ) -> Row[Any]:
        """Record what the person says, and return what counts now; None says nothing."""
        last = connection.execute(self._said, {"id": row.id}).scalar()
        if said is None or said == last:
            return row
        first = row._mapping[self._chosen] is None
        blind = {self._chosen: said, "updated": now, "seconds": seconds}
        connection.execute(self._change, {"of": row.id, **(blind if first else UNBLINDED)})
        event = {self._key: row.id, "person": row.person, self._chosen: said, "at": now}
        event |= given(row.person, interface)
        connection.execute(self._add_event, event)
        return connection.execute(self._record, {"id": row.id}).one()


def given(person: str, interface: str) -> dict[str, str | None]:
    """Return what an event carries beside what was said.

    What somebody had agreed to where an imported word was said is not known here: no consent.
    """
    return {"interface": interface, "by": None if interface == IMPORT else person}


def seconds_since_shown(connection: Connection, shown: Sequence[str], now: float) -> float | None:
    """Return how long all answers have been there in full; None while one is still written."""
    finished, count = connection.execute(FINISHED, {"shown": list(shown)}).one()
    return max(0.0, now - finished) if count == len(shown) else None
