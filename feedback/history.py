"""Every state that something a person said was in: what stands behind the current view.

Invariant: it is only read here; events are written beside the record that they change, in the same
transaction (`feedback/recording.py`, `feedback/choices.py`).
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Table, select

from feedback.database import Database
from feedback.said import Kind
from feedback.tables import comparison_events, correction_events, ranking_events, vote_events
from feedback.types import Event

# Where the events of a kind are, what they are about, and what they say.
_EVENTS: Mapping[Kind, tuple[Table, str, str]] = {
    "vote": (vote_events, "completion_id", "liked"),
    "comparison": (comparison_events, "comparison_id", "outcome"),
    "ranking": (ranking_events, "ranking_id", "order"),
    "correction": (correction_events, "completion_id", "text"),
}


def history(database: Database, kind: Kind, id_: str, person: str) -> list[Event]:
    """Return what a person said of one thing, oldest first.

    Args:
        database: Where it is.
        kind: What was said.
        id_: Of the completion, or of the comparison or ranking.
        person: Who said it.
    """
    events, about, said = _EVENTS[kind]
    table = events.c
    query = (
        select(table.at, table[said], table.interface, table.consent)
        .where(table[about] == id_, table.person == person)
        .order_by(table.id)
    )
    with database.read() as connection:
        return [
            Event(at, _plain(value), interface, consent)
            for at, value, interface, consent in connection.execute(query)
        ]


def _plain(value: Any) -> Any:
    """Return an order as it is everywhere else: JSON knows lists only."""
    return tuple(tuple(equals) for equals in value) if isinstance(value, list) else value
