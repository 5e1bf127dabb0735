"""The stages of a cycle in their order, and what is tidied up behind it.

Invariant: the order of this table is the order of the work; nothing else knows it. No stage works
on, and no adapter comes out of, a dataset that holds words of a person who was forgotten.
"""

import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from feedback.privacy import gone
from ratchet import learn, orphans, prove
from ratchet.cycle import CycleRun, Ending, Interrupted, Stage
from ratchet.wiring import Parts
from training.dataset import is_erased
from training.erased import DatasetErased, answers_behind, erase_rows

STAGES: Mapping[str, Callable[[Parts, CycleRun], str | Ending]] = {
    "collect": learn.collect,
    "curate": orphans.curate,
    "train": learn.train,
    "judge": learn.judge,
    "publish": learn.publish,
    "load": prove.load,
    "evaluate": prove.evaluate_candidate,
    "decide": prove.decide_candidate,
    "promote": prove.promote,
}
KEEPS_CANDIDATE = frozenset({"pending", "awaiting", "canary"})
"""After these the candidate stays loaded: for blind pairs, or for an operator to promote."""


@dataclass(frozen=True)
class Loop:
    """What a worker runs."""

    stages: Mapping[str, Stage]
    leave: Callable[[CycleRun, Ending], None]


def build_loop(parts: Parts) -> Loop:
    """Bind the stages to the parts they work with."""
    stages = {name: partial(mindful, work, parts) for name, work in STAGES.items()}
    return Loop(stages, partial(leave, parts))


def mindful(
    work: Callable[[Parts, CycleRun], str | Ending], parts: Parts, run: CycleRun
) -> str | Ending:
    """Do one stage's work, unless a person whose words the dataset holds has been forgotten.

    Asked before and after: before, so that nothing more is made of them; after, because the dataset
    may have been read before they were forgotten and written after it; and when the stage fails,
    because its files may have been taken from under it.
    """
    if ending := forgotten(parts, run):
        return ending
    try:
        done = work(parts, run)
    except Interrupted:
        raise
    except Exception:
        if ending := forgotten(parts, run):
            return ending
        raise
    return (not isinstance(done, Ending) and forgotten(parts, run)) or done


def forgotten(parts: Parts, run: CycleRun) -> Ending | None:
    """How a cycle ends whose dataset holds words of a person who was forgotten; its rows go."""
    if "dataset_path" not in run.work or prove.has_promoted(parts, run):
        return None
    dataset = Path(run.work["dataset_path"])
    with suppress(DatasetErased):
        with parts.database.read() as connection:
            lost = gone(connection, answers_behind(dataset))
        if not erase_rows(dataset, f"cycle-{run.id}", lost):
            return None
    return Ending("skipped", "a person whose words it was training on has been forgotten.")


def leave(parts: Parts, run: CycleRun, ending: Ending) -> None:
    """Let go of a candidate that nobody will ask any more, and of what a forgotten person left."""
    mine = run.work.get("name")
    if ending.outcome not in KEEPS_CANDIDATE and parts.registry.candidate() == mine:
        parts.registry.set_candidate(None)
    if "dataset_path" in run.work and is_erased(Path(run.work["dataset_path"])):
        home = parts.settings.home
        shutil.rmtree(home / "jobs" / str(run.id), ignore_errors=True)
        if mine and parts.registry.adapter(mine) is None:  # no engine has heard of it
            shutil.rmtree(home / "adapters" / mine, ignore_errors=True)
        if parts.settings.schedule.enabled and parts.cycles.next_request() is None:
            parts.cycles.request(run.cycle.method, f"cycle {run.id}")
