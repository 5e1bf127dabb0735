"""How much one person, one key and one address block may ask: requests a minute, answers at once.

A key may serve many people, and many people may share an address block: both may do some times as
much as one person. Counting blocks, too, is why throwing one's cookie away gains nothing.

Invariant: a refused request counts nowhere, and memory is bounded: a bucket that is full again is
dropped, and of more than `MOST` the one that was used least recently.
"""

import time
from collections import Counter
from collections.abc import Callable
from math import ceil

from serving.errors import TooManyRequests
from serving.identity import Person

MOST = 50_000
"""Buckets that are kept at most, of people and of what they share each."""
MINUTE = 60.0
BUSY_SECONDS = 5
"""When to try again where answers have to end first: nobody knows how long they take."""


class PerMinute:
    """A bucket of tokens each, refilled evenly over a minute."""

    def __init__(self, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._clock = clock
        # In the order of their last use, because every use puts a bucket at the end.
        self._buckets: dict[str, tuple[float, float]] = {}

    def __len__(self) -> int:
        return len(self._buckets)

    def check(self, name: str) -> None:
        """Refuse who has nothing left.

        Raises:
            TooManyRequests: the bucket is empty.
        """
        tokens = self._tokens(name, self._clock())
        if tokens < 1:
            wait = ceil((1 - tokens) * MINUTE / self._limit)
            raise TooManyRequests(
                f"at most {self._limit} requests a minute; try again in {wait} s", wait
            )

    def count(self, name: str) -> None:
        """Take one token."""
        now = self._clock()
        tokens = self._tokens(name, now)
        self._buckets.pop(name, None)
        self._buckets[name] = (tokens - 1, now)
        while oldest := next(iter(self._buckets)):
            full = now - self._buckets[oldest][1] >= MINUTE
            if not full and len(self._buckets) <= MOST:
                break
            del self._buckets[oldest]

    def _tokens(self, name: str, now: float) -> float:
        tokens, at = self._buckets.get(name, (float(self._limit), now))
        return min(float(self._limit), tokens + (now - at) * self._limit / MINUTE)


class AtOnce:
    """How many answers are running for each."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._running: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._running)

    def check(self, name: str, more: int) -> None:
        """Refuse who would have too many.

        Raises:
            TooManyRequests: they have.
        """
        if self._running[name] + more > self._limit:
            raise TooManyRequests(
                f"at most {self._limit} answers at once; wait until one has ended", BUSY_SECONDS
            )

    def add(self, name: str, more: int) -> None:
        """Count answers in, or out where `more` is negative."""
        self._running[name] += more
        if self._running[name] <= 0:
            del self._running[name]


class Limits:
    """Lets people in, or tells them when to come again."""

    def __init__(
        self,
        requests_per_minute: int,
        answers: int,
        shared: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._own = (PerMinute(requests_per_minute, clock), AtOnce(answers))
        self._shared = (PerMinute(requests_per_minute * shared, clock), AtOnce(answers * shared))

    def enter(self, person: Person, answers: int = 1) -> Callable[[], None]:
        """Count a request that starts so many answers; call what is returned once for each end.

        Raises:
            TooManyRequests: the person, or what they share with others, has used its limit up.
        """
        if person.trusted or person.role != "person":
            return _nothing
        # What is shared comes first: it refuses before a fresh cookie has cost any memory.
        counted = [(*self._shared, name) for name in person.shares]
        counted.append((*self._own, person.id))
        for requests, running, name in counted:
            requests.check(name)
            running.check(name, answers)
        for requests, running, name in counted:
            requests.count(name)
            running.add(name, answers)

        def leave() -> None:
            for _, running, name in counted:
                running.add(name, -1)

        return leave


def _nothing() -> None:
    """Nobody counts those who have no limits."""
