"""What should be loaded and what is live: adapters, aliases, decisions, deployments, holds.

Deployments are a stack kept in rows that only ever get added. Promote pushes; rollback pops by
adding a row for the deployment below. `previous` is the row below, hence exactly what a rollback
goes to.

Invariant: `promote` and `rollback` are one transaction each, everything is scoped by the base
model's hash, and a base that was never served before starts at `rag`.
"""

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict
from typing import Any

from sqlalchemy import delete, func, insert, select

from feedback.database import Database
from feedback.privacy import check_remembered
from serving import eligibility, holds, stack, tables
from serving.errors import LiveMoved, NothingToRollBack, PromotionHeld
from serving.records import AdapterRecord, Canary, Deployment, Hold, Routes
from serving.reports import ReplicaReports
from serving.responders import parse


class Registry:
    """The one place where `live` moves."""

    def __init__(
        self, database: Database, base_hash: str, clock: Callable[[], float] = time.time
    ) -> None:
        self.database = database
        self.base_hash = base_hash
        self.reports = ReplicaReports(database, clock)
        self._clock = clock

    # Adapters

    def next_adapter_name(self) -> str:
        """Spend the next number and return its name, e.g. `ratchet-0007`; never the same twice."""
        with self.database.write() as connection:
            highest = connection.execute(select(func.max(tables.adapter_numbers.c.number)))
            number = (highest.scalar() or 0) + 1
            row = {"number": number, "created": self._clock()}
            connection.execute(insert(tables.adapter_numbers).values(row))
        return f"ratchet-{number:04d}"

    def add_adapter(self, record: AdapterRecord, learned_from: Collection[str] = ()) -> None:
        """Register a published adapter.

        Args:
            record: The adapter.
            learned_from: Ids of the answers that it was trained and judged on.

        Raises:
            ValueError: an adapter of this name exists; adapters are never replaced.
            PersonForgotten: one of the answers is gone.
        """
        with self.database.write() as connection:
            # In this transaction: whoever forgets them later finds the adapter in the table.
            check_remembered(connection, learned_from)
            if eligibility.adapter(connection, record.name) is not None:
                raise ValueError(
                    f"adapter {record.name!r} exists; publish under next_adapter_name() instead"
                )
            row = asdict(record) | {"created": record.created or self._clock()}
            connection.execute(insert(tables.adapters).values(row))

    def adapter(self, name: str) -> AdapterRecord | None:
        """Return the adapter of this name, of whichever base it is."""
        with self.database.read() as connection:
            return eligibility.adapter(connection, name)

    def adapters(self) -> list[AdapterRecord]:
        """Return all adapters, oldest first; those of other bases too, to be listed."""
        query = select(tables.adapters).order_by(tables.adapters.c.name)
        with self.database.read() as connection:
            return [AdapterRecord(**row) for row in connection.execute(query).mappings()]

    def routes(self) -> Routes:
        """Return what is live, previous, candidate and canary, all at one moment."""
        with self.database.read() as connection:
            live = stack.top(connection, self.base_hash)
            below = stack.below(connection, live) if live else None
            aliased = eligibility.aliased(connection, self.base_hash)
        # A base that was never served has nothing below, so this is still one moment's picture.
        live = live or self.live_deployment()
        candidate, canary = aliased.get("candidate"), aliased.get("canary")
        responders = [live.responder] + ([below.responder] if below else [])
        responders += [row["target"] for row in aliased.values()]
        return Routes(
            live=live.responder,
            previous=below.responder if below else None,
            candidate=candidate["target"] if candidate else None,
            canary=Canary(canary["target"], canary["share"]) if canary else None,
            adapters=tuple(a for a in dict.fromkeys(parse(r).adapter for r in responders) if a),
        )

    # Aliases

    def set_candidate(self, name: str | None) -> None:
        """Point the alias `candidate` at an adapter, or at nothing.

        Raises:
            UnknownResponder: no adapter of this name belongs to the present base.
        """
        self._set_alias("candidate", name)

    def candidate(self) -> str | None:
        """Return the candidate adapter's name."""
        with self.database.read() as connection:
            row = eligibility.aliased(connection, self.base_hash).get("candidate")
        return row["target"] if row else None

    def set_canary(self, responder: str | None, share: float = 0.1) -> None:
        """Give a responder a share of the routed conversations, or end that with None.

        Raises:
            UnknownResponder: its adapter does not exist or belongs to another base.
            ValueError: the share is not between 0 and 1.
        """
        if not 0 < share < 1:
            raise ValueError(f"a canary's share lies between 0 and 1, not at {share}")
        self._set_alias("canary", responder, share)

    # Decisions

    def record_decision(self, cycle: str, responder: str, decision: Mapping[str, Any]) -> None:
        """Keep what the gate said of a responder; `decision["decision"]` is its verdict."""
        row = {
            "base_hash": self.base_hash,
            "cycle": cycle,
            "responder": responder,
            "decision": decision["decision"],
            "body": dict(decision),
            "created": self._clock(),
        }
        with self.database.write() as connection:
            connection.execute(insert(tables.decisions).values(row))

    def decisions(self, responder: str | None = None) -> list[dict[str, Any]]:
        """Return the gate's decisions on this base, oldest first."""
        table = tables.decisions
        query = select(table).where(table.c.base_hash == self.base_hash).order_by(table.c.id)
        if responder is not None:
            query = query.where(table.c.responder == responder)
        with self.database.read() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def passed(self, responder: str) -> bool:
        """Say whether the gate's last word on this responder was `promote`."""
        with self.database.read() as connection:
            return eligibility.passed(connection, self.base_hash, responder)

    # Deployments

    def live_deployment(self) -> Deployment:
        """Return what is live; a base that never was starts at the baseline."""
        with self.database.read() as connection:
            live = stack.top(connection, self.base_hash)
        if live is None:
            with self.database.write() as connection:
                live = stack.day_zero(connection, self.base_hash, self._clock())
        return live

    def live(self) -> str:
        """Return the live responder."""
        return self.live_deployment().responder

    def previous(self) -> str | None:
        """Return what a rollback would make live."""
        live = self.live_deployment()
        with self.database.read() as connection:
            below = stack.below(connection, live)
        return below.responder if below else None

    def deployments(self) -> list[Deployment]:
        """Return every deployment on this base, oldest first."""
        table = tables.deployments
        query = select(table).where(table.c.base_hash == self.base_hash).order_by(table.c.id)
        with self.database.read() as connection:
            return [stack.deployment(row) for row in connection.execute(query).mappings()]

    def check_promotable(self, responder: str, *, force: bool = False) -> None:
        """Raise what `promote` would raise, before anything is loaded for it.

        Raises:
            UnknownResponder: there is no such responder on this base.
            NotEligible: it neither passed the gate nor was live before, and `force` is not set.
        """
        with self.database.read() as connection:
            eligibility.check_promotable(connection, self.base_hash, responder, force=force)

    def promote(
        self,
        responder: str,
        *,
        reason: str,
        actor: str,
        force: bool = False,
        instead_of: str | None = None,
        unless_held: bool = False,
    ) -> Deployment:
        """Make a responder live, on top of what is live now; promoting the live one is no event.

        `instead_of` and `unless_held` are for decisions that were made earlier: they are checked
        inside the transaction, where nobody can come in between.

        Raises:
            UnknownResponder: there is no such responder on this base.
            NotEligible: it neither passed the gate nor was live before, and `force` is not set.
            LiveMoved: something else than `instead_of` is live.
            PromotionHeld: an operator holds promotion, and `unless_held` is set.
        """
        now = self._clock()
        with self.database.write() as connection:
            live = stack.day_zero(connection, self.base_hash, now)
            held = holds.current(connection) if unless_held else None
            if held:
                raise PromotionHeld(f"held by {held.actor}: {held.reason}")
            if instead_of not in {None, live.responder}:
                raise LiveMoved(f"{live.responder} is live, no longer {instead_of}")
            eligibility.check_promotable(connection, self.base_hash, responder, force=force)
            if live.responder == responder:
                return live
            return stack.push(
                connection,
                self.base_hash,
                now,
                kind="promotion",
                responder=responder,
                reason=reason,
                actor=actor,
                below=live.id,
                forced=force,
            )

    def rollback(self, *, reason: str, actor: str, deployment: int | None = None) -> Deployment:
        """Make live again what lies below the live deployment.

        Raises:
            NothingToRollBack: nothing lies below.
            LiveMoved: another deployment than the given one is live.
        """
        now = self._clock()
        with self.database.write() as connection:
            live = stack.day_zero(connection, self.base_hash, now)
            if deployment not in {None, live.id}:
                raise LiveMoved(f"deployment {live.id} is live, no longer {deployment}")
            to = stack.below(connection, live)
            if to is None:
                raise NothingToRollBack(
                    f"nothing lies below {live.responder!r} on this base; promote another "
                    "responder instead"
                )
            return stack.push(
                connection,
                self.base_hash,
                now,
                kind="rollback",
                responder=to.responder,
                reason=reason,
                actor=actor,
                below=to.below,
            )

    # Holds

    def hold(self, *, reason: str, actor: str) -> Hold:
        """Stop automatic promotion until `resume`; a second hold replaces the first."""
        with self.database.write() as connection:
            return holds.begin(connection, self._clock(), reason=reason, actor=actor)

    def resume(self, *, reason: str, actor: str) -> None:
        """Allow automatic promotion again; without a hold nothing happens."""
        with self.database.write() as connection:
            holds.end(connection, self._clock(), reason=reason, actor=actor)

    def held(self) -> Hold | None:
        """Return the present hold."""
        with self.database.read() as connection:
            return holds.current(connection)

    def history(self) -> list[dict[str, Any]]:
        """Return promotions, rollbacks and holds on one line of time, newest first."""
        deployed = [{"at": d.started, **asdict(d)} for d in reversed(self.deployments())]
        with self.database.read() as connection:
            events = deployed + holds.events(connection)
        return sorted(events, key=lambda event: float(event["at"]), reverse=True)

    # Inside a transaction

    def _set_alias(self, alias: str, target: str | None, share: float | None = None) -> None:
        table, base = tables.aliases, self.base_hash
        with self.database.write() as connection:
            connection.execute(
                delete(table).where(table.c.base_hash == base, table.c.alias == alias)
            )
            if target is None:
                return
            eligibility.check_known(connection, base, target)
            row = {"base_hash": base, "alias": alias, "target": target, "share": share}
            connection.execute(insert(table).values(row | {"updated": self._clock()}))
