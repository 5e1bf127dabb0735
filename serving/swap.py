"""Makes every engine hold what the registry wants, while it answers.

Each replica is looked at every second, and at once when the routes change or a request fails. What
is missing is checked against its fingerprint, loaded and probed; what nobody wants any more is
taken out of the routes, drained and unloaded. A replica gets traffic when the live adapter is in
it and has answered a probe; one that is lost is looked at less and less often until it is back.

Invariant: an adapter is unloaded only when the router no longer goes by it and no request is in it;
one that is damaged or refused is reported and tried again later, and never keeps the rest away.
"""

import asyncio
import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from serving.adapter_files import AdapterDamaged, check_unchanged
from serving.errors import (
    EngineCut,
    EngineError,
    EngineSlow,
    EngineUnavailable,
    NotLoadable,
    ServingError,
    UnknownResponder,
)
from serving.null_adapter import NULL_ADAPTER
from serving.registry import Registry
from serving.replicas import Replica
from serving.responders import parse
from serving.router import Router

logger = logging.getLogger(__name__)

REPORT_SECONDS = 5.0
PATIENCE_SECONDS = 30.0
"""How long an engine that takes connections may leave our looks unanswered."""
LONGEST_PAUSE = 60.0
"""Between two tries of an adapter that could not be loaded."""
LONGEST_LOOK_PAUSE = 4.0
"""Between two looks at a replica that was lost: short beside the time that an engine starts in."""
_OURS = re.compile(r"ratchet-\d{4,}")


@dataclass
class _Failure:
    """Why an adapter could not be loaded, and when to try again."""

    message: str
    tries: int
    again_at: float


