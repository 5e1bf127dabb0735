"""Forgets a person everywhere: rows, datasets, jobs, logs; and proves it.

The rows go first, in one transaction with the ledger's entry; from then on the person is forgotten,
whatever happens to this process. What was made of their words is found by the ids of their answers
and by fingerprints, which the entry holds until the proof is written. The command does all of it;
what web has begun, or a crash left open, the worker finishes.

Invariant: each step may be repeated, so a run that was killed anywhere is completed by the next.
"""

import fcntl
import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import select

from feedback import erasures
from feedback.database import Database
from feedback.erasures import Erasure
from feedback.names import shape
from feedback.privacy import forget
from ratchet import traces
from ratchet.cycles import CycleStore
from ratchet.erasure_proof import PROOFS, Knew, publish_proof
from ratchet.home_lock import shared
from ratchet.leading import leads
from ratchet.leftovers import Removed, remove_leftovers
from ratchet.settings import Settings
from ratchet.sought import Sought
from ratchet.tables import cycle_requests
from ratchet.wiring import open_database
from serving.records import AdapterRecord
from serving.registry import Registry
from serving.responders import parse

logger = logging.getLogger(__name__)

RETRY_SECONDS = 0.2
"""What writers wait for readers, every few seconds: the worker comes again."""
TRIES = 3
KINDS = {
    "completions": ("completions",),
    "votes": ("votes",),
    "comparisons": ("comparisons",),
    "rankings": ("rankings",),
    "corrections": ("corrections",),
    "events": ("vote_events", "comparison_events", "ranking_events", "correction_events"),
}


def forget_everywhere(
    settings: Settings, person: str, actor: str = "command line"
) -> dict[str, Any]:
    """Delete what a person asked, was answered and said, and all that was made of it; prove it.

    In a home that does not lead the rows go, and the worker does the rest in its own: then there is
    no `proof` yet.

    Raises:
        HomeTaken: a restore is at work.
    """
    with shared(settings.home):
        database = open_database(settings)
        try:
            erasure = forget(database, person, actor)
            here = leads(settings, database)
            if here:
                _finish_here(settings, database, erasure.id, person)
            done = next(e for e in erasures.ledger(database) if e.id == erasure.id)
        finally:
            database.dispose()
    proof = proof_of(settings.home, done.id) if here else {"erasure": done.id, "proof": None}
    said = {kind: sum(done.counts.get(t, 0) for t in tables) for kind, tables in KINDS.items()}
    return {"person": person, **said, **proof}


def _finish_here(settings: Settings, database: Database, erasure_id: str, person: str) -> None:
    finish_all(settings, database)
    if _file(settings.home, erasure_id).is_file():
        return
    # It had nothing to find, or the log could not be emptied: the proof says so.
    [entry] = [e for e in erasures.ledger(database) if e.id == erasure_id]
    entry = replace(entry, left={"name": shape(person), **entry.left})
    with _alone(settings.home):
        cleaned = _clean(settings, database, entry)
        scrubbed = any(database.scrub() for _ in range(TRIES))
        _prove(settings, database, [cleaned], time.time, scrubbed=scrubbed)


def finish_all(
    settings: Settings, database: Database, clock: Callable[[], float] = time.time
) -> list[str]:
    """Finish every erasure that is not proven yet; return the ids of those that are.

    One that fails keeps no other from being finished. While a reader keeps SQLite's log from being
    emptied nothing is proven: the next call tries again.
    """
    if not erasures.unfinished(database):
        return []
    with _alone(settings.home):
        cleaned = []
        for erasure in erasures.unfinished(database):  # again: another process may have been here
            try:
                cleaned.append(_clean(settings, database, erasure))
            except Exception:
                logger.exception("%s could not be finished; it is tried again.", erasure.id)
        if not cleaned:
            return []
        if not database.scrub(RETRY_SECONDS):
            logger.warning("A reader keeps what was forgotten in SQLite's log; trying again.")
            return []
        _prove(settings, database, cleaned, clock, scrubbed=True)
    return [each.sought.erasure.id for each in cleaned]


@dataclass(frozen=True)
class Cleaned:
    """An erasure whose leftovers are removed."""

    sought: Sought
    removed: Removed
    adapters: list[Knew]
    retrain: dict[str, Any]


