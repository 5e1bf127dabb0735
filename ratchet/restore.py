"""Brings an archive back, checked file by file, into SQLite or PostgreSQL.

Everything is unpacked beside where it belongs, checked against the manifest and migrated there;
then it is renamed, the database last. Invariant: what was in the way is set aside, never deleted,
only where that was asked for, and comes back when the new state does not get to its place.
"""

import hashlib
import json
import os
import shutil
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import inspect, make_url, select, update

from feedback.database import Database
from ratchet.archive import DATABASE, FILES, FOLDERS, FORMAT, MANIFEST, OWNER_ONLY, ArchiveError
from ratchet.forget import finish_all
from ratchet.home_lock import HomeTaken, alone
from ratchet.migrations import migrate, revision
from ratchet.reanswer import answer_again, known_answers
from ratchet.reforget import forget_again, known_erasures
from ratchet.settings import Settings
from ratchet.transfer import copy_rows, rows_in
from serving.tables import adapters

JOURNALS = ("-wal", "-shm")
"""SQLite's log, which would be replayed over a file that it does not belong to."""


class Brought(NamedTuple):
    """What a restore put in its place."""

    rows: dict[str, int]
    aside: Path | None
    """Where what was there is now."""
    forgotten: int
    """People who were forgotten since the backup, and are again."""
    answered: int
    """People who answered about training since the backup, and whose answer counts again."""


def read_backup(settings: Settings, file: Path, *, replace: bool = False) -> dict[str, Any]:
    """Bring an archive back.

    Raises:
        ArchiveError: there is state already and `replace` is not set, a service runs on it, or the
            archive is damaged.
    """
    try:
        with alone(settings.home):
            return _restore(settings, file, replace=replace)
    except HomeTaken as err:
        raise ArchiveError(str(err)) from err


def _restore(settings: Settings, file: Path, *, replace: bool) -> dict[str, Any]:
    home = settings.home
    taken = _taken(settings)
    if taken and not replace:
        raise ArchiveError(
            f"{taken[0]} exists: restore into an empty RATCHET_HOME, or set what is there aside"
            " with --replace."
        )
    draft = Path(tempfile.mkdtemp(dir=home, prefix=".restore-"))
    try:
        manifest = _unpack(file, draft)
        files = sum(path.is_file() for path in draft.rglob("*")) - (manifest is not None)
        brought = _bring(draft, settings, taken, replace=replace)
        _finish_forgetting(settings)
        os.sync()  # what is said to be there outlives a power cut
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return {
        "home": str(home),
        "files": files,
        "rows": brought.rows,
        "checked": manifest is not None,
        "aside": str(brought.aside) if brought.aside else None,
        "forgotten": brought.forgotten,
        "answered": brought.answered,
    }


def _finish_forgetting(settings: Settings) -> None:
    """Remove what was made of the words of those who were forgotten again."""
    database = Database(settings.database)
    try:
        finish_all(settings, database)
    finally:
        database.dispose()


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


def _unpack(file: Path, draft: Path) -> dict[str, Any] | None:
    """Unpack an archive, check every file of it and return its manifest.

    Returns None for an archive of the first version, which had none: nothing in it can be checked.
    """
    try:
        with tarfile.open(file) as tar:
            tar.extractall(draft, filter="data")
            whole = _is_whole(tar)
        if whole and not (draft / MANIFEST).exists() and (draft / DATABASE).is_file():
            return None
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


def _is_whole(tar: tarfile.TarFile) -> bool:
    """Whether the zeros that end an archive are there: else its manifest may only be cut off."""
    tar.fileobj.seek(tar.offset)
    return tar.fileobj.read(tarfile.BLOCKSIZE) == bytes(tarfile.BLOCKSIZE)


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


