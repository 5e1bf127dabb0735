"""What a worker that was killed while it curated has left, and nobody knows of.

A dataset that was renamed into place before its cycle knew it belongs to no cycle; whoever was
forgotten between its reading and its writing is in it still. Invariant: behind a curation no
dataset of the home holds rows of a person who was forgotten.
"""

import shutil
from contextlib import suppress

from feedback.erasures import ledger
from feedback.privacy import gone
from ratchet.cycle import CycleRun, Ending
from ratchet.learn import curate_window
from ratchet.wiring import Parts
from training.erased import DatasetErased, answers_behind, datasets, erase_rows


def curate(parts: Parts, run: CycleRun) -> str | Ending:
    """Freeze the round's rows, between two looks at what is there."""
    sweep(parts, run)
    done = curate_window(parts, run)
    sweep(parts, run)
    return done


def sweep(parts: Parts, run: CycleRun) -> None:
    """Remove drafts, and the rows of every dataset that some forgotten person's answers are in."""
    home = parts.settings.home
    for draft in (home / "datasets").glob(".draft-*"):  # the lease's holder alone writes datasets
        shutil.rmtree(draft, ignore_errors=True)
    if not ledger(parts.database):
        return  # answers are missing for another reason: a home may be given a new database
    for dataset in datasets(home):
        with suppress(DatasetErased):
            with parts.database.read() as connection:
                lost = gone(connection, answers_behind(dataset))
            erase_rows(dataset, f"cycle-{run.id}", lost)
