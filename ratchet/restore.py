"""Brings an archive back, checked file by file, into SQLite or PostgreSQL.

Everything is unpacked beside where it belongs, checked against the manifest and then renamed; the
database comes last. Invariant: until it is there, nothing has been lost; what was in the way is set
aside, never deleted, and only where that was asked for.
"""

import fcntl
import hashlib
import json
import os
import shutil
import tarfile
import tempfile
import time
from pathlib import Path
from typing import Any

from sqlalchemy import inspect, make_url, select, update

from feedback.database import Database
from ratchet.archive import DATABASE, FILES, FOLDERS, FORMAT, MANIFEST, OWNER_ONLY, ArchiveError
from ratchet.migrations import migrate
from ratchet.settings import Settings
from ratchet.transfer import copy_rows, rows_in
from serving.tables import adapters

JOURNALS = ("-wal", "-shm")
"""SQLite's log, which would be replayed over a file that it does not belong to."""


def read_backup(settings: Settings, file: Path, *, replace: bool = False) -> dict[str, Any]:
    """Bring an archive back.

    Raises:
        ArchiveError: there is state already and `replace` is not set, a service runs on it, or the
            archive is damaged.
    """
    home = settings.home
    home.mkdir(parents=True, exist_ok=True)
    _refuse_while_running(home)
    taken = _taken(settings)
    if taken and not replace:
        raise ArchiveError(
            f"{taken[0]} exists: restore into an empty RATCHET_HOME, or set what is there aside"
            " with --replace."
        )
    draft = Path(tempfile.mkdtemp(dir=home, prefix=".restore-"))
    try:
        manifest = _unpack(file, draft)
        server = None if _file_of(settings) else _open_server(settings, replace=replace)
        aside = _set_aside(home, taken)
        for name in (*FOLDERS, *FILES):
            if (draft / name).exists():
                (draft / name).replace(home / name)
        _bring_database(draft / DATABASE, settings, server)
        os.sync()  # what is said to be there outlives a power cut
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return {
        "home": str(home),
        "files": len(manifest["files"]),
        "rows": manifest["rows"],
        "aside": str(aside) if aside else None,
    }


def _file_of(settings: Settings) -> Path | None:
    """Return SQLite's file; None: the database is a server's."""
    url = make_url(settings.database)
    return Path(str(url.database)) if url.get_backend_name() == "sqlite" else None


def _taken(settings: Settings) -> list[Path]:
    """Find what a restore would write over, or what would not fit to it any more."""
    inside = [settings.home / name for name in (*FOLDERS, *FILES, "index")]
    file = _file_of(settings)
    if file is not None:
        inside += [file, *(file.with_name(file.name + end) for end in JOURNALS)]
    return [path for path in inside if path.exists()]


def _refuse_while_running(home: Path) -> None:
    lock = home / "run" / "up.lock"
    if not lock.is_file():
        return
    with lock.open(encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as err:
            raise ArchiveError(f"a service runs in {home}: stop it first.") from err


def _unpack(file: Path, draft: Path) -> dict[str, Any]:
    """Unpack an archive and check every file of it; return its manifest."""
    try:
        with tarfile.open(file) as tar:
            tar.extractall(draft, filter="data")
        manifest: dict[str, Any] = json.loads((draft / MANIFEST).read_text(encoding="utf-8"))
        listed = manifest["files"]
    except (OSError, tarfile.TarError, ValueError, KeyError) as err:
        raise ArchiveError(f"{file} cannot be read as a backup of Ratchet: {err}") from err
    if manifest.get("format") != FORMAT:
        raise ArchiveError(f"{file} has the format {manifest.get('format')}, not {FORMAT}.")
    there = {str(p.relative_to(draft)) for p in draft.rglob("*") if p.is_file()} - {MANIFEST}
    wrong = sorted(there ^ listed.keys())
    wrong += [name for name in sorted(there & listed.keys()) if _hash(draft / name) != listed[name]]
    if wrong or DATABASE not in there:
        raise ArchiveError(
            f"{file} is damaged: {(wrong or [DATABASE])[0]} is not as it was written. Nothing was"
            " restored; take another backup."
        )
    return manifest


def _hash(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        return {
            "sha256": hashlib.file_digest(file, "sha256").hexdigest(),
            "bytes": path.stat().st_size,
        }


def _open_server(settings: Settings, *, replace: bool) -> Database:
    server = Database(settings.database)
    server.check()
    with server.read() as db:
        empty = not inspect(db).get_table_names()
    if empty or replace or not any(rows_in(server).values()):
        return server
    server.dispose()
    raise ArchiveError(
        "the PostgreSQL database holds rows already: name an empty one in RATCHET_DATABASE_URL, or"
        " have them replaced with --replace."
    )


def _set_aside(home: Path, taken: list[Path]) -> Path | None:
    if not taken:
        return None
    aside = home / f"replaced-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
    aside.mkdir(mode=0o700)
    for path in taken:
        shutil.move(path, aside / path.name)
    return aside


def _bring_database(copy: Path, settings: Settings, server: Database | None) -> None:
    opened = Database(f"sqlite:///{copy}")
    try:
        migrate(opened)
        _move_adapters(opened, settings.home)
        if server is not None:
            migrate(server)
            copy_rows(opened, server, replace=True)
    finally:
        opened.scrub()
        opened.dispose()
        if server is not None:
            server.dispose()
    target = _file_of(settings)
    if target is not None:
        target.parent.mkdir(parents=True, exist_ok=True)
        # The file may lie on another disk than the home: only beside it can it be renamed.
        beside = target.with_name(f".{target.name}.{os.getpid()}")
        shutil.move(copy, beside)
        beside.chmod(OWNER_ONLY)
        beside.replace(target)


def _move_adapters(database: Database, home: Path) -> None:
    """Let the records name the adapters' new place."""
    with database.write() as db:
        for (path,) in db.execute(select(adapters.c.path)).all():
            moved = (home / "adapters" / Path(path).name).resolve()
            db.execute(update(adapters).where(adapters.c.path == path).values(path=str(moved)))
