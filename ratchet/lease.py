"""One worker at a time: a lease in the database that must be renewed to be kept.

Every worker may try; one row decides. Invariant: two processes never both believe they hold it for
longer than the time between two renewals, and whoever lost it learns so before it promotes.
A holder on this machine that died (kill -9) is replaced at once, one elsewhere after it expired.
"""

import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from types import TracebackType

import psutil
from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from feedback.database import Database
from ratchet.tables import leases

logger = logging.getLogger(__name__)

EXPIRES_AFTER = 20.0
"""Seconds: long enough for a worker that is short of CPU, short enough to wait after a crash."""
LOOP = "loop"
"""The lease's name: whoever holds it schedules and runs cycles."""


class LeaseLost(Exception):
    """Another worker holds the lease now; this one must stop what it does."""


def holder_id() -> str:
    """Name this process so that it cannot be mistaken for a later one with the same number."""
    started = psutil.Process().create_time()
    return f"{socket.gethostname()}/{os.getpid()}/{started:.2f}"


def is_dead(holder: str) -> bool:
    """Whether `holder` was a process of this machine that surely no longer runs."""
    host, _, rest = holder.partition("/")
    pid, _, started = rest.partition("/")
    if host != socket.gethostname() or not pid.isdigit():
        return False
    try:
        return f"{psutil.Process(int(pid)).create_time():.2f}" != started
    except psutil.NoSuchProcess:
        return True


class Lease:
    """The right to run the loop, kept alive by a thread while it is held."""

    def __init__(
        self,
        database: Database,
        holder: str,
        *,
        name: str = LOOP,
        expires_after: float = EXPIRES_AFTER,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database, self._name, self._clock = database, name, clock
        self._expires_after = expires_after
        self.holder = holder
        self._stop = threading.Event()
        self._lost = threading.Event()
        self._thread: threading.Thread | None = None

    def acquire(self) -> bool:
        """Take the lease if it is free, expired, ours, or its holder is dead."""
        now = self._clock()
        taken = {"holder": self.holder, "expires": now + self._expires_after}
        mine = leases.c.name == self._name
        try:
            with self._database.write() as db:
                row = db.execute(select(leases).where(mine).with_for_update()).one_or_none()
                if row is None:
                    db.execute(insert(leases).values(name=self._name, **taken))
                elif row.holder == self.holder or row.expires <= now or is_dead(row.holder):
                    db.execute(update(leases).where(mine).values(**taken))
                else:
                    return False
        except IntegrityError:  # another worker inserted the first row in the same moment
            return False
        self._lost.clear()
        return True

    def renew(self) -> None:
        """Extend the lease.

        Raises:
            LeaseLost: somebody else has it.
        """
        mine = (leases.c.name == self._name) & (leases.c.holder == self.holder)
        with self._database.write() as db:
            changed = db.execute(
                update(leases).where(mine).values(expires=self._clock() + self._expires_after)
            ).rowcount
        if not changed:
            self._lost.set()
            raise LeaseLost(f"{self.holder} no longer holds the lease '{self._name}'.")

    def lost(self) -> bool:
        """Whether the heartbeat found that somebody else has taken over."""
        return self._lost.is_set()

    def release(self) -> None:
        """Give the lease back, so that the next worker need not wait."""
        mine = (leases.c.name == self._name) & (leases.c.holder == self.holder)
        with self._database.write() as db:
            db.execute(delete(leases).where(mine))

    def _beat(self) -> None:
        last = self._clock()
        while not self._stop.wait(self._expires_after / 4):
            try:
                self.renew()
                last = self._clock()
            except LeaseLost:
                logger.warning("Lost the lease: another worker has taken over.")
                return
            except SQLAlchemyError:
                # A database that is away for a moment does not end a cycle; one that is away for
                # longer than the lease lasts does, because another worker may have it by now.
                logger.warning("Could not renew the lease.", exc_info=True)
                if self._clock() - last > self._expires_after:
                    self._lost.set()
                    return

    def __enter__(self) -> "Lease":
        """Start renewing a lease that was acquired."""
        self._stop.clear()
        self._thread = threading.Thread(target=self._beat, name="lease", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        if not self.lost():
            self.release()
