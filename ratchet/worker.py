"""The worker process: waits for the lease, then runs requested cycles one after the other.

Several workers may run; one leads, the others wait to take over. Invariant: a cycle that was left
open, by a crash or a stop, is finished or closed before any other one starts.
"""

import logging
import signal
import threading
from collections.abc import Callable
from functools import partial

from sqlalchemy.exc import OperationalError

from feedback.retention import remove_texts
from ratchet.children import watch_parent
from ratchet.cycle import CycleRun, Interrupted, resume, run_cycle
from ratchet.cycles import CycleStore
from ratchet.forget import finish_all
from ratchet.home_lock import shared
from ratchet.leading import mark_leader
from ratchet.lease import Lease, holder_id
from ratchet.migrations import migrate_url
from ratchet.scheduler import Scheduler
from ratchet.settings import Settings
from ratchet.stages import Loop, build_loop
from ratchet.watcher import Watcher
from ratchet.wiring import Parts, open_parts

logger = logging.getLogger(__name__)

LOOK_FOR_REQUESTS = 0.5
"""Seconds between two looks for a request."""
DAY = 86_400.0
LOOK_FOR_LEASE = 2.0
"""Seconds between two tries to become the leader."""


def work(settings: Settings) -> None:
    """Run until asked to stop.

    Raises:
        HomeTaken: a restore is at work.
    """
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    for chatty in ("alembic", "apscheduler", "httpx"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    watch_parent()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with shared(settings.home):
        migrate_url(settings.database)
        parts = open_parts(settings)
        lease = Lease(parts.database, holder_id())
        try:
            take_turns(parts, lease, stop)
        finally:
            parts.database.dispose()


def take_turns(parts: Parts, lease: Lease, stop: threading.Event) -> None:
    """Lead whenever nobody else does; a database that is away for a while only costs that while."""
    while not stop.is_set():
        try:
            if lease.acquire():
                lead(parts, lease, stop)
        except OperationalError as err:
            # A cycle that was running stays open, and is finished when the database is back.
            logger.warning("The database does not answer; trying again: %s", err.orig)
        stop.wait(LOOK_FOR_LEASE)


def lead(parts: Parts, lease: Lease, stop: threading.Event) -> None:
    """Run the loop while the lease is ours."""

    def interrupted() -> bool:
        return stop.is_set() or lease.lost()

    watcher = Watcher(parts)
    scheduler = Scheduler(
        parts.settings.schedule,
        parts.cycles,
        parts.store,
        watcher.look,
        tidying(parts, interrupted),
        partial(finish_all, parts.settings, parts.database),
    )
    loop = build_loop(parts)
    mark_leader(parts.settings.home, lease.holder)
    with lease:
        logger.info("%s leads.", lease.holder)
        scheduler.start()
        try:
            while not interrupted():
                if not run_next(parts.cycles, loop, lease.holder, interrupted):
                    stop.wait(LOOK_FOR_REQUESTS)
        except Interrupted as err:
            logger.info("%s", err)
        finally:
            scheduler.stop()


def tidying(parts: Parts, interrupted: Callable[[], bool]) -> Callable[[], None] | None:
    """Return what removes texts that have become too old; None: they are kept for ever."""
    days = parts.settings.retention.text_days
    if not days:
        return None

    def tidy() -> None:
        old = parts.cycles.clock() - days * DAY
        removed = remove_texts(parts.database, old, stopped=interrupted)
        if removed:
            logger.info("Removed the texts of %d answers older than %g days.", removed, days)

    return tidy


def run_next(cycles: CycleStore, loop: Loop, holder: str, interrupted: Callable[[], bool]) -> bool:
    """Finish what was left open, else answer the oldest request; False: there was nothing to do.

    Raises:
        Interrupted: the worker is asked to stop; the cycle stays open.
    """
    open_cycles = cycles.unfinished()
    if open_cycles:
        cycle = cycles.take_over(open_cycles[0].id, holder)
        resume(CycleRun(cycles, cycle, interrupted), loop.stages, loop.leave)
        return True
    request = cycles.next_request()
    if request is None:
        return False
    run_cycle(CycleRun(cycles, cycles.start(request, holder), interrupted), loop.stages, loop.leave)
    return True
