"""A cycle with stages that only pretend: how it is recorded, how it fails, how it goes on."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ratchet.tables  # noqa: F401
from feedback.database import Database
from ratchet.cycle import MAX_RESUMES, CycleRun, Ending, Interrupted, Stage, resume, run_cycle
from ratchet.cycles import Cycle, CycleStore
from ratchet.stages import STAGES, Loop
from ratchet.worker import run_next

ROOT = Path(__file__).parents[2]
NAMES = tuple(STAGES)


@pytest.fixture
def store(database: Database) -> CycleStore:
    return CycleStore(database)


class Service:
    """What stages may change: who is live, and who is the candidate."""

    def __init__(self) -> None:
        self.live, self.candidate = "rag", ""
        self.ran: list[str] = []
        self.left: list[str] = []

    def stages(self, **special: Stage) -> dict[str, Stage]:
        """All stages, each doing nothing but saying so, but for the special ones."""

        def ordinary(name: str) -> Stage:
            def work(run: CycleRun) -> str | Ending:
                self.ran.append(name)
                if name == "train":
                    run.keep(name="ratchet-0001")
                if name == "load":
                    self.candidate = run.work["name"]
                if name == "promote":
                    self.live = run.work["name"]
                    run.keep(promoted=self.live)
                    return Ending("promoted", "it is better.")
                return f"{name} is done"

            return work

        return {name: special.get(name, ordinary(name)) for name in NAMES}

    def leave(self, run: CycleRun, ending: Ending) -> None:
        """Note how a cycle ended."""
        self.left.append(ending.outcome)


def started(store: CycleStore, interrupted: Callable[[], bool] = lambda: False) -> CycleRun:
    request = store.request("auto", "tester")
    asked = store.next_request()
    assert asked is not None
    assert asked.id == request
    return CycleRun(store, store.start(asked, "me"), interrupted)


def test_every_stage_is_recorded_with_its_time(store: CycleStore) -> None:
    service = Service()
    cycle = run_cycle(started(store), service.stages(), service.leave)
    assert (cycle.state, cycle.outcome, cycle.promoted) == ("done", "promoted", "ratchet-0001")
    assert [s.name for s in cycle.stages] == list(NAMES)
    assert all(s.state == "done" and s.seconds >= 0 and s.progress == 1.0 for s in cycle.stages)
    assert (service.live, service.left) == ("ratchet-0001", ["promoted"])


@pytest.mark.parametrize("name", NAMES)
def test_a_stage_that_fails_closes_the_cycle_and_changes_nothing_live(
    store: CycleStore, name: str
) -> None:
    def broken(run: CycleRun) -> str:
        raise RuntimeError("the disk is full")

    service = Service()
    cycle = run_cycle(started(store), service.stages(**{name: broken}), service.leave)
    assert cycle.state == "done"
    assert cycle.outcome == "failed"
    assert cycle.reason == f"{name} failed: the disk is full"
    assert cycle.stages[-1].name == name
    assert cycle.stages[-1].state == "failed"
    assert service.live == "rag"
    assert service.ran == list(NAMES[: NAMES.index(name)])
    assert service.left == ["failed"]


def test_an_early_end_is_recorded_in_one_write(store: CycleStore) -> None:
    service = Service()

    def too_few(run: CycleRun) -> Ending:
        return Ending("skipped", "12 votes are too few")

    cycle = run_cycle(started(store), service.stages(collect=too_few), service.leave)
    assert (cycle.outcome, cycle.reason) == ("skipped", "12 votes are too few")
    assert [(s.name, s.state) for s in cycle.stages] == [("collect", "done")]


def test_progress_is_seen_while_a_stage_runs(store: CycleStore) -> None:
    seen: list[Cycle] = []

    def slow(run: CycleRun) -> str:
        time.sleep(0.55)
        run.progress(0.4, "step 4/10")
        run.progress(0.5, "step 5/10")  # too soon after the last: not written
        seen.append(store.cycle(run.id))
        return "trained"

    service = Service()
    run_cycle(started(store), service.stages(train=slow), service.leave)
    running = seen[0].stages[-1]
    assert (running.name, running.state, running.progress) == ("train", "running", 0.4)
    assert running.detail == "step 4/10"
    assert seen[0].stage == "train"


def test_a_stop_leaves_the_cycle_open_and_the_next_start_goes_on(store: CycleStore) -> None:
    stopping = False

    def stopped(run: CycleRun) -> str:
        nonlocal stopping
        stopping = True
        run.progress(0.5, "half")
        raise AssertionError("progress must have raised")

    service = Service()
    run = started(store, lambda: stopping)
    with pytest.raises(Interrupted):
        run_cycle(run, service.stages(evaluate=stopped), service.leave)
    (left,) = store.unfinished()
    assert (left.state, left.stage, left.outcome) == ("running", "evaluate", None)
    assert left.stages[-1].state == "interrupted"
    before = list(service.ran)
    taken = store.take_over(left.id, "another")
    cycle = resume(CycleRun(store, taken, lambda: False), service.stages(), service.leave)
    assert cycle.outcome == "promoted"
    assert service.ran == [*before, "evaluate", "decide", "promote"]  # nothing was done twice
    assert cycle.resumed == 1
    assert cycle.cutoff == left.cutoff


def test_a_cycle_that_is_interrupted_again_and_again_is_closed(store: CycleStore) -> None:
    def deadly(run: CycleRun) -> str:
        raise Interrupted

    service = Service()
    run = started(store)
    with pytest.raises(Interrupted):
        run_cycle(run, service.stages(train=deadly), service.leave)
    for _ in range(MAX_RESUMES):
        taken = store.take_over(store.unfinished()[0].id, "me")
        run = CycleRun(store, taken, lambda: False)
        with pytest.raises(Interrupted):
            resume(run, service.stages(train=deadly), service.leave)
    taken = store.take_over(store.unfinished()[0].id, "me")
    cycle = resume(CycleRun(store, taken, lambda: False), service.stages(), service.leave)
    assert cycle.outcome == "failed"
    assert "train failed: the worker ended 4 times in this cycle" in cycle.reason
    assert service.live == "rag"


def test_who_was_taken_over_writes_nothing_more(store: CycleStore) -> None:
    service = Service()
    run = started(store)

    def slow(run: CycleRun) -> str:
        store.take_over(run.id, "another")  # it was too slow to renew its lease
        run.keep(name="ratchet-0009")
        raise AssertionError("keep must have raised")

    with pytest.raises(Interrupted, match="another worker"):
        run_cycle(run, service.stages(train=slow), service.leave)
    row = store.cycle(run.id)
    assert (row.state, row.holder, row.adapter) == ("running", "another", None)
    assert "name" not in row.work
    assert service.left == []


# Runs a cycle whose named stage says so and then hangs, until it is killed.
HANGING = """
import sys, time
from feedback.database import Database
from ratchet.cycle import CycleRun, Ending, run_cycle
from ratchet.cycles import CycleStore
from ratchet.stages import STAGES
store = CycleStore(Database(sys.argv[1]))
store.request("auto", "tester")
def stage(name):
    def work(run):
        if name == sys.argv[2]:
            print("hangs", flush=True)
            time.sleep(60)
        run.keep(**{f"did_{name}": True})
        return name
    return work
