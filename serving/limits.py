"""How fast one person may ask: a bucket of tokens each, refilled evenly over a minute.

Invariant: memory is bounded by the people of the last minute; whoever has a full bucket is dropped.
"""

import time
from collections.abc import Callable
from math import ceil

from serving.errors import TooManyRequests

SWEEP_SECONDS = 60.0


class PerMinute:
    """Refuses whoever asks more often than `limit` times a minute."""

    def __init__(self, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}
        self._swept = clock()

    def take(self, person: str) -> None:
        """Count one request.

        Raises:
            TooManyRequests: the bucket is empty.
        """
        now = self._clock()
        self._sweep(now)
        tokens, at = self._buckets.get(person, (float(self._limit), now))
        tokens = min(float(self._limit), tokens + (now - at) * self._limit / 60)
        if tokens < 1:
            wait = ceil((1 - tokens) * 60 / self._limit)
            raise TooManyRequests(
                f"at most {self._limit} requests a minute; try again in {wait} s", wait
            )
        self._buckets[person] = (tokens - 1, now)

    def _sweep(self, now: float) -> None:
        if now - self._swept < SWEEP_SECONDS:
            return
        self._swept = now
        full = [person for person, (_, at) in self._buckets.items() if now - at >= SWEEP_SECONDS]
        for person in full:
            del self._buckets[person]
