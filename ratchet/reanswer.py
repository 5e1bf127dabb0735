"""Says again in a restored database what people answered about training after the backup.

A no that was given since would be undone by an older backup, and their words would train. So the
answers of the database that is replaced are given again, in their order. Invariant: an answer that
the archive knows, or that a later one in it has overtaken, changes nothing.
"""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Row, select

from feedback.consent import CONSENT_OF, put_consent
from feedback.database import Database
from feedback.erasures import Erasure
from feedback.tables import consent_events
from ratchet.replaced import read_replaced
from ratchet.settings import Settings

Answer = Row[Any]
"""A row of `consent_events`."""


def known_answers(settings: Settings) -> list[Answer]:
    """Return every answer that the database to be replaced knows of, oldest first."""
    return read_replaced(settings, consent_events.name, _answers)


def answer_again(
    database: Database, known: Iterable[Answer], forgotten: Iterable[Erasure] = ()
) -> int:
    """Give the answers again that are newer than the archive's; return of how many people.

    Nobody's name comes back by it who was `forgotten` after they had answered.
    """
    erasures = list(forgotten)
    people = set()
    with database.write() as connection:
        for event in known:
            if any(each.asked >= event.at and each.means(event.person) for each in erasures):
                continue
            row = connection.execute(CONSENT_OF, {"of": event.person}).first()
            if row is None or row.updated < event.at:
                said = (event.person, event.agreed, event.version, event.interface, event.at)
                put_consent(connection, *said)
                people.add(event.person)
    return len(people)


def _answers(connection: Connection) -> list[Answer]:
    query = select(consent_events).order_by(consent_events.c.at, consent_events.c.id)
    return list(connection.execute(query))