def _clean(settings: Settings, database: Database, erasure: Erasure) -> Cleaned:
    sought = Sought(erasure)
    removed = remove_leftovers(database, settings.home, sought)
    adapters = list(_adapters(database, settings.home, erasure, removed))
    retrain = _retrain(settings, database, erasure, bool(adapters or removed.running))
    return Cleaned(sought, removed, adapters, retrain)


def _prove(
    settings: Settings,
    database: Database,
    cleaned: Sequence[Cleaned],
    clock: Callable[[], float],
    *,
    scrubbed: bool,
) -> None:
    """Search once for all, write every proof, and close the entries whose words are on no page."""
    all_found = traces.search(settings, database, [each.sought for each in cleaned])
    ledger = {entry.id: entry for entry in erasures.ledger(database)}
    for each, found in zip(cleaned, all_found, strict=True):
        entry = ledger[each.sought.erasure.id]
        publish_proof(
            settings.home, entry, removed=each.removed, adapters=each.adapters,
            retrain=each.retrain, found=found, finished=clock(), sqlite=database.sqlite,
            scrubbed=scrubbed,
        )  # fmt: skip
        if scrubbed:
            names = [adapter["name"] for adapter in each.adapters]
            erasures.finish(database, entry.id, names, clock())
    if scrubbed:
        database.scrub(RETRY_SECONDS)


def proof_of(home: Path, erasure_id: str) -> Mapping[str, Any]:
    """Read a proof, with the file that it is in."""
    file = _file(home, erasure_id)
    proof: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return {"erasure": erasure_id, "proof": str(file), **proof}


def _file(home: Path, erasure_id: str) -> Path:
    return home / PROOFS / f"{erasure_id}.json"


def _adapters(database: Database, home: Path, erasure: Erasure, removed: Removed) -> Iterator[Knew]:
    """Find every adapter that learned from the person, of whichever base, by dataset and by uses.

    A cycle's record says it where the dataset lies on another machine; a dataset's manifest says it
    also of an adapter that the database has lost.
    """
    by_use = {*erasure.left.get("adapters", ()), *erasure.adapters}
    known = Registry(database, "").adapters()
    for record in known:
        rows = removed.datasets.get(record.dataset, {})
        if rows or record.name in by_use:
            yield {
                "name": record.name, "dataset": record.dataset, "rows": rows,
                "is": _aliases(database, record), "registered": True,
            }  # fmt: skip
    names = {record.name for record in known}
    for name, dataset in traces.published_adapters(home).items():
        if name not in names and dataset is not None and dataset in removed.datasets:
            rows = removed.datasets[dataset]
            yield {"name": name, "dataset": dataset, "rows": rows, "is": [], "registered": False}


def _aliases(database: Database, record: AdapterRecord) -> list[str]:
    routes = Registry(database, record.base_hash).routes()
    said = {
        "live": parse(routes.live).adapter if routes.live else None,
        "previous": parse(routes.previous).adapter if routes.previous else None,
        "candidate": routes.candidate,
    }
    return [alias for alias, adapter in said.items() if adapter == record.name]


def _retrain(
    settings: Settings, database: Database, erasure: Erasure, needed: bool
) -> dict[str, Any]:
    """File a request for a cycle without the person, once; or say why there is none."""
    if not needed:
        return {"state": "not needed", "why": "nothing was trained on what they said"}
    if not settings.schedule.enabled:
        return {"state": "by hand", "why": "the schedule is off: run `ratchet cycle`"}
    filed = select(cycle_requests.c.id).where(cycle_requests.c.actor == erasure.id)
    with database.read() as connection:
        number = connection.execute(filed).scalar()
    cycles = CycleStore(database)
    if number is None and (waiting := cycles.next_request()):
        number = waiting.id  # it has not read anything yet, so it reads what is left
    if number is None:
        number = cycles.request("auto", erasure.id)
    return {"state": "requested", "request": number, "why": "the worker trains without them"}


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Let one process of a machine finish at a time: the others would write the same."""
    (home / PROOFS).mkdir(parents=True, exist_ok=True, mode=0o700)
    with (home / PROOFS / ".lock").open("w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
