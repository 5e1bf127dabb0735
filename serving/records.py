"""What the registry hands out: frozen rows, no SQL.

Invariant: a record is a picture of one moment; nothing changes by changing it.
"""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class AdapterRecord:
    """A published adapter: a folder that never changes, and where it came from."""

    name: str
    path: str
    fingerprint: str
    base_hash: str
    recipe: str
    dataset: str
    cycle: str
    state: str = "published"
    created: float = 0.0
    metrics: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Deployment:
    """A period in which one responder was live; `below` is the deployment a rollback goes to."""

    id: int
    kind: str
    """`setup`, `promotion` or `rollback`."""
    responder: str
    reason: str
    actor: str
    forced: bool
    started: float
    ended: float | None
    below: int | None


@dataclass(frozen=True)
class Canary:
    """A responder that gets a share of the routed conversations."""

    responder: str
    share: float


@dataclass(frozen=True)
class Hold:
    """Why nothing is promoted automatically at present."""

    reason: str
    actor: str
    started: float


@dataclass(frozen=True)
class ReplicaReport:
    """What web said last about one engine."""

    url: str
    loaded: tuple[str, ...]
    ready: bool
    detail: str
    updated: float


@dataclass(frozen=True)
class Routes:
    """All that a router goes by, read in one moment."""

    live: str
    previous: str | None = None
    candidate: str | None = None
    canary: Canary | None = None
    adapters: tuple[str, ...] = ()
    """Behind live, previous, candidate and canary: what every replica should hold."""
