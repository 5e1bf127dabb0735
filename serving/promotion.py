"""Promotes and rolls back: load first, move `live` in one transaction, return when web goes by it.

Invariant: when one of these returns, the next request of every conversation is answered by what is
live now; when it raises, what was live before still is.
"""

import asyncio

from serving.errors import EngineUnavailable, NothingToRollBack
from serving.records import Deployment
from serving.registry import Registry
from serving.router import Router
from serving.swap import Reconciler


class Promotions:
    """The two events that move `live`."""

    def __init__(self, registry: Registry, router: Router, reconciler: Reconciler) -> None:
        self._registry = registry
        self._router = router
        self._reconciler = reconciler

    async def promote(
        self, responder: str, *, reason: str, actor: str, force: bool = False
    ) -> Deployment:
        """Make a responder live.

        Raises:
            UnknownResponder: there is no such responder on this base.
            NotEligible: it neither passed the gate nor was live before, and `force` is not set.
            EngineUnavailable: no engine answers, so its adapter cannot be loaded.
            NotLoadable: its adapter is damaged, or an engine refuses it.
        """
        self._router.check_served(responder)
        await asyncio.to_thread(self._registry.check_promotable, responder, force=force)
        try:
            await self._reconciler.stage(responder)
            deployment = await asyncio.to_thread(
                self._registry.promote, responder, reason=reason, actor=actor, force=force
            )
            await self._router.refresh()
        finally:
            self._reconciler.unstage(responder)
        return deployment

    async def rollback(self, *, reason: str, actor: str) -> Deployment:
        """Make live again what lies below the live deployment.

        Raises:
            NothingToRollBack: nothing lies below.
            NotLoadable: an engine answers and cannot load what lies below.
        """
        target = await asyncio.to_thread(self._registry.previous)
        if target is None:
            raise NothingToRollBack(
                "nothing lies below the live deployment; promote another responder instead"
            )
        try:
            await self._stage_if_served(target)
            deployment = await asyncio.to_thread(
                self._registry.rollback, reason=reason, actor=actor
            )
            await self._router.refresh()
        finally:
            self._reconciler.unstage(target)
        return deployment

    async def _stage_if_served(self, responder: str) -> None:
        try:
            await self._reconciler.stage(responder)
        except EngineUnavailable:
            # With every engine down nobody is served either way: the way back must stay open.
            if any(replica.base_name for replica in self._router.replicas):
                raise
