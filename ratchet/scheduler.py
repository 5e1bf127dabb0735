"""When a cycle starts by itself, and when what is live is looked at: APScheduler, and the rules.

Only the lease's holder runs it, with jobs in memory: what was missed while nobody ran is found in
the table of cycles. Invariant: a job never runs a cycle, it only files a request, so a cycle of the
schedule and one that somebody asked for go the same way, one after the other.
"""

import logging
import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from feedback.store import FeedbackStore
from ratchet.cycles import Cycle, CycleStore
from ratchet.sections import Schedule
from ratchet.settings import SettingsError

logger = logging.getLogger(__name__)

ACTOR = "schedule"
FIRST_PAUSE = 600.0
"""Seconds after a failed cycle before the next one; doubled with each failure in a row."""
LONGEST_PAUSE = 86400.0
FORGET_SECONDS = 5
"""Between two looks whether somebody is to be forgotten to the end."""
MOST_WAITS = 4
"""Looks that a cycle which is due waits for people to pause."""


def due(
    new_feedback: Callable[[float], int], recent: Sequence[Cycle], votes: int, now: float
) -> bool:
    """Say whether enough was said since the last cycle (`recent`, newest first) to start another.

    After `pending` and `skipped` half is enough: the last one stopped short of a decision. A failed
    cycle has used nothing up, but is not tried again before a pause that doubles every time.
    """
    failures = 0
    while failures < len(recent) and recent[failures].outcome == "failed":
        failures += 1
    if failures:
        pause = min(FIRST_PAUSE * 2 ** (failures - 1), LONGEST_PAUSE)
        if now < recent[0].updated + pause:
            return False
    ended = recent[failures] if failures < len(recent) else None
    stopped_short = ended is not None and ended.outcome in {"pending", "skipped"}
    needed = math.ceil(votes / 2) if stopped_short else votes
    return new_feedback(ended.cutoff if ended else 0.0) >= needed


def cron_trigger(cron: str) -> CronTrigger:
    """Read crontab's five fields, in UTC.

    Raises:
        SettingsError: they are not five fields that crontab knows.
    """
    try:
        return CronTrigger.from_crontab(cron, timezone=UTC)
    except ValueError as err:
        raise SettingsError(
            f"schedule.cron = {cron!r} is refused: {err}. Use five fields, e.g. '0 3 * * *'."
        ) from err


def missed(trigger: CronTrigger, last: Cycle | None, now: float) -> bool:
    """Say whether a run was due between the last cycle and now, while nobody ran."""
    if last is None:
        return False
    due_at = trigger.get_next_fire_time(None, datetime.fromtimestamp(last.created, UTC))
    return due_at is not None and due_at.timestamp() <= now


class Scheduler:
    """Counts votes, keeps the cron times and has what is live watched, until it is stopped."""

    def __init__(
        self,
        schedule: Schedule,
        cycles: CycleStore,
        store: FeedbackStore,
        watch: Callable[[], None],
        tidy: Callable[[], None] | None = None,
        forget: Callable[[], object] | None = None,
    ) -> None:
        """Run `watch` as often as votes are counted; `tidy` every hour, schedule or not.

        `forget` finishes what people asked for, every few seconds, schedule or not.
        """
        self._schedule, self._cycles, self._store, self._watch = schedule, cycles, store, watch
        self._tidy, self._forget = tidy, forget
        self._background = BackgroundScheduler(timezone=UTC, daemon=True)
        self._waited = 0

    def start(self) -> None:
        """Start the jobs; those that start cycles, or take one back, only where they are on.

        Raises:
            SettingsError: the cron line is wrong.
        """
        if self._tidy is not None:
            hourly, now = IntervalTrigger(hours=1, timezone=UTC), datetime.now(UTC)
            self._background.add_job(
                self._tidy, hourly, coalesce=True, misfire_grace_time=None, next_run_time=now
            )
        if self._forget is not None:
            often, now = IntervalTrigger(seconds=FORGET_SECONDS, timezone=UTC), datetime.now(UTC)
            self._background.add_job(
                self._forget, often, coalesce=True, max_instances=1, next_run_time=now
            )
        if self._schedule.enabled:
            self._add_cycles()
        else:
            logger.info("The schedule is off: only requested cycles run.")
        if self._background.get_jobs():
            self._background.start()

    def _add_cycles(self) -> None:
        every = IntervalTrigger(seconds=self._schedule.check_seconds, timezone=UTC)
        for job in (self.tick, self._watch):
            # One late run makes up for many missed ones; two at once never help.
            self._background.add_job(job, every, coalesce=True, max_instances=1)
        if self._schedule.cron:
            trigger = cron_trigger(self._schedule.cron)
            self._background.add_job(self.request, trigger, coalesce=True, misfire_grace_time=None)
            if missed(trigger, self._cycles.last(), self._cycles.clock()):
                self.request()

    def stop(self) -> None:
        """Stop the jobs and wait for the one that runs."""
        if self._background.running:
            self._background.shutdown(wait=True)

    def tick(self) -> None:
        """Ask for a cycle if enough has been said since the last one."""
        recent = self._cycles.recent(50)
        now = self._cycles.clock()
        if due(self._store.feedback_since, recent, self._schedule.votes, now):
            self._waited += 1
            if self._settled(now):
                self._waited = 0
                self.request()

    def _settled(self, now: float) -> bool:
        """Say whether people have paused: a round that is nearly full is worth a short wait."""
        settle = self._schedule.settle_seconds
        if not settle or self._waited > MOST_WAITS:
            return True
        return self._store.feedback_since(now - settle) == 0

    def request(self) -> None:
        """Ask for a cycle, unless one runs or waits already."""
        if not self._cycles.unfinished() and self._cycles.next_request() is None:
            self._cycles.request("auto", ACTOR)
