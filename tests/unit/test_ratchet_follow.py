"""Following a cycle: a service that is away for a moment is waited for, one that is gone is not."""

from collections.abc import Callable
from typing import Any

import pytest

from ratchet import follow
from ratchet.client import ServiceMissing

RUNNING = {"request": 7, "state": "running", "stage": "train"}
DONE = {"request": 7, "state": "done", "outcome": "promoted"}
Step = tuple[float, list[dict[str, Any]] | None]
"""At which second an answer comes, and what it is; None: nobody is there."""


class Clock:
    """A time that passes when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Scripted:
    """A service that answers what the script says for the present second."""

    def __init__(self, clock: Clock, said: Callable[[float], list[dict[str, Any]] | None]) -> None:
        self._clock, self._said = clock, said

    def call(self, method: str, path: str) -> dict[str, Any]:
        assert (method, path) == ("GET", "/v1/cycles?limit=20")
        cycles = self._said(self._clock.now)
        if cycles is None:
            raise ServiceMissing("nobody is there")
        return {"cycles": cycles}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(follow, "time", made)
    return made


def follow_cycle(clock: Clock, said: Callable[[float], list[dict[str, Any]] | None]) -> Any:
    service: Any = Scripted(clock, said)
    return follow.follow(service, 7, lambda cycle: None)


def test_a_restart_long_after_the_start_is_waited_for(clock: Clock) -> None:
    def said(now: float) -> list[dict[str, Any]] | None:
        if 500 < now < 500 + follow.PATIENCE - 5:
            return None
        return [DONE] if now > 700 else [RUNNING]

    assert follow_cycle(clock, said) == DONE


def test_a_service_that_stays_away_is_said(clock: Clock) -> None:
    with pytest.raises(ServiceMissing):
        follow_cycle(clock, lambda now: [RUNNING] if now < 500 else None)
    assert 500 + follow.PATIENCE <= clock.now < 510 + follow.PATIENCE


def test_a_request_that_nobody_takes_is_said_but_a_queue_is_waited_for(clock: Clock) -> None:
    other = {"request": 6, "state": "running"}
    waited = follow_cycle(clock, lambda now: [other] if now < 900 else [DONE])
    assert waited == DONE
    with pytest.raises(follow.NoWorker, match="ratchet worker"):
        follow_cycle(clock, lambda now: [])
