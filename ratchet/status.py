"""The loop as others see it: the object of `ratchet status --json`, and the latest cycles.

Web hands it to the operator's page and to `GET /v1/status` (as `serving.loop_view.LoopView`).
Invariant: everything is read from the database, so web, worker and command line say the same.
"""

import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from feedback.erasures import forgotten_by
from feedback.store import FeedbackStore
from ratchet.cycles import CycleStore
from serving.registry import Registry
from serving.responders import parse


class LoopStatus:
    """Reads what is live and how the loop is doing; files requests for cycles."""

    def __init__(
        self,
        registry: Registry,
        store: FeedbackStore,
        cycles: CycleStore,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._registry, self._store, self._cycles, self._clock = registry, store, cycles, clock

    def status(self) -> dict[str, Any]:
        """Return the object of `ratchet status --json`."""
        held = self._registry.held()
        replicas = self._registry.reports.latest()
        last = self._cycles.last()
        ready = [r for r in replicas if r.ready]
        live, candidate = self._registry.live(), self._registry.candidate()
        return {
            "live": live,
            "previous": self._registry.previous(),
            # Promoted by hand, it is a candidate no longer; the next cycle moves the alias.
            "candidate": candidate if candidate != parse(live).adapter else None,
            "held": held is not None,
            "hold": asdict(held) if held else None,
            "engine": "down" if not replicas else "ready" if ready else "starting",
            "replicas": [asdict(r) for r in replicas],
            "feedback": asdict(self._store.counts()),
            "last_cycle": last.public() if last else None,
            "knew_forgotten": self._knew_forgotten(live, candidate),
        }

    def _knew_forgotten(self, live: str, candidate: str | None) -> list[str]:
        """Return which adapters in use learned from somebody who has been forgotten since."""
        below = self._registry.previous()
        used = (parse(live).adapter, parse(below).adapter if below else None, candidate)
        knew = forgotten_by(self._store.database)
        return [adapter for adapter in dict.fromkeys(used) if adapter in knew and adapter]

    def cycles(self, limit: int) -> list[dict[str, Any]]:
        """Return the newest cycles first, with their stages and progress."""
        return [cycle.public() for cycle in self._cycles.recent(limit)]

    def request_cycle(self, method: str, actor: str) -> int:
        """File a request for a cycle; return the request's number.

        Raises:
            ValueError: the method is unknown.
        """
        return self._cycles.request(method, actor)
