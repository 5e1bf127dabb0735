"""The stack of deployments, inside a transaction that the caller holds.

A row's `below` is the row that a rollback goes to. Promote pushes a row above the live one.
Rollback adds a row, too, because every period is history: it repeats the responder below and takes
over that row's own `below`, which pops the stack by one.

Invariant: at most one row of a base has no `ended`; that row is live.
"""

from sqlalchemy import Connection, RowMapping, insert, select, update

from serving.records import Deployment
from serving.responders import BASELINE
from serving.tables import deployments

DAY_ZERO_REASON = "the baseline answers until something beats it"


def top(connection: Connection, base_hash: str) -> Deployment | None:
    """Return the live deployment of a base."""
    query = select(deployments).where(
        deployments.c.base_hash == base_hash, deployments.c.ended.is_(None)
    )
    row = connection.execute(query).mappings().first()
    return deployment(row) if row else None


def entry(connection: Connection, number: int) -> Deployment:
    """Return one deployment."""
    query = select(deployments).where(deployments.c.id == number)
    return deployment(connection.execute(query).mappings().one())


def below(connection: Connection, live: Deployment) -> Deployment | None:
    """Return the deployment that a rollback goes to."""
    return None if live.below is None else entry(connection, live.below)


def was_live(connection: Connection, base_hash: str, responder: str) -> bool:
    """Say whether a responder was ever live on a base."""
    query = select(deployments.c.id).where(
        deployments.c.base_hash == base_hash, deployments.c.responder == responder
    )
    return connection.execute(query.limit(1)).first() is not None


def push(
    connection: Connection,
    base_hash: str,
    now: float,
    *,
    kind: str,
    responder: str,
    reason: str,
    actor: str,
    below: int | None,
    forced: bool = False,
) -> Deployment:
    """End what is live and start the next deployment."""
    connection.execute(
        update(deployments)
        .where(deployments.c.base_hash == base_hash, deployments.c.ended.is_(None))
        .values(ended=now)
    )
    row = {
        "base_hash": base_hash,
        "kind": kind,
        "responder": responder,
        "reason": reason,
        "actor": actor,
        "forced": forced,
        "started": now,
        "below": below,
    }
    key = connection.execute(insert(deployments).values(row)).inserted_primary_key
    assert key is not None
    return entry(connection, key[0])


def day_zero(connection: Connection, base_hash: str, now: float) -> Deployment:
    """Return the live deployment, starting a base that was never served at the baseline."""
    return top(connection, base_hash) or push(
        connection,
        base_hash,
        now,
        kind="setup",
        responder=BASELINE,
        reason=DAY_ZERO_REASON,
        actor="setup",
        below=None,
    )


def deployment(row: RowMapping) -> Deployment:
    """Read a row."""
    return Deployment(**{name: row[name] for name in Deployment.__dataclass_fields__})
