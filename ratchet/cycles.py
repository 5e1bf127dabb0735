"""The record of every cycle: what was asked for, how far it got, how it ended.

Invariant: a row is written by the lease's holder only, and `state` is `done` exactly when `outcome`
is set. A request is answered by one cycle; both are tied in one transaction.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from sqlalchemy import CursorResult, Row, insert, select, update

from feedback.database import Database
from ratchet.tables import cycle_requests, cycles

Outcome = Literal["promoted", "rejected", "pending", "canary", "awaiting", "skipped", "failed"]
Method = Literal["auto", "kto", "dpo"]
METHODS: tuple[str, ...] = get_args(Method)


class UnknownCycle(LookupError):
    """There is no cycle with this number."""


class TakenOver(Exception):
    """A worker writes into a cycle that another one has taken over."""


@dataclass(frozen=True)
class StageRecord:
    """One stage of one cycle, as page and command line show it."""

    name: str
    state: Literal["running", "done", "failed", "interrupted"]
    started: float
    seconds: float
    progress: float | None = None
    """0 to 1, or None while it cannot be told."""
    detail: str = ""


@dataclass(frozen=True)
class Cycle:
    """One turn of the loop."""

    id: int
    request: int | None
    method: Method
    actor: str
    state: Literal["running", "done"]
    stage: str
    outcome: Outcome | None
    reason: str
    adapter: str | None
    promoted: str | None
    dataset: dict[str, Any] | None
    gate: dict[str, Any] | None
    stages: tuple[StageRecord, ...]
    work: dict[str, Any]
    resumed: int
    cutoff: float
    holder: str
    created: float
    updated: float

    def public(self) -> dict[str, Any]:
        """The object of `cycle --json` and of the operator's page: all but the internals."""
        shown = asdict(self)
        for internal in ("work", "holder"):
            del shown[internal]
        shown["stages"] = [asdict(s) for s in self.stages]
        return shown


@dataclass(frozen=True)
class CycleRequest:
    """Somebody, or the schedule, asked for a cycle."""

    id: int
    method: Method
    actor: str
    created: float


class CycleStore:
    """Reads and writes cycles and requests; each call is one short transaction."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database, self.clock = database, clock

    def request(self, method: str, actor: str) -> int:
        """File a request and return its number.

        Raises:
            ValueError: the method is unknown.
        """
        if method not in METHODS:
            raise ValueError(f"method '{method}' is unknown: use one of {', '.join(METHODS)}.")
        with self._database.write() as db:
            values = {"method": method, "actor": actor, "created": self.clock()}
            result = db.execute(insert(cycle_requests).values(**values))
            return _number(result)

    def next_request(self) -> CycleRequest | None:
        """The oldest request that no cycle has answered."""
        query = select(cycle_requests).where(cycle_requests.c.cycle.is_(None))
        with self._database.read() as db:
            row = db.execute(query.order_by(cycle_requests.c.id).limit(1)).one_or_none()
        return CycleRequest(row.id, row.method, row.actor, row.created) if row else None

    def start(self, request: CycleRequest, holder: str) -> Cycle:
        """Open the cycle that answers `request`; the window of feedback ends now."""
        now = self.clock()
        values: dict[str, Any] = {
            "request": request.id, "method": request.method, "actor": request.actor,
            "state": "running", "stage": "", "reason": "", "stages": [], "work": {},
            "resumed": 0, "cutoff": now, "holder": holder, "created": now, "updated": now,
        }  # fmt: skip
        with self._database.write() as db:
            result = db.execute(insert(cycles).values(**values))
            number = _number(result)
            asked = cycle_requests.c.id == request.id
            db.execute(update(cycle_requests).where(asked).values(cycle=number))
        return self.cycle(number)

    def update(self, number: int, holder: str, values: Mapping[str, Any]) -> Cycle:
        """Change a row and return it.

        Raises:
            TakenOver: another worker runs this cycle now.
        """
        changed = {**values, "updated": self.clock()}
        if "stages" in changed:
            changed["stages"] = [asdict(s) for s in changed["stages"]]
        mine = (cycles.c.id == number) & (cycles.c.holder == holder)
        with self._database.write() as db:
            if not db.execute(update(cycles).where(mine).values(**changed)).rowcount:
                raise TakenOver(f"cycle {number} is run by another worker than {holder} now.")
        return self.cycle(number)

    def take_over(self, number: int, holder: str) -> Cycle:
        """Make `holder` the one who may write this row: whoever had it before cannot any more."""
        values = {"holder": holder, "resumed": cycles.c.resumed + 1, "updated": self.clock()}
        with self._database.write() as db:
            db.execute(update(cycles).where(cycles.c.id == number).values(**values))
        return self.cycle(number)

    def cycle(self, number: int) -> Cycle:
        """Return one cycle.

        Raises:
            UnknownCycle: there is none with this number.
        """
        with self._database.read() as db:
            row = db.execute(select(cycles).where(cycles.c.id == number)).one_or_none()
        if row is None:
            raise UnknownCycle(f"there is no cycle {number}: see `ratchet status`.")
        return _cycle(row)

    def recent(self, limit: int = 20) -> list[Cycle]:
        """The latest cycles, newest first."""
        with self._database.read() as db:
            rows = db.execute(select(cycles).order_by(cycles.c.id.desc()).limit(limit)).all()
        return [_cycle(row) for row in rows]

    def last(self) -> Cycle | None:
        """The latest cycle."""
        found = self.recent(1)
        return found[0] if found else None

    def unfinished(self) -> list[Cycle]:
        """Cycles that are marked as running, oldest first: the holder's, or interrupted ones."""
        query = select(cycles).where(cycles.c.state == "running").order_by(cycles.c.id)
        with self._database.read() as db:
            return [_cycle(row) for row in db.execute(query)]

    def decided(self) -> list[Cycle]:
        """Cycles that reached the gate, oldest first: what the error rate was spent on."""
        query = select(cycles).where(cycles.c.gate.is_not(None)).order_by(cycles.c.id)
        with self._database.read() as db:
            return [_cycle(row) for row in db.execute(query)]


def _number(result: CursorResult[Any]) -> int:
    """The number that the database gave to an inserted row."""
    key = result.inserted_primary_key
    assert key is not None
    return int(key[0])


def _cycle(row: Row[Any]) -> Cycle:
    values = dict(row._mapping)
    values["stages"] = tuple(StageRecord(**s) for s in values["stages"])
    return Cycle(**values)
