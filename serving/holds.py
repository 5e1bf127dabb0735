"""Holds: periods without automatic promotion, inside a transaction that the caller holds.

Invariant: at most one hold has not ended; rows are kept for the history.
"""

from typing import Any

from sqlalchemy import Connection, insert, select, update

from serving.records import Hold
from serving.tables import holds


def begin(connection: Connection, now: float, *, reason: str, actor: str) -> Hold:
    """Start a hold, in place of the present one if there is one."""
    end(connection, now, reason="replaced by another hold", actor=actor)
    row = {"reason": reason, "actor": actor, "started": now}
    connection.execute(insert(holds).values(row))
    return Hold(reason, actor, now)


def end(connection: Connection, now: float, *, reason: str, actor: str) -> None:
    """End the present hold, if there is one."""
    said = {"ended": now, "resume_reason": reason, "resumed_by": actor}
    connection.execute(update(holds).where(holds.c.ended.is_(None)).values(said))


def current(connection: Connection) -> Hold | None:
    """Return the present hold."""
    row = connection.execute(select(holds).where(holds.c.ended.is_(None))).mappings().first()
    return Hold(row["reason"], row["actor"], row["started"]) if row else None


def events(connection: Connection) -> list[dict[str, Any]]:
    """Return when holds began and ended, and why, newest first."""
    found: list[dict[str, Any]] = []
    for row in connection.execute(select(holds).order_by(holds.c.id.desc())).mappings():
        if row["ended"] is not None:
            said = {"reason": row["resume_reason"], "actor": row["resumed_by"]}
            found.append({"kind": "resume", "at": row["ended"], **said})
        said = {"reason": row["reason"], "actor": row["actor"]}
        found.append({"kind": "hold", "at": row["started"], **said})
    return found