run = CycleRun(store, store.start(store.next_request(), "me"), lambda: False)
run_cycle(run, {name: stage(name) for name in STAGES}, lambda run, ending: None)
"""


@pytest.mark.parametrize("name", ["curate", "train", "evaluate", "decide", "promote"])
def test_after_a_kill_the_next_start_finishes_the_cycle(store: CycleStore, name: str) -> None:
    url = store._database.url
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    killed = subprocess.Popen(
        [sys.executable, "-c", HANGING, url, name],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert killed.stdout is not None
    with killed.stdout:
        assert killed.stdout.readline() == "hangs\n"
        killed.kill()
        killed.wait()
    service = Service()
    loop = Loop(service.stages(), service.leave)
    assert run_next(store, loop, "another", lambda: False)
    cycle = store.last()
    assert cycle is not None
    assert (cycle.state, cycle.resumed) == ("done", 1)
    assert service.ran == list(NAMES[NAMES.index(name) :])
    assert not run_next(store, loop, "another", lambda: False)


def test_requests_are_answered_one_after_the_other(store: CycleStore) -> None:
    service = Service()
    loop = Loop(service.stages(), service.leave)
    first, second = store.request("kto", "a"), store.request("dpo", "b")
    assert run_next(store, loop, "me", lambda: False)
    assert run_next(store, loop, "me", lambda: False)
    assert not run_next(store, loop, "me", lambda: False)
    newest, older = store.recent()
    assert [(older.request, older.method), (newest.request, newest.method)] == [
        (first, "kto"),
        (second, "dpo"),
    ]


def test_an_unknown_method_is_refused(store: CycleStore) -> None:
    with pytest.raises(ValueError, match="ppo"):
        store.request("ppo", "a")


def test_the_public_row_is_the_contract(store: CycleStore) -> None:
    service = Service()
    shown: dict[str, Any] = run_cycle(started(store), service.stages(), service.leave).public()
    contract = {"outcome", "reason", "adapter", "promoted", "dataset", "gate", "stages"}
    assert contract <= shown.keys()
    assert {"name", "seconds"} <= shown["stages"][0].keys()
    assert not {"work", "holder"} & shown.keys()
