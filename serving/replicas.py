"""What web knows about its engines at this moment, and which requests are inside them.

Invariant: an adapter is in `loaded` only after it was loaded and has answered a probe, and it
leaves `loaded` before it is unloaded; whoever starts a request counts it in before the first await.
"""

from collections import Counter

from serving.config import CONTEXT_DEFAULT
from serving.engine import EngineClient
from serving.null_adapter import NULL_ADAPTER
from serving.records import ReplicaReport


class Replica:
    """One engine."""

    def __init__(self, client: EngineClient, *, cpu: bool) -> None:
        self.client = client
        self.cpu = cpu
        self.base_name: str | None = None
        self.max_model_len = CONTEXT_DEFAULT
        self.loaded: set[str] = set()
        self.ready = False
        self.doubted = True
        """Until it answers a probe others are asked before it: it is new, was lost, failed a
        request, or is slow to say how it is."""
        self.detail = "not seen yet"
        self.answered_at = 0.0
        """When it last said that it is up, on the reconciler's clock."""
        self.in_flight: Counter[str] = Counter()

    @property
    def url(self) -> str:
        """Where the engine is."""
        return self.client.url

    @property
    def load(self) -> int:
        """The number of requests inside it."""
        return self.in_flight.total()

    def model_of(self, adapter: str | None) -> str | None:
        """Return the name to ask the engine for, or None where it cannot answer as that yet.

        On a CPU "no adapter" would take whatever lies in the last slot, so there the base has a
        null adapter of its own.
        """
        if adapter is None and not self.cpu:
            return self.base_name
        name = adapter or NULL_ADAPTER
        return name if name in self.loaded else None

    def lost(self, detail: str) -> None:
        """Note that the engine is gone, and with it all that it had loaded."""
        self.loaded.clear()
        self.base_name = None
        self.ready = False
        self.doubted = True
        self.detail = detail

    def report(self, now: float) -> ReplicaReport:
        """Return what is known, as others read it."""
        return ReplicaReport(self.url, tuple(sorted(self.loaded)), self.ready, self.detail, now)
