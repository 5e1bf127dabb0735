"""Removes what was made of a forgotten person's words: rows of datasets, jobs, evaluations, logs.

Invariant: a repeated run reports the same, because it reports what is erased and not what it has
erased; nothing that a running cycle still uses is taken but the rows, which ends that cycle
(ratchet/stages.py).
"""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import select, update

from feedback.database import Database
from feedback.erasures import Erasure, count
from feedback.fingerprints import Fingerprints
from feedback.retention import REMOVED
from feedback.tables import completions
from feedback.theirs import texts_in
from ratchet.cycles import CycleStore
from training.erased import datasets, erase_rows
from training.job import JOB

BATCH = 200
BLANK = b"."


@dataclass
class Removed:
    """What held words of the person."""

    datasets: dict[str, dict[str, int]] = field(default_factory=dict)
    """Rows of each part that came from the person's answers, by the dataset's hash."""
    jobs: list[str] = field(default_factory=list)
    """Numbers of the cycles whose job folders are gone."""
    running: list[str] = field(default_factory=list)
    """Cycles that end by themselves, and remove theirs then."""
    log_lines: int = 0


def remove_leftovers(
    database: Database, home: Path, erasure: Erasure, texts: Fingerprints
) -> Removed:
    """Remove everything but published adapters, which an engine may be reading."""
    removed = Removed()
    ids = set(erasure.left.get("completions", ()))
    for dataset in datasets(home):
        if rows := erase_rows(dataset, erasure.id, ids):
            removed.datasets[dataset.name] = rows
    _remove_jobs(database, home, removed)
    _remove_drafts(database, home)
    _remove_evaluations(database, erasure, texts)
    removed.log_lines = sum(_blank(log, texts) for log in _files(home / "logs"))
    return removed


def _remove_jobs(database: Database, home: Path, removed: Removed) -> None:
    """Remove the judge, checkpoints and logs of every cycle that worked on such a dataset."""
    cycles = CycleStore(database)
    running = {str(cycle.id) for cycle in cycles.unfinished()}
    made = {
        str(cycle.id)
        for cycle in cycles.recent(2**31 - 1)
        if (cycle.dataset or {}).get("hash") in removed.datasets
    }
    for file in (home / "jobs").glob(f"*/*/{JOB}"):
        job = json.loads(file.read_text(encoding="utf-8"))
        if Path(job["dataset"]).name in removed.datasets:
            made.add(file.parts[-3])
    removed.running, removed.jobs = sorted(made & running), sorted(made - running)
    for cycle in removed.jobs:
        shutil.rmtree(home / "jobs" / cycle, ignore_errors=True)


def _remove_drafts(database: Database, home: Path) -> None:
    """Remove what a kill has left half written; a cycle that curates now writes one of its own."""
    if not any(cycle.stage == "curate" for cycle in CycleStore(database).unfinished()):
        for draft in (home / "datasets").glob(".draft-*"):
            shutil.rmtree(draft, ignore_errors=True)
    for draft in home.glob(".restore-*"):  # no restore runs: we share the home
        shutil.rmtree(draft, ignore_errors=True)


def _remove_evaluations(database: Database, erasure: Erasure, texts: Fingerprints) -> None:
    """Remove the texts of test answers that quote the person; what was decided on stays."""
    for ids in _quoting(database, texts):
        with database.write() as connection:
            change = update(completions).where(completions.c.id.in_(ids))
            connection.execute(
                change.values(messages=[], passages=[], sampling={}, steps=[], text=REMOVED)
            )
            count(connection, erasure.id, "evaluation answers", len(ids))


def _quoting(database: Database, texts: Fingerprints) -> Iterator[list[str]]:
    table, last = completions.c, ""
    query = select(table.id, table.messages, table.text, table.steps).where(
        table.purpose == "evaluation"
    )
    while True:
        with database.read() as connection:
            part = query.where(table.id > last).order_by(table.id).limit(BATCH)
            rows = connection.execute(part).all()
        if not rows:
            return
        last = rows[-1].id
        found = [
            row.id
            for row in rows
            if any(texts.quoted(text) for text in texts_in([row.messages, row.text, row.steps]))
        ]
        if found:
            yield found


def _blank(log: Path, texts: Fingerprints) -> int:
    """Write over the lines that quote the person, where they are: their writer goes on behind."""
    blanked = 0
    with log.open("r+b") as file:
        start = 0
        while line := file.readline():
            if texts.quoted(line.decode(errors="replace")):
                file.seek(start)
                file.write(BLANK * (len(line) - 1) + line[-1:])
                blanked += 1
            start += len(line)
            file.seek(start)
    return blanked


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())
