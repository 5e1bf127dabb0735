"""Who may become live or a candidate, read inside a transaction that the caller holds.

Invariant: an adapter of another base is never eligible, whatever it passed and however it is
forced.
"""

from sqlalchemy import Connection, RowMapping, select

from serving import stack
from serving.errors import NotEligible, UnknownResponder
from serving.records import AdapterRecord
from serving.responders import parse
from serving.tables import adapters, aliases, decisions


def adapter(connection: Connection, name: str) -> AdapterRecord | None:
    """Return the adapter of this name, of whichever base it is."""
    query = select(adapters).where(adapters.c.name == name)
    row = connection.execute(query).mappings().first()
    return AdapterRecord(**row) if row else None


def aliased(connection: Connection, base_hash: str) -> dict[str, RowMapping]:
    """Return the aliases of a base by their names."""
    query = select(aliases).where(aliases.c.base_hash == base_hash)
    return {row["alias"]: row for row in connection.execute(query).mappings()}


def passed(connection: Connection, base_hash: str, responder: str) -> bool:
    """Say whether the gate's last word on this responder was `promote`."""
    query = (
        select(decisions.c.decision)
        .where(decisions.c.base_hash == base_hash, decisions.c.responder == responder)
        .order_by(decisions.c.id.desc())
        .limit(1)
    )
    return connection.execute(query).scalar() == "promote"


def check_known(connection: Connection, base_hash: str, responder: str) -> None:
    """Refuse what cannot be served on this base.

    Raises:
        UnknownResponder: its adapter does not exist or belongs to another base.
    """
    name = parse(responder).adapter
    if name is None:
        return
    record = adapter(connection, name)
    if record is None:
        raise UnknownResponder(f"there is no adapter {name!r}; see `ratchet adapters list`")
    if record.base_hash != base_hash:
        raise UnknownResponder(
            f"adapter {name!r} was trained on another base model and is never loaded; train one "
            "on the present base"
        )


def check_promotable(
    connection: Connection, base_hash: str, responder: str, *, force: bool
) -> None:
    """Refuse what may not go live.

    Raises:
        UnknownResponder: its adapter does not exist or belongs to another base.
        NotEligible: it neither passed the gate nor was live before, and `force` is not set.
    """
    check_known(connection, base_hash, responder)
    if force or passed(connection, base_hash, responder):
        return
    if not stack.was_live(connection, base_hash, responder):
        raise NotEligible(
            f"{responder!r} did not pass the gate and was never live; promote it with force if "
            "you mean it"
        )
