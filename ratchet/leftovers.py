"""Removes what was made of a forgotten person's words: rows of datasets, jobs, evaluations, logs.

Invariant: a repeated run reports the same, because it reports what is erased and not what it has
erased; nothing that a running cycle still uses is taken but the rows, which ends that cycle
(ratchet/stages.py).
"""

import json
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import select, update

from feedback.database import Database
from feedback.erasures import count
from feedback.retention import REMOVED
from feedback.tables import completions
from feedback.theirs import texts_in
from ratchet.cycles import CycleStore
from ratchet.sought import Sought
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


def remove_leftovers(database: Database, home: Path, sought: Sought) -> Removed:
    """Remove everything but published adapters, which an engine may be reading."""
    removed, erasure = Removed(), sought.erasure
    ids = set(erasure.left.get("completions", ()))
    for dataset in datasets(home):
        if rows := erase_rows(dataset, erasure.id, ids):
            removed.datasets[dataset.name] = rows
    _remove_jobs(database, home, removed)
    _remove_drafts(database, home)
    _remove_evaluations(database, sought)
    removed.log_lines = sum(_blank(log, sought) for log in _files(home / "logs"))
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
        dataset = _dataset_of(file)
        if dataset is None or dataset in removed.datasets:
            made.add(file.parts[-3])
    removed.running, removed.jobs = sorted(made & running), sorted(made - running)
    for cycle in removed.jobs:
        shutil.rmtree(home / "jobs" / cycle, ignore_errors=True)


def _dataset_of(job: Path) -> str | None:
    """Return the name of a job's dataset; None: it cannot be told, so it may be any."""
    try:
        return Path(json.loads(job.read_text(encoding="utf-8"))["dataset"]).name
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _remove_drafts(database: Database, home: Path) -> None:
    """Remove what a kill has left half written; a cycle that curates now writes one of its own."""
    if not any(cycle.stage == "curate" for cycle in CycleStore(database).unfinished()):
        for draft in (home / "datasets").glob(".draft-*"):
            shutil.rmtree(draft, ignore_errors=True)
    for draft in home.glob(".restore-*"):  # no restore runs: we share the home
        shutil.rmtree(draft, ignore_errors=True)


def _remove_evaluations(database: Database, sought: Sought) -> None:
    """Remove the texts of test answers that quote the person; what was decided on stays."""
    for ids in _quoting(database, sought):
        with database.write() as connection:
            change = update(completions).where(completions.c.id.in_(ids))
            connection.execute(
                change.values(messages=[], passages=[], sampling={}, steps=[], text=REMOVED)
            )
            count(connection, sought.erasure.id, "evaluation answers", len(ids))


def _quoting(database: Database, sought: Sought) -> Iterator[list[str]]:
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
            if any(sought.quoted(text) for text in texts_in([row.messages, row.text, row.steps]))
        ]
        if found:
            yield found


def _blank(log: Path, sought: Sought) -> int:
    """Write over the lines that name or quote the person: their writer goes on behind.

    A log that cannot be written stays as it is, and is found again by the search afterwards.
    """
    blanked = 0
    with suppress(OSError), log.open("r+b") as file:
        start = 0
        while line := file.readline():
            text = line.decode(errors="replace")
            if sought.quoted(text) or sought.named_in(text):
                file.seek(start)
                file.write(BLANK * (len(line) - 1) + line[-1:])
                blanked += 1
            start += len(line)
            file.seek(start)
    return blanked


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())
