"""What operators say of a voter: blocked, restored, or a comment; and what was said before.

Who is blocked has no word in any round; who is restored has it back, whatever the rules of trust
make of their votes. A comment changes nothing.

Invariant: a decision is only ever added; what counts is the last that blocked or restored.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

from sqlalchemy import select, union

from feedback.database import Database
from feedback.recording import check_storable
from feedback.tables import (
    comparisons,
    completions,
    corrections,
    rankings,
    voter_decisions,
    votes,
)
from feedback.types import InvalidFeedback, UnknownPerson

Action = Literal["block", "restore", "comment"]
ACTIONS: tuple[Action, ...] = get_args(Action)
_SPOKE = (completions, votes, comparisons, rankings, corrections)


@dataclass(frozen=True, slots=True)
class Decision:
    """What an operator said of a person."""

    person: str
    action: Action
    comment: str
    actor: str
    at: float


class Standings:
    """Writes and reads what operators say of voters."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self.database = database
        self.clock = clock

    def decide(self, person: str, action: Action, comment: str, actor: str) -> Decision:
        """Block or restore a person, or comment on them.

        Raises:
            UnknownPerson: nobody of this name was ever answered.
            InvalidFeedback: no such action, no reason given, or one that cannot be stored.
        """
        if action not in ACTIONS:
            raise InvalidFeedback(f"action {action!r} is none of {', '.join(ACTIONS)}")
        if not comment.strip():
            raise InvalidFeedback(f"say why with the {action}: the comment is empty")
        check_storable("comment", person, comment, actor)
        made = Decision(person, action, comment.strip(), actor, self.clock())
        known = union(*(select(each.c.person).where(each.c.person == person) for each in _SPOKE))
        with self.database.write() as connection:
            if connection.execute(known.limit(1)).first() is None:
                raise UnknownPerson(
                    f"nobody called {person!r} was ever answered: `ratchet feedback voters` lists "
                    "the names as they are kept"
                )
            values = {name: getattr(made, name) for name in Decision.__slots__}
            connection.execute(voter_decisions.insert().values(**values))
        return made

    def history(self, person: str | None = None) -> list[Decision]:
        """Return what was decided, of everybody or of one person, oldest first."""
        table = voter_decisions.c
        query = select(*(table[name] for name in Decision.__slots__)).order_by(table.id)
        if person is not None:
            query = query.where(table.person == person)
        with self.database.read() as connection:
            return [Decision(*row) for row in connection.execute(query)]

    def current(self) -> dict[str, Decision]:
        """Return the decision that counts, of everybody who was ever blocked or restored."""
        return {each.person: each for each in self.history() if each.action != "comment"}

    def people(self, action: Action) -> frozenset[str]:
        """Return who is blocked, or restored, now."""
        return frozenset(p for p, last in self.current().items() if last.action == action)
