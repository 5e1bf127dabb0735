"""Forgets again in a restored database: who was forgotten after the backup came back with it.

The ledger of the home that is restored into counts: its proofs (`erasures/*.json`), which no
restore touches, and the database that is replaced. Invariant: an entry that the archive knows was
forgotten before the backup, and what that person said since is not touched.
"""

import json
import secrets
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from feedback.database import Database
from feedback.erasures import Erasure, entries, record
from feedback.privacy import erase, people
from feedback.tables import erasures
from ratchet.erasure_proof import PROOFS
from ratchet.replaced import read_replaced
from ratchet.settings import Settings


def known_erasures(settings: Settings) -> list[Erasure]:
    """Return everybody's erasure that this home knows of, proven or not."""
    found = {entry.digest: entry for entry in _proven(settings.home)}
    replaced = read_replaced(settings, erasures.name, entries)
    found |= {entry.digest: entry for entry in replaced}
    return sorted(found.values(), key=lambda entry: entry.asked)


def forget_again(database: Database, known: Iterable[Erasure], now: float) -> int:
    """Delete the rows of everybody who is known to be forgotten; return how many people."""
    count = 0
    with database.write() as connection:
        there = {entry.digest for entry in entries(connection)}
        names = people(connection)
        for entry in known:
            if entry.digest in there:
                continue
            mine = [name for name in names if entry.means(name)]
            for name in mine:
                again = f"{entry.id.partition('.')[0]}.{secrets.token_hex(3)}"
                erase(connection, name, replace(entry, id=again, actor="restore", asked=now))
                count += 1
            if not mine:
                record(connection, replace(entry, left={}, done=entry.done or now))
    return count


def _proven(home: Path) -> Iterable[Erasure]:
    for file in sorted((home / PROOFS).glob("*.json")):
        proof = json.loads(file.read_text(encoding="utf-8"))
        yield Erasure(
            id=proof["id"],
            salt=proof["person"]["salt"],
            digest=proof["person"]["digest"],
            actor=proof["by"],
            asked=datetime.fromisoformat(proof["asked"]).timestamp(),
            counts=proof["rows"],
            adapters=tuple(adapter["name"] for adapter in proof["adapters"]),
            done=datetime.fromisoformat(proof["finished"]).timestamp(),
        )