def _bring(draft: Path, settings: Settings, taken: list[Path], *, replace: bool) -> Brought:
    """Put everything in its place; what may take long or want room happens before that."""
    target = _file_of(settings)
    copy = Database(f"sqlite:///{draft / DATABASE}")
    try:
        if revision(copy) is None:
            raise ArchiveError("the archive's database was not made by Ratchet.")
        migrate(copy)
        _move_adapters(copy, settings.home)
        # Before anybody can read it: who was forgotten since the backup is not even there briefly,
        # and nothing trains on who has said no since.
        erasures = known_erasures(settings)
        forgotten = forget_again(copy, erasures, time.time())
        answered = answer_again(copy, known_answers(settings), erasures)
        rows = rows_in(copy)
        copy.scrub()
        if target is None:
            aside = _bring_to_server(copy, draft, settings, taken, replace=replace)
            return Brought(rows, aside, forgotten, answered)
    finally:
        copy.dispose()
    with _beside(draft / DATABASE, target) as ready, _exchanged(draft, settings, taken) as aside:
        ready.replace(target)
    return Brought(rows, aside, forgotten, answered)


def _bring_to_server(
    copy: Database, draft: Path, settings: Settings, taken: list[Path], *, replace: bool
) -> Path | None:
    server = _open_server(settings, replace=replace)
    try:
        migrate(server)
        with _exchanged(draft, settings, taken) as aside:
            copy_rows(copy, server, replace=True)
    finally:
        server.dispose()
    return aside


@contextmanager
def _beside(copy: Path, target: Path) -> Iterator[Path]:
    """Bring a file to where it only has to be renamed: the target may lie on another disk."""
    target.parent.mkdir(parents=True, exist_ok=True)
    ready = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        shutil.move(copy, ready)
        ready.chmod(OWNER_ONLY)
        yield ready
    finally:
        ready.unlink(missing_ok=True)


def _aside(home: Path) -> Path:
    """Return a new folder's name, also for the second restore within a second."""
    name = f"replaced-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
    names = (home / f"{name}-{number}" if number else home / name for number in count())
    return next(path for path in names if not path.exists())


@contextmanager
def _exchanged(draft: Path, settings: Settings, taken: list[Path]) -> Iterator[Path | None]:
    """Set aside what is there and put the new files in its place, unless what follows fails."""
    home = settings.home
    aside = _aside(home) if taken else None
    moved: list[tuple[Path, Path]] = []
    try:
        if aside is not None:
            aside.mkdir(mode=0o700)
            for path in taken:
                shutil.move(path, aside / path.name)
                moved.append((path, aside / path.name))
        for name in (*FOLDERS, *FILES):
            if (draft / name).exists():
                (draft / name).replace(home / name)
                moved.append((draft / name, home / name))
        yield aside
    except BaseException as err:  # Ctrl-C too
        _move_back(moved, aside, err)
        raise ArchiveError(
            f"the restore failed, and {home} is as it was before: {_said(err)}"
        ) from err


def _move_back(moved: list[tuple[Path, Path]], aside: Path | None, why: BaseException) -> None:
    """Undo the moves, the last first.

    Raises:
        ArchiveError: what failed, and where what was there is now.
    """
    try:
        for before, after in reversed(moved):
            shutil.move(after, before)
    except OSError as err:
        raise ArchiveError(
            f"the restore failed ({_said(why)}), and not all of what was there could be moved back"
            f" ({err}): the rest is in {aside}; move it to its place before the next start."
        ) from why
    if aside is not None:
        shutil.rmtree(aside, ignore_errors=True)  # at most a part of what could not be moved


def _said(err: BaseException) -> str:
    """Say what failed; SQLAlchemy would add the statement and what was in it."""
    said = str(getattr(err, "orig", None) or err).strip()
    return said.splitlines()[0] if said else type(err).__name__


def _move_adapters(database: Database, home: Path) -> None:
    """Let the records name the adapters' new place."""
    with database.write() as db:
        for (path,) in db.execute(select(adapters.c.path)).all():
            moved = (home / "adapters" / Path(path).name).resolve()
            db.execute(update(adapters).where(adapters.c.path == path).values(path=str(moved)))
