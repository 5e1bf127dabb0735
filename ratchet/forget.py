"""Forgets a person everywhere: in the database and in the datasets that hold their rows.

Adapters that learned from them stay until the next cycle, which starts from what is left.
Invariant: the datasets are found before the rows that prove whose they are have gone.
"""

import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sqlalchemy import select

from feedback.privacy import forget
from feedback.tables import completions
from ratchet.settings import Settings
from ratchet.wiring import open_store
from training.dataset import DatasetError, read_manifest


def forget_everywhere(settings: Settings, person: str) -> dict[str, Any]:
    """Delete what a person asked, was answered and said; return how much it was."""
    store = open_store(settings)
    with store.database.read() as db:
        mine = set(db.scalars(select(completions.c.id).where(completions.c.person == person)))
    folders = [f for f in _datasets(settings.home) if mine & _sources(f)]
    report = forget(store.database, person)
    for folder in folders:
        shutil.rmtree(folder)
    return asdict(report) | {"datasets": [folder.name for folder in folders]}


def _datasets(home: Path) -> list[Path]:
    folder = home / "datasets"
    return sorted(f for f in folder.iterdir() if f.is_dir()) if folder.is_dir() else []


def _sources(folder: Path) -> set[str]:
    try:
        parts = read_manifest(folder)["sources"].values()
    except DatasetError:  # an unfinished one: whoever wrote it will write it again
        return set()
    lines = [line for part in parts for line in part]
    return {name for line in lines for name in ([line] if isinstance(line, str) else line)}