class Reconciler:
    """Looks after the replicas."""

    def __init__(
        self,
        registry: Registry,
        router: Router,
        null_adapter: Path | None,
        *,
        seconds: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._registry = registry
        self._router = router
        self._null = null_adapter
        self._seconds = seconds
        self._clock = clock
        self._staged: set[str] = set()
        self._failures: dict[tuple[str, str], _Failure] = {}
        self._misses: dict[str, int] = {}
        self._reported: dict[str, tuple[object, float]] = {}
        self._turns = {replica.url: asyncio.Lock() for replica in router.replicas}
        self._wakes = {replica.url: asyncio.Event() for replica in router.replicas}

    async def run(self) -> None:
        """Look after every replica until cancelled."""
        urls = [replica.url for replica in self._router.replicas]
        await asyncio.to_thread(self._registry.reports.keep, urls)
        async with asyncio.TaskGroup() as group:
            for replica in self._router.replicas:
                group.create_task(self._watch(replica))

    def wake(self, replica: Replica | None = None) -> None:
        """Look at a replica, or at all, now."""
        for url, event in self._wakes.items():
            if replica is None or replica.url == url:
                event.set()

    def failed(self, replica: Replica, error: EngineError) -> None:
        """Have a replica that failed a request answer a probe before it is asked again."""
        if isinstance(error, EngineUnavailable | EngineCut):
            replica.doubted = True
            self.wake(replica)

    async def stage(self, responder: str) -> None:
        """Load and probe what a responder needs, everywhere; it stays until `unstage`.

        A replica that does not answer holds nobody up: it gets what is live before any traffic.

        Raises:
            UnknownResponder: its adapter is not registered.
            EngineUnavailable: no engine answers.
            NotLoadable: an engine answers and cannot load it.
        """
        adapter = parse(responder).adapter
        if adapter is None:
            return
        self._staged.add(adapter)
        for replica in self._router.replicas:
            self._failures.pop((replica.url, adapter), None)
        await asyncio.gather(*(self.reconcile(replica) for replica in self._router.replicas))
        reached = [replica for replica in self._router.replicas if replica.base_name]
        if not reached:
            raise EngineUnavailable(f"{adapter!r} cannot be loaded: no engine answers")
        for replica in reached:
            if adapter not in replica.loaded:
                failure = self._failures.get((replica.url, adapter))
                if failure is None:
                    raise EngineUnavailable(f"{adapter!r} could not be loaded: {replica.detail}")
                raise NotLoadable(f"{adapter!r} could not be loaded: {failure.message}")

    def unstage(self, responder: str) -> None:
        """Leave it to the registry again whether a responder's adapter is loaded."""
        adapter = parse(responder).adapter
        if adapter is not None:
            self._staged.discard(adapter)
            self.wake()

    async def reconcile(self, replica: Replica) -> None:
        """Bring one replica as near to what is wanted as possible, and report it."""
        async with self._turns[replica.url]:
            before = replica.ready
            try:
                await self._bring_up(replica)
                replica.answered_at = self._clock()
                self._misses.pop(replica.url, None)
            except EngineSlow as err:
                # On a machine that is busy with requests a look may take long. Those requests are
                # answered all the same, and none may fail because of the look.
                replica.doubted = True
                if self._clock() > replica.answered_at + PATIENCE_SECONDS:
                    self._lost(replica, err)
            except EngineError as err:
                self._lost(replica, err)
            if replica.ready != before:
                say = logger.info if replica.ready else logger.warning
                says = "gets traffic" if replica.ready else "gets no traffic"
                say("Engine %s %s: %s.", replica.url, says, replica.detail)
            await self._report(replica)

    def _lost(self, replica: Replica, error: EngineError) -> None:
        replica.lost(error.message)
        if replica.answered_at:  # else it is still starting, which somebody is waiting for
            self._misses[replica.url] = self._misses.get(replica.url, 0) + 1

    def _pause(self, replica: Replica) -> float:
        """Return the seconds until the next look."""
        longest = max(self._seconds, LONGEST_LOOK_PAUSE)
        return min(longest, self._seconds * 2.0 ** self._misses.get(replica.url, 0))

    async def _watch(self, replica: Replica) -> None:
        wake = self._wakes[replica.url]
        while True:
            wake.clear()
            try:
                await self.reconcile(replica)
            except (SQLAlchemyError, OSError):
                logger.exception("Replica %s could not be looked after; trying again.", replica.url)
            # A storm of failing requests must not become a storm of health checks.
            await asyncio.sleep(min(0.05, self._seconds))
            try:
                await asyncio.wait_for(wake.wait(), self._pause(replica))
            except TimeoutError:
                continue

    async def _bring_up(self, replica: Replica) -> None:
        await replica.client.check_health()
        models = await replica.client.list_models()
        base = next((model for model in models if model.parent is None), None)
        if base is None:
            raise EngineUnavailable("the engine serves no base model")
        replica.base_name = base.name
        replica.max_model_len = base.max_model_len or replica.max_model_len
        there = {model.name for model in models}
        replica.loaded &= there

        live = parse(self._router.routes.live).adapter
        needed = ([NULL_ADAPTER] if replica.cpu else []) + ([live] if live else [])
        wanted = dict.fromkeys([*needed, *self._router.routes.adapters, *self._staged])
        missing = [name for name in wanted if name not in replica.loaded]
        refused = [name for name in missing if not await self._load(replica, name, there)]
        able = all(name in replica.loaded for name in needed)
        if able and replica.doubted:
            await replica.client.probe(replica.model_of(live) or base.name)
            replica.doubted = False
        replica.ready = able
        for name in there:
            if name not in wanted and _OURS.fullmatch(name):
                await self._retire(replica, name)
        replica.detail = "; ".join(self._failures[replica.url, name].message for name in refused)
        replica.detail = replica.detail or "ready"

    async def _load(self, replica: Replica, name: str, there: set[str]) -> bool:
        """Load and probe one adapter; say whether it can be asked now."""
        failure = self._failures.get((replica.url, name))
        if failure and self._clock() < failure.again_at:
            return False
        try:
            if name not in there:
                await replica.client.load_adapter(name, str(await self._checked_path(name)))
            await replica.client.probe(name)
        except (ServingError, OSError) as err:
            # Also where the engine is gone: what takes it down must not do so every second.
            self._note_failure(replica, name, f"adapter {name}: {err}")
            if isinstance(err, EngineUnavailable):
                raise
            return False
        self._failures.pop((replica.url, name), None)
        replica.loaded.add(name)
        logger.info("Adapter %s is loaded and answers on %s.", name, replica.url)
        return True

    async def _checked_path(self, name: str) -> Path:
        if name == NULL_ADAPTER:
            if self._null is None:
                raise AdapterDamaged("the null adapter was not written for this base model")
            return self._null
        record = await asyncio.to_thread(self._registry.adapter, name)
        if record is None:
            raise UnknownResponder(f"there is no adapter {name!r}; see `ratchet adapters list`")
        await asyncio.to_thread(check_unchanged, record)
        return Path(record.path)

    async def _retire(self, replica: Replica, name: str) -> None:
        replica.loaded.discard(name)
        if replica.in_flight[name] > 0:
            return
        await replica.client.unload_adapter(name)
        logger.info("Adapter %s is unloaded from %s.", name, replica.url)

    def _note_failure(self, replica: Replica, name: str, message: str) -> None:
        before = self._failures.get((replica.url, name))
        tries = before.tries + 1 if before else 1
        pause = min(LONGEST_PAUSE, 2.0 ** (tries - 1))
        self._failures[replica.url, name] = _Failure(message, tries, self._clock() + pause)
        logger.warning("%s; the next try is in %.0f s.", message, pause)

    async def _report(self, replica: Replica) -> None:
        seen = (frozenset(replica.loaded), replica.ready, replica.detail)
        before, at = self._reported.get(replica.url, (None, 0.0))
        if seen == before and self._clock() < at + REPORT_SECONDS:
            return
        await asyncio.to_thread(
            self._registry.reports.write,
            replica.url,
            sorted(replica.loaded),
            replica.ready,
            replica.detail,
        )
        self._reported[replica.url] = (seen, self._clock())
