"""Forgets a person everywhere: rows, datasets, jobs, logs; and proves it.

The rows go first, in one transaction with the ledger's entry; from then on the person is forgotten,
whatever happens to this process. What was made of their words is found by the ids of their answers
and by fingerprints, which the entry holds until the proof is written. The command does all of it;
what web has begun, or a crash left open, the worker finishes.

Invariant: each step may be repeated, so a run that was killed anywhere is completed by the next.
"""

import fcntl
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import select

from feedback import erasures
from feedback.database import Database
from feedback.erasures import Erasure
from feedback.fingerprints import Fingerprints
from feedback.privacy import forget
from ratchet import traces
from ratchet.cycles import CycleStore
from ratchet.erasure_proof import PROOFS, Knew, publish_proof
from ratchet.home_lock import shared
from ratchet.leftovers import Removed, remove_leftovers
from ratchet.settings import Settings
from ratchet.tables import cycle_requests
from ratchet.wiring import open_database
from serving.records import AdapterRecord
from serving.registry import Registry
from serving.responders import parse

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

    Raises:
        HomeTaken: a restore is at work.
    """
    with shared(settings.home):
        database = open_database(settings)
        try:
            erasure = forget(database, person, actor)
            finish_all(settings, database)
            done = next(e for e in erasures.ledger(database) if e.id == erasure.id)
            if not _file(settings.home, done.id).is_file():  # it was proven in another home
                _finish(settings, database, done, time.time)
        finally:
            database.dispose()
    proof = proof_of(settings.home, done.id)
    said = {kind: sum(done.counts.get(t, 0) for t in tables) for kind, tables in KINDS.items()}
    return {"person": person, **said, **proof}


def finish_all(
    settings: Settings, database: Database, clock: Callable[[], float] = time.time
) -> list[str]:
    """Finish every erasure that is not proven yet; return their ids."""
    if not erasures.unfinished(database):
        return []
    with _alone(settings.home):
        waiting = erasures.unfinished(database)  # asked again: another process may have been here
        for erasure in waiting:
            _finish(settings, database, erasure, clock)
    return [erasure.id for erasure in waiting]


def _finish(
    settings: Settings, database: Database, erasure: Erasure, clock: Callable[[], float]
) -> None:
    texts = Fingerprints.from_json(erasure.key, erasure.left.get("texts", ()))
    removed = remove_leftovers(database, settings.home, erasure, texts)
    adapters = list(_adapters(database, settings.home, erasure, removed))
    retrain = _retrain(settings, database, erasure, bool(adapters or removed.running))
    database.scrub()
    found = traces.search(settings, database, erasure, texts)
    [entry] = [e for e in erasures.ledger(database) if e.id == erasure.id]
    publish_proof(
        settings.home, entry, removed=removed, adapters=adapters, retrain=retrain, found=found,
        finished=clock(), sqlite=database.sqlite,
    )  # fmt: skip
    names = [adapter["name"] for adapter in adapters]
    erasures.finish(database, erasure.id, names, clock())
    database.scrub()


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
        if name not in names and dataset in removed.datasets:
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
