"""Backup: the database as of one moment, and the files that it names, in one archive.

The database travels as a SQLite file, whichever kind it is: SQLite's own online backup copies the
file while others write, and PostgreSQL's rows are read in one transaction that sees one moment.
Adapters, documents and datasets never change once published, so copying them after the database is
enough. What can be made again is left out: the index is built from the documents, secrets are
written by the next start. Invariant: an archive is complete or absent, readable by its owner only,
and lists a hash of each file in it.
"""

import hashlib
import io
import json
import os
import sqlite3
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from sqlalchemy import make_url, select

from feedback.database import Database
from ratchet.migrations import head, migrate, revision
from ratchet.settings import Settings
from ratchet.transfer import copy_rows, rows_in
from serving.tables import adapters

DATABASE = "ratchet.db"
MANIFEST = "manifest.json"
FORMAT = 1
FOLDERS = ("adapters", "documents", "datasets")
FILES = ("cookie.key",)
"""Without it everybody who chats on the page would come back as a stranger."""
OWNER_ONLY = 0o600


class ArchiveError(Exception):
    """A backup cannot be made or brought back; the message says what to do instead."""


def write_backup(settings: Settings, file: Path) -> dict[str, Any]:
    """Write the archive, while the service runs.

    Raises:
        ArchiveError: there is no database yet, or an older version's.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    with tempfile.TemporaryDirectory(dir=file.parent, prefix=".backup-") as folder:
        copy = Path(folder) / DATABASE
        made = time.time()
        rows = copy_database(settings.database, copy)
        fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, OWNER_ONLY)
        try:
            with os.fdopen(fd, "wb") as out:
                files = _write(out, settings.home, copy, {"created": made, "rows": rows})
                out.flush()
                os.fsync(out.fileno())
            draft.replace(file)
        finally:
            draft.unlink(missing_ok=True)
    return {"file": str(file), "bytes": file.stat().st_size, "files": files, "rows": rows}


def copy_database(url: str, copy: Path) -> dict[str, int]:
    """Write one moment of the database into a SQLite file; return each table's count of rows.

    Raises:
        ArchiveError: there is no database yet, or an older version's.
    """
    source = _sqlite_file(url)
    if source is not None:
        if not source.is_file():
            raise ArchiveError(f"{source} does not exist: there is nothing to back up yet.")
        _copy_file(source, copy)
    target = Database(f"sqlite:///{copy}")
    try:
        if source is None:
            _copy_server(url, target)
        elif revision(target) is None:
            raise ArchiveError(f"{source} is at revision None: start the service once.")
        migrate(target)
        return rows_in(target)
    finally:
        target.scrub()
        target.dispose()


def _sqlite_file(url: str) -> Path | None:
    parsed = make_url(url)
    return Path(str(parsed.database)) if parsed.get_backend_name() == "sqlite" else None


def _copy_file(source: Path, target: Path) -> None:
    origin, copy = sqlite3.connect(source), sqlite3.connect(target)
    try:
        origin.backup(copy)
    finally:
        copy.close()
        origin.close()


def _copy_server(url: str, target: Database) -> None:
    server = Database(url)
    try:
        server.check()
        at = revision(server)
        if at != head():
            raise ArchiveError(
                f"the database is at revision {at}, this version backs up {head()}: start the"
                " service once, which migrates it."
            )
        migrate(target)
        copy_rows(server, target)
    finally:
        server.dispose()


def _write(out: BinaryIO, home: Path, database: Path, about: dict[str, Any]) -> int:
    """Write all files and, behind them, the manifest; return how many files there are."""
    hashes: dict[str, dict[str, Any]] = {}
    needed = _named_adapters(database)
    # Whole files, also where two names lead to one: each is hashed and brought back by itself.
    with tarfile.open(fileobj=out, mode="w", dereference=True) as tar:
        for name, path in [(DATABASE, database), *_published(home)]:
            try:
                hashes[name] = _add(tar, name, path)
            except FileNotFoundError as err:  # a document was removed since it was listed
                if path == database or needed & set(Path(name).parts):
                    raise ArchiveError(f"{path} has vanished: take the backup again.") from err
        manifest = {"format": FORMAT, "revision": head(), **about, "files": hashes}
        content = json.dumps(manifest, indent=1).encode()
        info = tarfile.TarInfo(MANIFEST)
        info.size, info.mtime, info.mode = len(content), int(about["created"]), OWNER_ONLY
        tar.addfile(info, io.BytesIO(content))
    return len(hashes)


def _named_adapters(database: Path) -> set[str]:
    """Find the adapters that a copied database names: without them it would not be whole."""
    copy = Database(f"sqlite:///{database}")
    try:
        with copy.read() as db:
            return {Path(path).name for path in db.scalars(select(adapters.c.path))}
    finally:
        copy.dispose()


def _published(home: Path) -> Iterator[tuple[str, Path]]:
    """Find what belongs into an archive; what is still being written has a name with a dot."""
    for name in FILES:
        if (home / name).is_file():
            yield name, home / name
    for folder in FOLDERS:
        for path in sorted((home / folder).rglob("*")):
            within = path.relative_to(home)
            if path.is_file() and not any(part.startswith(".") for part in within.parts):
                yield str(within), path


class _Hashed:
    """A file that is hashed as it is read: once, however large it is."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self.hash = file, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """Read on."""
        part = self._file.read(size)
        self.hash.update(part)
        return part


def _add(tar: tarfile.TarFile, name: str, path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        info = tar.gettarinfo(arcname=name, fileobj=file)
        if name in {DATABASE, *FILES}:
            info.mode = OWNER_ONLY
        hashed = _Hashed(file)
        tar.addfile(info, hashed)
    return {"sha256": hashed.hash.hexdigest(), "bytes": info.size}
