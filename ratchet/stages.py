"""The stages of a cycle in their order, and what is tidied up behind it.

Invariant: the order of this table is the order of the work; nothing else knows it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from ratchet import learn, prove
from ratchet.cycle import CycleRun, Ending, Stage
from ratchet.wiring import Parts

STAGES: Mapping[str, Callable[[Parts, CycleRun], str | Ending]] = {
    "collect": learn.collect,
    "curate": learn.curate_window,
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
    stages = {name: partial(work, parts) for name, work in STAGES.items()}
    return Loop(stages, partial(leave, parts))


def leave(parts: Parts, run: CycleRun, ending: Ending) -> None:
    """Let go of a candidate that nobody will ask any more."""
    mine = run.work.get("name")
    if ending.outcome not in KEEPS_CANDIDATE and parts.registry.candidate() == mine:
        parts.registry.set_candidate(None)
