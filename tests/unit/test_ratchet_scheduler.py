"""When a cycle starts by itself: pure rules, and the jobs that only file requests."""

import threading
from datetime import UTC, datetime
from typing import Any

import pytest

import ratchet.tables  # noqa: F401
from feedback.database import Database
from feedback.store import FeedbackStore
from ratchet.cycle import CycleRun, Ending
from ratchet.cycles import Cycle, CycleStore
from ratchet.scheduler import Scheduler, cron_trigger, due, missed
from ratchet.sections import Schedule
from ratchet.settings import SettingsError


def cycle(outcome: str, cutoff: float = 100.0, updated: float = 200.0) -> Cycle:
    values: dict[str, Any] = dict.fromkeys(Cycle.__dataclass_fields__)
    values |= {"id": 1, "outcome": outcome, "cutoff": cutoff, "created": cutoff, "updated": updated}
    return Cycle(**values)


@pytest.mark.parametrize(
    ("outcomes", "new", "starts"),
    [
        ([], 199, False),
        ([], 200, True),
        (["promoted"], 199, False),
        (["rejected"], 200, True),
        (["pending"], 99, False),
        (["pending"], 100, True),
        (["skipped"], 100, True),
        (["awaiting"], 199, False),
    ],
)
def test_enough_new_feedback_starts_a_cycle(outcomes: list[str], new: int, starts: bool) -> None:
    recent = [cycle(outcome) for outcome in outcomes]
    assert due(lambda since: new, recent, 200, now=10_000.0) is starts


def test_votes_are_counted_from_the_last_window_that_was_used() -> None:
    asked: list[float] = []

    def count(since: float) -> int:
        asked.append(since)
        return 0

    due(count, [], 200, now=0.0)
    due(count, [cycle("promoted", cutoff=70.0)], 200, now=1e6)
    due(count, [cycle("failed", cutoff=90.0), cycle("promoted", cutoff=70.0)], 200, now=1e6)
    assert asked == [0.0, 70.0, 70.0]


def test_a_failed_cycle_is_tried_again_after_a_pause_that_doubles() -> None:
    once, twice = [cycle("failed")], [cycle("failed"), cycle("failed")]
    assert not due(lambda since: 500, once, 200, now=200 + 599)
    assert due(lambda since: 500, once, 200, now=200 + 601)
    assert not due(lambda since: 500, twice, 200, now=200 + 1199)
    assert due(lambda since: 500, twice, 200, now=200 + 1201)


def test_a_cron_run_that_was_missed_is_made_up_for() -> None:
    trigger = cron_trigger("0 3 * * *")
    last = cycle("promoted", cutoff=datetime(2026, 1, 1, 4, tzinfo=UTC).timestamp())
    assert not missed(trigger, last, datetime(2026, 1, 2, 2, tzinfo=UTC).timestamp())
    assert missed(trigger, last, datetime(2026, 1, 2, 4, tzinfo=UTC).timestamp())
    assert not missed(trigger, None, datetime(2026, 1, 2, 4, tzinfo=UTC).timestamp())


def test_a_wrong_cron_line_is_named() -> None:
    with pytest.raises(SettingsError, match=r"schedule\.cron = 'daily'"):
        cron_trigger("daily")


class Counting(FeedbackStore):
    """A store in which enough was said."""

    def feedback_since(self, t: float) -> int:
        return 1000


@pytest.fixture
def cycles(database: Database) -> CycleStore:
    return CycleStore(database)


def test_a_tick_files_one_request_and_no_second_while_it_waits_or_runs(cycles: CycleStore) -> None:
    schedule = Schedule(settle_seconds=0)
    scheduler = Scheduler(schedule, cycles, Counting(cycles._database), lambda: None)
    scheduler.tick()
    scheduler.tick()
    request = cycles.next_request()
    assert request is not None
    assert request.actor == "schedule"
    run = CycleRun(cycles, cycles.start(request, "me"), lambda: False)
    scheduler.tick()
    assert cycles.next_request() is None
    run.close(Ending("promoted", "better"))
    scheduler.tick()
    assert cycles.next_request() is not None


def test_a_cycle_waits_for_people_to_pause_but_not_for_ever(cycles: CycleStore) -> None:
    store = Counting(cycles._database)
    scheduler = Scheduler(Schedule(), cycles, store, lambda: None)
    for _ in range(4):
        scheduler.tick()
        assert cycles.next_request() is None, "somebody voted a moment ago"
    scheduler.tick()
    assert cycles.next_request() is not None, "somebody always votes"


def test_a_cycle_starts_when_the_last_vote_is_old_enough(cycles: CycleStore) -> None:
    class Paused(Counting):
        def feedback_since(self, t: float) -> int:
            return 0 if t > cycles.clock() - 60 else 1000

    scheduler = Scheduler(Schedule(), cycles, Paused(cycles._database), lambda: None)
    scheduler.tick()
    assert cycles.next_request() is not None


def test_with_the_schedule_off_nothing_starts(cycles: CycleStore) -> None:
    scheduler = Scheduler(Schedule(enabled=False), cycles, Counting(cycles._database), lambda: None)
    scheduler.start()
    assert cycles.next_request() is None
    scheduler.stop()


def test_old_texts_go_at_once_and_although_the_schedule_is_off(cycles: CycleStore) -> None:
    tidied = threading.Event()
    store = Counting(cycles._database)
    scheduler = Scheduler(Schedule(enabled=False), cycles, store, lambda: None, tidied.set)
    scheduler.start()
    assert tidied.wait(10)
    scheduler.stop()
    assert cycles.next_request() is None


def test_forgetting_is_finished_at_once_and_although_the_schedule_is_off(
    cycles: CycleStore,
) -> None:
    finished = threading.Event()
    scheduler = Scheduler(
        Schedule(enabled=False), cycles, Counting(cycles._database), lambda: None,
        forget=finished.set,
    )  # fmt: skip
    scheduler.start()
    assert finished.wait(10)
    scheduler.stop()


def test_with_the_schedule_on_votes_are_counted_by_itself(cycles: CycleStore) -> None:
    import time

    looked: list[float] = []
    schedule = Schedule(check_seconds=0.05, settle_seconds=0)
    store = Counting(cycles._database)
    scheduler = Scheduler(schedule, cycles, store, lambda: looked.append(time.time()))
    scheduler.start()
    deadline = time.monotonic() + 10
    while (not looked or cycles.next_request() is None) and time.monotonic() < deadline:
        time.sleep(0.02)
    scheduler.stop()
    assert looked
    assert cycles.next_request() is not None
