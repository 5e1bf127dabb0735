"""Which responder answers, and on which replica: read from memory, refreshed within 50 ms.

Sticky per conversation are only the canary's draw and the choice of a replica; a promotion applies
to the next request of every conversation.

Invariant: only names of the registry's aliases, `rag`, `agent` and `base` ever reach an engine.
"""

import asyncio
import hashlib
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from sqlalchemy.exc import SQLAlchemyError

from serving.errors import EngineUnavailable, UnknownModel, UnknownResponder
from serving.identity import Person
from serving.records import Routes
from serving.registry import Registry
from serving.replicas import Replica
from serving.responders import AGENT, BASE, BASELINE, NO_TOOLS, Responder, of_adapter, parse

logger = logging.getLogger(__name__)

ROUTED = "ratchet"
"""The model name that means: whoever is live."""


class RouteResult(NamedTuple):
    """Who answers, and whether the caller had asked for exactly that."""

    responder: str
    named: bool


class Route(NamedTuple):
    """A responder that can answer now: the engine, and the name to ask it for."""

    responder: Responder
    replica: Replica
    model: str


class Router:
    """Chooses who answers; every choice is made from memory."""

    def __init__(
        self,
        registry: Registry,
        replicas: Sequence[Replica],
        rng: random.Random | None = None,
        *,
        tools: bool = False,
        baseline: str = BASELINE,
    ) -> None:
        self.replicas = tuple(replicas)
        self._tools = tools
        self._baseline = baseline
        self._registry = registry
        self._rng = rng or random.Random()
        self._routes: Routes | None = None
        self._reading = asyncio.Lock()
        self._also: list[Callable[[], None]] = []

    # What is live

    @property
    def routes(self) -> Routes:
        """What the router goes by at this moment.

        Raises:
            EngineUnavailable: the service has not read its registry yet.
        """
        if self._routes is None:
            raise EngineUnavailable("the service is starting; try again in a moment", 1)
        return self._routes

    async def refresh(self) -> None:
        """Read the registry; when this returns, the next request is routed by it."""
        # One after the other: an older read must not overwrite what a promotion has just read.
        async with self._reading:
            self._routes = await asyncio.to_thread(self._registry.routes)

    def on_refresh(self, read: Callable[[], None]) -> None:
        """Have something else read, too, whenever anybody has written to the database."""
        self._also.append(read)

    async def follow(self, seconds: float, changed: Callable[[], Awaitable[None]]) -> None:
        """Refresh whenever anybody has committed, until cancelled; then call `changed`."""
        seen: int | None = None
        while True:
            try:
                version = await asyncio.to_thread(self._registry.database.data_version)
                if version != seen:
                    before = self._routes
                    await self.refresh()
                    for read in self._also:
                        await asyncio.to_thread(read)
                    seen = version
                    if self._routes != before:
                        await changed()
            except SQLAlchemyError:
                # What is known keeps being served; the next round may succeed.
                logger.exception("The registry cannot be read; routing by what was read before.")
                await asyncio.sleep(1.0)
            await asyncio.sleep(seconds)

    # Who answers

    def names(self, person: Person) -> list[str]:
        """Return the names that this caller may ask for, `ratchet` first."""
        routes = self.routes
        names = [ROUTED, routes.live, BASELINE, *([AGENT] if self._tools else []), BASE]
        if person.role in {"operator", "internal"}:
            for adapter in routes.adapters:
                names.extend(of_adapter(adapter))
        return list(dict.fromkeys(names))

    def choose(self, model: str, person: Person, conversation: str) -> RouteResult:
        """Say who answers a request for `model`.

        Raises:
            UnknownModel: this caller may not ask for that name.
        """
        if model == ROUTED:
            return RouteResult(self._routed(conversation), named=False)
        allowed = self.names(person)
        if model == AGENT and not self._tools:
            raise UnknownModel(NO_TOOLS)
        if model not in allowed:
            raise UnknownModel(f"there is no model {model!r} here; use one of {', '.join(allowed)}")
        return RouteResult(model, named=True)

    def sides(self, count: int = 2) -> tuple[str, ...]:
        """Return the responders of `count` blind answers, in random order.

        Live, the candidate if there is one, the baseline; live again for the rest.
        """
        live = self.routes.live
        names = [live, self._candidate() or self._baseline, self._baseline]
        sides = [*dict.fromkeys(names), *[live] * count][:count]
        self._rng.shuffle(sides)
        return tuple(sides)

    def pick(self, name: str, conversation: str) -> Route:
        """Return a replica that can answer as this responder, the same one for a conversation.

        Raises:
            EngineUnavailable: none can at the moment.
        """
        responder = parse(name)
        if responder.agent and not self._tools:
            raise EngineUnavailable(f"'agent' is live and cannot answer. {NO_TOOLS}")
        able = [
            Route(responder, replica, model)
            for replica in self.replicas
            if replica.ready and (model := replica.model_of(responder.adapter))
        ]
        if not able:
            raise EngineUnavailable(self._why_not(name))
        return max(able, key=lambda route: _draw(conversation, route.replica.url))

    def check_served(self, name: str) -> None:
        """Refuse a responder that this service cannot answer as, whatever is loaded.

        Raises:
            UnknownResponder: it calls tools, and no parser for them is set.
        """
        if parse(name).agent and not self._tools:
            raise UnknownResponder(NO_TOOLS)

    def ready(self) -> bool:
        """Say whether some replica can answer as the live responder."""
        try:
            self.pick(self.routes.live, "")
        except EngineUnavailable:
            return False
        return True

    def _routed(self, conversation: str) -> str:
        canary = self.routes.canary
        if canary is None or _draw(conversation, canary.responder) >= canary.share:
            return self.routes.live
        adapter = parse(canary.responder).adapter
        able = any(replica.ready and replica.model_of(adapter) for replica in self.replicas)
        return canary.responder if able else self.routes.live

    def _candidate(self) -> str | None:
        """Return the candidate in the form that it would go live in, if it can answer."""
        routes = self.routes
        if routes.candidate is None or parse(routes.live).adapter == routes.candidate:
            return None
        if not any(routes.candidate in r.loaded for r in self.replicas if r.ready):
            return None
        alone, with_retrieval = of_adapter(routes.candidate)
        if routes.canary and routes.canary.responder in {alone, with_retrieval}:
            return routes.canary.responder
        return with_retrieval if parse(routes.live).retrieval else alone

    def _why_not(self, name: str) -> str:
        if not any(replica.ready for replica in self.replicas):
            # Why is for operators, in the replicas' reports: it may name paths and addresses.
            return "no engine can answer at the moment; try again in a few seconds"
        return f"{name!r} is being loaded; try again in a few seconds"


def _draw(conversation: str, of: str) -> float:
    """Return a number in [0, 1) that is always the same for the same conversation."""
    digest = hashlib.blake2b(f"{conversation}\0{of}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64
