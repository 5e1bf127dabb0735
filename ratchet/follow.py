"""Asks the running service for a cycle and watches it until it is closed.

Invariant: what is returned is the cycle that answers this very request, not one that ran before it.
"""

import time
from collections.abc import Callable
from typing import Any

from ratchet.client import Service, ServiceMissing

LOOK_EVERY = 0.5
"""Seconds between two looks at the cycle."""
PATIENCE = 90.0
"""Seconds that a service which was there may be away (a restart) before we give up."""
PICKED_UP_WITHIN = 60.0
"""Seconds until somebody must have taken the request: a lease expires after 20."""


class NoWorker(Exception):
    """Nobody takes requests for cycles."""


def request_cycle(service: Service, method: str) -> int:
    """File a request and return its number."""
    return int(service.call("POST", "/v1/cycles", {"method": method})["request"])


def follow(
    service: Service, request: int, show: Callable[[dict[str, Any]], None]
) -> dict[str, Any]:
    """Wait for the cycle that answers `request`; `show` gets it again and again.

    Raises:
        ServiceMissing: the service went away and did not come back.
        NoWorker: no worker takes the request.
    """
    started = seen = time.monotonic()
    while True:
        try:
            recent = service.call("GET", "/v1/cycles?limit=20")["cycles"]
            seen = time.monotonic()
        except ServiceMissing:
            if time.monotonic() - seen > PATIENCE:
                raise
            time.sleep(LOOK_EVERY)
            continue
        mine = next((c for c in recent if c["request"] == request), None)
        if mine:
            show(mine)
            started = time.monotonic()
            if mine["state"] == "done":
                return dict(mine)
        elif any(c["state"] == "running" for c in recent):
            started = time.monotonic()  # another cycle runs first: this one has its turn later
        elif time.monotonic() - started > PICKED_UP_WITHIN:
            raise NoWorker(
                f"no worker took the request for a cycle within {PICKED_UP_WITHIN:.0f} s: start "
                "one with `ratchet worker` (`ratchet up` starts it too) and see logs/worker.log."
            )
        time.sleep(LOOK_EVERY)
