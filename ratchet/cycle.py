"""One turn of the loop: stages in order, each recorded, until one of them ends the cycle.

`stage` is the one place that catches: whatever goes wrong inside a stage is written into the
cycle's row and ends the cycle as `failed`. Invariant: only the last stage can change what is live,
so a cycle that ends anywhere before it has changed nothing for people.

A stage that finished is not repeated after a crash: what later stages need of it lies in `work`,
and in files that `work` names.
"""

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from ratchet.cycles import Cycle, CycleStore, Outcome, StageRecord, TakenOver

logger = logging.getLogger(__name__)

PROGRESS_EVERY = 0.5
"""Seconds between two writes of a stage's progress: live for people, light for the database."""
COLUMNS = frozenset({"adapter", "dataset", "gate", "promoted"})
"""What of a cycle has a column of its own; the rest is `work`."""
MAX_RESUMES = 3
"""A cycle that was interrupted more often than this is closed: it may be what kills the worker."""


class Interrupted(Exception):
    """The worker is asked to stop, or lost its lease: the cycle stays open for the next start."""


@dataclass(frozen=True)
class Ending:
    """How a cycle ends, and why, in one plain sentence."""

    outcome: Outcome
    reason: str


class CycleRun:
    """A cycle while it runs: the row, and the only hand that writes it."""

    def __init__(self, store: CycleStore, cycle: Cycle, interrupted: Callable[[], bool]) -> None:
        self._store, self.interrupted = store, interrupted
        self.cycle = cycle
        self._written = 0.0

    @property
    def id(self) -> int:
        """The cycle's number."""
        return self.cycle.id

    @property
    def work(self) -> dict[str, Any]:
        """What finished stages left for later ones."""
        return self.cycle.work

    def finished(self, name: str) -> bool:
        """Whether a stage has been done, perhaps before a restart."""
        return any(s.name == name and s.state == "done" for s in self.cycle.stages)

    def check(self) -> None:
        """Stop here if the worker is asked to stop.

        Raises:
            Interrupted: it is.
        """
        if self.interrupted():
            raise Interrupted(f"cycle {self.id} was interrupted in stage '{self.cycle.stage}'.")

    def begin(self, name: str) -> None:
        """Record that a stage starts."""
        record = StageRecord(name, "running", self._store.clock(), 0.0)
        kept = tuple(s for s in self.cycle.stages if s.name != name)
        self._save(stage=name, stages=(*kept, record))

    def progress(self, fraction: float | None, detail: str) -> None:
        """Record how far the running stage is, at most twice a second.

        Raises:
            Interrupted: the worker is asked to stop.
        """
        self.check()
        now = self._store.clock()
        if now - self._written >= PROGRESS_EVERY:
            self._save(stages=self._changed(progress=fraction, detail=detail))

    def keep(self, **values: Any) -> None:
        """Write what a stage has found into the row: `adapter`, `dataset`, `gate`, or `work`."""
        columns = {k: v for k, v in values.items() if k in COLUMNS}
        rest = {k: v for k, v in values.items() if k not in columns}
        self._save(**columns, work={**self.work, **rest})

    def end(self, detail: str) -> None:
        """Record that the running stage is done."""
        self._save(stages=self._changed(state="done", progress=1.0, detail=detail))

    def break_off(self, state: str, detail: str) -> None:
        """Record that the running stage failed or was interrupted."""
        self._save(stages=self._changed(state=state, detail=detail))

    def close(self, ending: Ending) -> Cycle:
        """End the cycle, together with the stage that ended it: one write, so never half."""
        stages = self.cycle.stages
        if stages and stages[-1].state == "running":
            stages = self._changed(state="done", progress=1.0, detail=ending.reason)
        reason = ending.reason
        if self.cycle.resumed:
            reason += " (The worker was restarted meanwhile.)"
        self._save(stages=stages, state="done", outcome=ending.outcome, reason=reason)
        logger.info("Cycle %d: %s. %s", self.id, ending.outcome, reason)
        return self.cycle

    def _changed(self, **values: Any) -> tuple[StageRecord, ...]:
        *kept, current = self.cycle.stages
        seconds = round(self._store.clock() - current.started, 3)
        return (*kept, replace(current, seconds=seconds, **values))

    def _save(self, **values: Any) -> None:
        try:
            self.cycle = self._store.update(self.id, self.cycle.holder, values)
        except TakenOver as err:
            raise Interrupted(str(err)) from err
        self._written = self.cycle.updated


Stage = Callable[[CycleRun], str | Ending]
"""Does one stage's work; returns a line about it, or how the cycle ends here."""


def stage(run: CycleRun, name: str, work: Stage) -> Ending | None:
    """Run one stage and record it: the one place where a failure of a cycle is caught.

    Raises:
        Interrupted: the worker is asked to stop.
    """
    run.check()
    run.begin(name)
    try:
        result = work(run)
    except Interrupted:
        with suppress(Interrupted):  # who was taken over has nothing left to write
            run.break_off("interrupted", "interrupted; goes on at the next start")
        raise
    except Exception as err:  # a failure is data: recorded here, and nowhere else
        logger.exception("Cycle %d failed in stage '%s'.", run.id, name)
        text = str(err) or type(err).__name__
        run.break_off("failed", text)
        return Ending("failed", f"{name} failed: {text}")
    if isinstance(result, Ending):
        return result
    run.end(result)
    return None


def run_cycle(
    run: CycleRun, stages: Mapping[str, Stage], leave: Callable[[CycleRun, Ending], None]
) -> Cycle:
    """Run the stages that are not done yet, and close the cycle.

    Args:
        run: The cycle.
        stages: What to do, in order; the last one ends every cycle that reaches it.
        leave: Tidies up just before the row is closed; may be repeated after a crash.

    Raises:
        Interrupted: the worker is asked to stop; the row stays open.
    """
    ending: Ending | None = None
    for name, work in stages.items():
        if not run.finished(name):
            ending = stage(run, name, work)
        if ending is not None:
            break
    ending = ending or Ending("failed", "no stage ended the cycle.")
    leave(run, ending)
    return run.close(ending)


def resume(
    run: CycleRun, stages: Mapping[str, Stage], leave: Callable[[CycleRun, Ending], None]
) -> Cycle:
    """Finish a cycle that an earlier worker left open, or close it when that happened too often.

    Raises:
        Interrupted: the worker is asked to stop again.
    """
    cycle = run.cycle
    if cycle.resumed > MAX_RESUMES:
        where = cycle.stage or "the start"
        times = f"the worker ended {cycle.resumed} times in this cycle"
        ending = Ending("failed", f"{where} failed: {times}; see logs/worker.log.")
        leave(run, ending)
        return run.close(ending)
    logger.warning("Cycle %d was interrupted in stage '%s' and goes on.", cycle.id, cycle.stage)
    return run_cycle(run, stages, leave)
