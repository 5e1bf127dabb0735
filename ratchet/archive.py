"""Backup and restore: the database as of one moment, and the files that it names.

SQLite's own online backup copies the database while others write. Adapters, documents and datasets
never change once published, so copying them after the database is enough. Invariant: an archive is
complete or absent, readable by its owner only, and is never restored over existing state.
"""

import os
import shutil
import sqlite3
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from sqlalchemy import make_url, select, update

from feedback.database import Database
from ratchet.settings import Settings
from serving.tables import adapters

DATABASE = "ratchet.db"
FOLDERS = ("adapters", "documents", "datasets")
FILES = ("cookie.key",)
"""Without it everybody who chats on the page would come back as a stranger."""


class ArchiveError(Exception):
    """A backup cannot be made or brought back; the message says what to do instead."""


def write_backup(settings: Settings, file: Path) -> dict[str, Any]:
    """Write the archive.

    Raises:
        ArchiveError: the database is not a SQLite file that exists.
    """
    source = _sqlite_file(settings)
    if not source.is_file():
        raise ArchiveError(f"{source} does not exist: there is nothing to back up yet.")
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    with tempfile.TemporaryDirectory(dir=file.parent, prefix=".backup-") as folder:
        copy = Path(folder) / DATABASE
        _copy_database(source, copy)
        fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            with os.fdopen(fd, "wb") as out, tarfile.open(fileobj=out, mode="w") as tar:
                tar.add(copy, DATABASE)
                for name in (*FOLDERS, *FILES):
                    if (settings.home / name).exists():
                        tar.add(settings.home / name, name, filter=_published)
                names = tar.getnames()
            draft.replace(file)
        finally:
            draft.unlink(missing_ok=True)
    return {"file": str(file), "bytes": file.stat().st_size, "files": len(names)}


def read_backup(settings: Settings, file: Path) -> dict[str, Any]:
    """Bring an archive back.

    Raises:
        ArchiveError: there is state already, or the file is no backup.
    """
    target = _sqlite_file(settings)
    taken = [p for p in (target, *(settings.home / f for f in FOLDERS)) if p.exists()]
    if taken:
        raise ArchiveError(
            f"{taken[0]} exists: restore into an empty RATCHET_HOME, or move that one away first."
        )
    settings.home.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(dir=settings.home, prefix=".restore-"))
    try:
        try:
            with tarfile.open(file) as tar:
                tar.extractall(draft, filter="data")
                names = tar.getnames()
        except (OSError, tarfile.TarError) as err:
            raise ArchiveError(f"{file} cannot be read as a backup: {err}") from err
        if not (draft / DATABASE).is_file():
            raise ArchiveError(f"{file} holds no {DATABASE}: it is no backup of Ratchet.")
        for name in (*FOLDERS, *FILES):
            if (draft / name).exists():
                (draft / name).replace(settings.home / name)
        _move_adapters(draft / DATABASE, settings.home)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(draft / DATABASE, target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return {"home": str(settings.home), "files": len(names)}


def _sqlite_file(settings: Settings) -> Path:
    url = make_url(settings.database)
    if url.get_backend_name() != "sqlite" or not url.database:
        raise ArchiveError(
            f"{url.render_as_string()} is not a SQLite file: use the database's own backup "
            "(pg_dump) and copy the folders adapters, documents and datasets of RATCHET_HOME."
        )
    return Path(url.database)


def _copy_database(source: Path, target: Path) -> None:
    origin, copy = sqlite3.connect(source), sqlite3.connect(target)
    try:
        origin.backup(copy)
    finally:
        copy.close()
        origin.close()


def _published(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Leave out what is still being written: its name starts with a dot until it is renamed."""
    return None if Path(member.name).name.startswith(".") else member


def _move_adapters(database: Path, home: Path) -> None:
    """Let the records name the adapters' new place."""
    opened = Database(f"sqlite:///{database}")
    try:
        with opened.write() as db:
            for (path,) in db.execute(select(adapters.c.path)).all():
                moved = (home / "adapters" / Path(path).name).resolve()
                db.execute(update(adapters).where(adapters.c.path == path).values(path=str(moved)))
    finally:
        opened.scrub()
        opened.dispose()
