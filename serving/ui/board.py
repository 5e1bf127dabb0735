"""What the operator's page shows, read in one go, and the one sentence about it.

Invariant: `health` is a pure function of what was read; what needs somebody's attention most
comes first, and it never says that all is well while nobody gets answers.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from feedback.erasures import forgotten_by
from feedback.summary import ResponderSummary, summarise
from feedback.types import Counts
from serving.errors import NotEligible, UnknownResponder
from serving.records import AdapterRecord, Deployment, Hold, ReplicaReport
from serving.responders import AGENT
from serving.ui.messages import Tone
from serving.ui.operator_text import OperatorWords

if TYPE_CHECKING:
    from serving.services import Services

CYCLES = 8
OFFERED_ADAPTERS = 10


@dataclass(frozen=True)
class Offer:
    """A responder that an operator could promote."""

    responder: str
    eligible: bool


@dataclass(frozen=True, kw_only=True)
class Board:
    """The state of the service and of the loop at one moment."""

    now: float
    live: Deployment
    previous: Deployment | None
    candidate: str | None
    candidate_adapter: AdapterRecord | None
    held: Hold | None
    replicas: tuple[ReplicaReport, ...]
    engines: int
    """How many engines there should be."""
    counts: Counts
    votes: tuple[ResponderSummary, ...]
    cycles: tuple[dict[str, Any], ...]
    """Newest first."""
    history: tuple[dict[str, Any], ...]
    knew_forgotten: frozenset[str] = frozenset()
    """Adapters that learned from somebody who has been forgotten since."""

    @property
    def ready(self) -> int:
        """The number of engines that answer."""
        return sum(replica.ready for replica in self.replicas)

    @property
    def running(self) -> dict[str, Any] | None:
        """The cycle that is running."""
        return next((c for c in self.cycles if c["state"] == "running"), None)

    @property
    def judged(self) -> dict[str, Any] | None:
        """The latest cycle that reached the gate."""
        return next((c for c in self.cycles if c.get("gate")), None)


@dataclass(frozen=True)
class Health:
    """One glance: a tone, a headline and a sentence."""

    tone: Tone
    title: str
    text: str


def read_board(services: "Services", clock: Callable[[], float] = time.time) -> Board:
    """Read everything; a handful of short reads, for a thread."""
    registry = services.registry
    live = registry.live_deployment()
    by_id = {deployment.id: deployment for deployment in registry.deployments()}
    candidate = registry.candidate()
    return Board(
        now=clock(),
        live=live,
        previous=by_id.get(live.below) if live.below is not None else None,
        candidate=candidate,
        candidate_adapter=registry.adapter(candidate) if candidate else None,
        held=registry.held(),
        replicas=tuple(registry.reports.latest()),
        engines=len(services.config.engine_urls),
        counts=services.store.counts(),
        votes=tuple(summarise(services.database)),
        cycles=tuple(services.loop.cycles(CYCLES)),
        history=tuple(registry.history()),
        knew_forgotten=frozenset(forgotten_by(services.database)),
    )


def offers(services: "Services") -> list[Offer]:
    """Return what could be promoted: the newest adapters in both forms, then those without one."""
    registry = services.registry
    live = registry.live()
    own = [a.name for a in registry.adapters() if a.base_hash == registry.base_hash]
    newest = own[: -OFFERED_ADAPTERS - 1 : -1]
    names = [name for adapter in newest for name in (f"{adapter}+rag", adapter)]
    names += ["rag", *([AGENT] if services.config.tool_parser else []), "base"]
    return [Offer(name, _eligible(services, name)) for name in names if name != live]


def _eligible(services: "Services", responder: str) -> bool:
    try:
        services.registry.check_promotable(responder)
    except (NotEligible, UnknownResponder):
        return False
    return True


def health(board: Board, words: OperatorWords) -> Health:
    """Say in one glance whether all is well."""
    live, details = board.live.responder, "; ".join(r.detail for r in board.replicas if not r.ready)
    last = board.cycles[0] if board.cycles else None
    if not board.ready:
        return _health("bad", words.down, detail=details or words.no_engine)
    if board.ready < board.engines:
        figures = {"ready": board.ready, "total": board.engines}
        return _health("wait", words.partly, detail=details, **figures)
    if board.held:
        time = span(board.now - board.held.started, words)
        said = {"reason": board.held.reason, "actor": board.held.actor}
        return _health("wait", words.on_hold, time=time, **said)
    if board.running:
        stage = words.stages.get(board.running["stage"], board.running["stage"] or "–")
        return _health("good", words.running, live=live, stage=stage)
    if last and last["outcome"] == "awaiting":
        said = {"adapter": last["adapter"] or "–", "reason": last["reason"]}
        return _health("wait", words.awaiting, **said)
    if last and last["outcome"] == "failed":
        return _health("wait", words.cycle_failed, reason=last["reason"], live=live)
    time = span(board.now - board.live.started, words)
    return _health("good", words.fine, live=live, time=time)


def _health(tone: Tone, said: tuple[str, str], **figures: Any) -> Health:
    title, text = said
    return Health(tone, title, text.format(**figures).strip())


def span(seconds: float, words: OperatorWords) -> str:
    """Return a length of time in its two largest units."""
    rest = max(0, int(seconds))
    parts: list[tuple[int, str]] = []
    for size, unit in zip((86400, 3600, 60, 1), words.units, strict=True):
        if rest >= size or (size == 1 and not parts):
            parts.append((rest // size, unit))
        rest %= size
    # Seconds interest only where there is nothing larger: the page would change with each look.
    kept = [p for p in parts if p[1] != words.units[3]] or parts
    return " ".join(f"{number}{words.gap}{unit}" for number, unit in kept[:2])
