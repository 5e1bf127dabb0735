"""The written proof of an erasure: JSON and plain text, for who was forgotten and for who checks.

It names nobody: the person is told by the ledger's salted hash, which `ratchet restore` looks for
in older backups. Invariant: what is not gone is in it, with the reason and what to do.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypedDict

from feedback.erasures import Erasure
from ratchet.leftovers import Removed
from ratchet.traces import NOT_READ, Found

PROOFS = "erasures"
"""The folder of proofs in RATCHET_HOME. No backup holds it, no restore touches it."""

Knew = TypedDict(
    "Knew", {"name": str, "dataset": str, "rows": dict[str, int], "is": list[str],
             "registered": bool}
)  # fmt: skip
"""An adapter that learned from the person; `is` holds its aliases."""


def publish_proof(
    home: Path,
    erasure: Erasure,
    *,
    removed: Removed,
    adapters: Sequence[Knew],
    retrain: Mapping[str, Any],
    found: Found,
    finished: float,
    sqlite: bool,
    scrubbed: bool,
) -> None:
    """Write `erasures/<id>.json` and `.txt`, each complete or not at all."""
    proof: dict[str, Any] = {
        "id": erasure.id,
        "person": {"salt": erasure.salt, "digest": erasure.digest},
        "by": erasure.actor,
        "asked": _time(erasure.asked),
        "finished": _time(finished),
        "rows": {table: count for table, count in erasure.counts.items() if count},
        "datasets": [{"hash": name, "rows": rows} for name, rows in removed.datasets.items()],
        "jobs": removed.jobs,
        "log_lines": removed.log_lines,
        "adapters": list(adapters),
        "retrain": dict(retrain),
        "check": {
            "rows": found.rows,
            "files": found.files,
            "named": dict(found.named),
            "quoted": dict(found.quoted),
            "same_words_of_others": dict(found.others),
        },
        "remains": list(_remains(removed, adapters, found)),
    }
    proof["remains"] += _of_database(sqlite=sqlite, scrubbed=scrubbed)
    folder = home / PROOFS
    _publish(folder / f"{erasure.id}.txt", in_words(proof))
    _publish(folder / f"{erasure.id}.json", json.dumps(proof, ensure_ascii=False, indent=2) + "\n")


def _publish(file: Path, text: str) -> None:
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    with draft.open("w", encoding="utf-8") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    draft.replace(file)


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


def _remains(removed: Removed, adapters: Sequence[Knew], found: Found) -> Iterator[dict[str, str]]:
    for adapter in adapters:
        where = ", ".join(adapter["is"])
        yield {
            "what": f"adapter {adapter['name']}" + (f" ({where})" if where else ""),
            "why": "weights that learned from the person cannot unlearn; an engine may be using it",
            "do": "nothing: the next adapter starts from the base, without them; then delete its"
            " folder if it must not stay" if not where else
            "promote an adapter that is not in this list, or `ratchet rollback` to one",
        }  # fmt: skip
    for name in removed.datasets:
        yield {
            "what": f"the manifest of dataset {name}",
            "why": "counts, hashes and ids of answers that are gone: it tells which adapters knew"
            " whom when the next person is forgotten",
            "do": "nothing",
        }
    for cycle in removed.running:
        yield {
            "what": f"the job folder of cycle {cycle}, without its dataset",
            "why": "it is running; it ends before its next stage and removes the folder",
            "do": "nothing",
        }
    for places, why in ((found.named, "names the person"), (found.quoted, "quotes the person")):
        for place in places:
            yield {"what": place, "why": why, "do": _advice(place)}
    for place, why in found.unread.items():
        yield {
            "what": place,
            "why": f"not read: {why}",
            "do": "look at it, and delete it if it is the person's",
        }
    if found.others:
        yield {
            "what": "the same words in " + ", ".join(found.others),
            "why": "said by other people, or by the documents",
            "do": "nothing",
        }
    yield {
        "what": "backups that were taken before",
        "why": "an archive is not rewritten; `ratchet restore` forgets again who is listed here",
        "do": f"delete old archives when your promises say so, and keep the folder {PROOFS}/",
    }
    yield {
        "what": f"files that were exported to other places, and weights ({', '.join(NOT_READ)})",
        "why": "Ratchet does not know where exports went, and reads no text in weights",
        "do": "delete exports by hand",
    }


def _of_database(*, sqlite: bool, scrubbed: bool) -> Iterator[dict[str, str]]:
    if not scrubbed:
        yield {
            "what": "SQLite's log, ratchet.db-wal",
            "why": "somebody has been reading the database for long, so it could not be emptied",
            "do": "end what reads it; the worker empties it then, and writes this proof anew",
        }
    if not sqlite:
        yield {
            "what": "PostgreSQL's own pages and write-ahead log",
            "why": "deleted rows stay on them until they are vacuumed and recycled",
            "do": "VACUUM; see docs/operations.md",
        }


def _advice(place: str) -> str:
    if place.startswith("replaced-"):
        return "delete this folder: it is the state that a restore set aside"
    if place.startswith("jobs/"):
        return "it goes with its cycle, if that is running; otherwise delete it"
    if place.startswith("api_keys"):
        return "`ratchet keys revoke`; the key's record keeps its holder's name"
    if place.split(".")[0] in {"completions", "conversations", "votes"}:
        return "nothing: it was said after the erasure; forget again if that must go too"
    return "look at it, and delete it if it is the person's"


def in_words(proof: Mapping[str, Any]) -> str:
    """Return a proof as text."""
    check = proof["check"]
    rows = [f"  {count} in {table}" for table, count in proof["rows"].items()] or ["  none"]
    sets = [
        f"  {each['hash']}: {sum(each['rows'].values())} of its rows came from this person;"
        " all of its rows are removed"
        for each in proof["datasets"]
    ] or ["  none"]
    knew = [
        f"  {each['name']} ({', '.join(each['is']) or 'not in use'}), from dataset"
        f" {each['dataset']}"
        for each in proof["adapters"]
    ] or ["  none"]
    remains = [f"  {r['what']}: {r['why']}. To do: {r['do']}." for r in proof["remains"]]
    return "\n".join(
        [
            f"{proof['id']}: a person was forgotten",
            "",
            f"Asked {proof['asked']} by {proof['by']}; finished {proof['finished']}.",
            f"The person's hash is {proof['person']['digest']} (salt {proof['person']['salt']}).",
            "",
            "Rows deleted from the database:",
            *rows,
            "Datasets that held their rows:",
            *sets,
            f"Job folders removed: {', '.join(proof['jobs']) or 'none'}."
            f" Log lines blanked: {proof['log_lines']}.",
            "Adapters that learned from them:",
            *knew,
            f"Training without them: {proof['retrain']['state']} ({proof['retrain']['why']}).",
            "",
            f"Searched afterwards: {check['rows']} rows, {check['files']} files, an export.",
            f"  named in {len(check['named'])} places, quoted in {len(check['quoted'])} places.",
            "What remains:",
            *remains,
            "",
        ]
    )
