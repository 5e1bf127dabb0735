"""What people agree to: whether what they write and say may train the model.

Everybody may answer yes, no or "not now", and change it; what counts is the last answer, and the
version of the text that it was given to. A no counts whatever the operator has set, and stays until
a yes: "not now" to a newer text does not lift it.

Invariant: every answer is kept as an event; the same answer again is none. Nothing here looks at
feedback: who selects rows for training, or exports them for it, asks `Consents.refusing`.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, bindparam, insert, select, update

from feedback.database import Database
from feedback.recording import check_storable
from feedback.tables import consent_events, consents
from feedback.types import InvalidFeedback

Mode = Literal["off", "ask", "required"]
VERSION = "1"
"""Of the chat page's text (`serving/ui/consent_text.py`): it rises when what it means changes."""
REFUSED = "their person said no to training"
UNASKED = "their person never agreed to training"
OUTDATED = "their person agreed to another text"
LONGEST_VERSION = 64

CONSENT_OF = select(consents).where(consents.c.person == bindparam("of"))
_CHANGE = update(consents).where(consents.c.person == bindparam("of"))


@dataclass(frozen=True, slots=True)
class Consent:
    """What one person's answer is now."""

    person: str
    agreed: bool | None
    """None: they put the question off."""
    version: str
    """Of the text that they answered."""
    at: float


class ConsentEvent(NamedTuple):
    """One answer, in the order that they were given in."""

    at: float
    agreed: bool | None
    version: str
    interface: str


@dataclass(frozen=True, slots=True)
class Rule:
    """What the operator demands before something trains."""

    mode: Mode = "ask"
    """`off`: nobody is asked; `ask`: whoever says no is left out; `required`: all without a yes."""
    version: str = VERSION
    """The text that is asked about; with `required`, a yes to another one is none."""

    def asks(self, consent: Consent | None) -> bool:
        """Say whether this person is to be asked: once for each version of the text."""
        return self.mode != "off" and (consent is None or consent.version != self.version)

    def refusal(self, consent: Consent | None) -> str | None:
        """Return why this person's words may not train; None: they may."""
        if consent is not None and consent.agreed is False:
            return REFUSED
        if self.mode != "required":
            return None
        if consent is None or not consent.agreed:
            return UNASKED
        return None if consent.version == self.version else OUTDATED

    def allowed(self, person: ColumnElement[str]) -> ColumnElement[bool]:
        """Return the same as a condition, for counting: this person's words may train."""
        agreed = consents.c.agreed
        if self.mode == "required":
            yes = select(consents.c.person).where(
                agreed.is_(True), consents.c.version == self.version
            )
            return person.in_(yes)
        return person.not_in(select(consents.c.person).where(agreed.is_(False)))


ASK = Rule()
"""What holds where nothing is set."""


class Consents:
    """Everybody's answers."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self.database = database
        self.clock = clock

    def put(
        self, person: str, agreed: bool | None, version: str, interface: str = "api"
    ) -> Consent:
        """Record an answer; None puts the question off. Return what counts now.

        Raises:
            InvalidFeedback: the version is empty, too long or cannot be stored.
        """
        return self.database.submit(
            lambda connection: put_consent(
                connection, person, agreed, version, interface, self.clock()
            )
        ).result()

    def of(self, person: str) -> Consent | None:
        """Return a person's answer; None: they gave none."""
        with self.database.read() as connection:
            row = connection.execute(CONSENT_OF, {"of": person}).first()
        return _consent_of(row) if row else None

    def history(self, person: str) -> list[ConsentEvent]:
        """Return every answer of a person, oldest first."""
        event = consent_events.c
        query = select(event.at, event.agreed, event.version, event.interface)
        query = query.where(event.person == person).order_by(event.id)
        with self.database.read() as connection:
            return [ConsentEvent(*row) for row in connection.execute(query)]

    def all(self) -> list[Consent]:
        """Return everybody's answer as it is now, by name."""
        with self.database.read() as connection:
            rows = connection.execute(select(consents).order_by(consents.c.person))
            return [_consent_of(row) for row in rows]

    def refusing(self, rule: Rule) -> Callable[[str], str | None]:
        """Return what says why a person's words may not train, as things stand at this moment."""
        given = {consent.person: consent for consent in self.all()}
        return lambda person: rule.refusal(given.get(person))


def put_consent(
    connection: Connection,
    person: str,
    agreed: bool | None,
    version: str,
    interface: str,
    now: float,
) -> Consent:
    """Record an answer inside a transaction; None leaves a no standing.

    Raises:
        InvalidFeedback: the version is empty, too long or cannot be stored.
    """
    check_storable("consent", person, version)
    if not 0 < len(version) <= LONGEST_VERSION:
        raise InvalidFeedback(
            f"version {version[:80]!r} must have 1 to {LONGEST_VERSION} characters: give the"
            " version of the text that the person answered"
        )
    row = connection.execute(CONSENT_OF, {"of": person}).first()
    stands = False if agreed is None and row is not None and row.agreed is False else agreed
    if row is not None and (row.agreed, row.version) == (stands, version):
        return _consent_of(row)
    said = {"agreed": stands, "version": version, "updated": now}
    if row is None:
        connection.execute(insert(consents), {"person": person, **said})
    else:
        connection.execute(_CHANGE, {"of": person, **said})
    event = {"person": person, "agreed": agreed, "version": version, "interface": interface}
    connection.execute(insert(consent_events), {**event, "at": now})
    return Consent(person, stands, version, now)


def _consent_of(row: Row[Any]) -> Consent:
    return Consent(*row[: len(consents.columns)])
