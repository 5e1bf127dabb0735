"""Files into the library: each is read apart, reported apart, and read once.

Invariant: one file never stops another, and whoever is killed leaves whole documents only; the next
run goes on where that one stopped.
"""

import hashlib
import os
import shutil
import stat
import time
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from knowledge.documents import SYNONYMS, Document, Entry, Library, Version, as_document
from knowledge.errors import UnreadableDocument
from knowledge.reading.errors import Unreadable
from knowledge.reading.kinds import SUFFIXES, decoded, kind_of
from knowledge.reading.limits import Limits
from knowledge.reading.process import Reading, read_file
from knowledge.synonyms import parse_synonyms

READER = 1
"""Raise it when files are read otherwise: then adding them again reads them again."""
LOW_CONFIDENCE = 0.8
_COMMIT_SECONDS = 2.0
_SCANS = ".scans"

Status = Literal["added", "changed", "relabelled", "unchanged", "refused", "skipped"]
Show = Callable[[float, str], None]
"""Told the share that is done and what is being done."""


@dataclass(frozen=True)
class About:
    """What the operator says of files; None leaves what the record says."""

    source: str | None = None
    licence: str | None = None
    owner: str | None = None
    confidentiality: str | None = None

    @property
    def said(self) -> dict[str, Any]:
        """What was said."""
        return {name: value for name, value in vars(self).items() if value is not None}


@dataclass(frozen=True)
class FileReport:
    """What became of one file."""

    name: str
    status: Status
    reason: str = ""
    """Why it was refused or skipped, and what to do."""
    title: str = ""
    language: str = ""
    version: int = 0
    pages: int = 0
    ocr_pages: int = 0
    ocr_confidence: float | None = None
    notes: tuple[str, ...] = ()
    seconds: float = 0.0


@dataclass
class Intake:
    """Adds files to a library."""

    library: Library
    limits: Limits = field(default_factory=Limits)
    about: About = field(default_factory=About)
    replace: bool = False
    """Whether a file may take the place of a document with another title or language."""
    _waiting: list[tuple[Entry, Document | None]] = field(default_factory=list)
    _committed: float = 0.0

    def add(self, path: Path, show: Show = lambda share, text: None) -> list[FileReport]:
        """Add a file, or a folder's files and its `synonyms.txt`, and say what became of each.

        Raises:
            UnreadableDocument: the path is neither a file nor a folder.
        """
        if not path.is_file() and not path.is_dir():
            raise UnreadableDocument(f"{path} is neither a file nor a folder")
        files = list(_files(path))
        entries = {entry.name: entry for entry in self.library.list()}
        reports: list[FileReport] = []
        try:
            for number, (name, file) in enumerate(files):

                def page(done: int, pages: int, number: int = number, name: str = name) -> None:
                    show((number + done / max(1, pages)) / len(files), f"{name}, page {done}")

                show(number / len(files), name)
                began = time.monotonic()
                report = self._one(name, file, path, entries, page)
                reports.append(replace(report, seconds=round(time.monotonic() - began, 2)))
                self._commit(_COMMIT_SECONDS)
        finally:
            self._commit(0)
        return reports

    def _one(
        self,
        name: str,
        file: Path,
        root: Path,
        entries: dict[str, Entry],
        page: Callable[[int, int], None],
    ) -> FileReport:
        try:
            _contained(name, file, root)
            if file.name == SYNONYMS:
                return self._synonyms(name, file)
            if not _looks_readable(file, self.limits):
                return FileReport(
                    name, "skipped", "only PDF, DOCX, HTML, Markdown and text are read"
                )
            digest = _digest(file)
            old = entries.get(name)
            if old and old.file_hash == digest and old.reader == READER:
                return self._relabel(old, entries)
            scratch = self.library.folder / _SCANS / f"{digest[:32]}-{self._settings()}"
            reading = read_file(file.resolve(), self.limits, scratch, page)
            if _digest(file) != digest:
                raise Unreadable("it changed while it was read; add it again")
            report = self._keep(name, file, digest, reading, entries)
            shutil.rmtree(scratch, ignore_errors=True)
            return report
        except Unreadable as err:
            return FileReport(name, "refused", str(err))
        except (UnreadableDocument, OSError) as err:
            return FileReport(name, "refused", f"{err}; correct it and add it again")

    def _keep(
        self, name: str, file: Path, digest: str, reading: Reading, entries: dict[str, Entry]
    ) -> FileReport:
        document, old = as_document(reading.text, name), entries.get(name)
        notes = [*reading.notes]
        if reading.ocr_confidence is not None and reading.ocr_confidence < LOW_CONFIDENCE:
            notes.append("its scans were hard to read: look at the text before you rely on it")
        if twin := next(
            (e.name for e in entries.values() if e.hash == document.hash and e.name != name), None
        ):
            notes.append(f"its text is the same as that of {twin}")
        if old and not self.replace and (old.title, old.language) != (
            document.title, document.language
        ):  # fmt: skip
            raise Unreadable(
                f"{document.title!r} ({document.language}) would replace {old.title!r} "
                f"({old.language}) of the same name; rename the file, remove the other document "
                "first, or say --replace"
            )
        entry = self.library.entry(
            name, document, kind=reading.kind, file_hash=digest, bytes=file.stat().st_size,
            pages=reading.pages, ocr_pages=reading.ocr_pages,
            ocr_confidence=reading.ocr_confidence, reader=READER, **self.about.said,
        )  # fmt: skip
        if old:
            entry = _following(old, entry, self.about)
        entries[name] = entry
        self._waiting.append((entry, document))
        same = old is not None and old.hash == entry.hash
        return _report(entry, "unchanged" if same else "changed" if old else "added", notes)

    def _relabel(self, old: Entry, entries: dict[str, Entry]) -> FileReport:
        new = replace(old, **self.about.said)
        if new == old:
            return _report(old, "unchanged")
        entries[old.name] = new
        self._waiting.append((new, None))
        return _report(new, "relabelled")

    def _synonyms(self, name: str, file: Path) -> FileReport:
        data = file.read_bytes()
        parse_synonyms(decoded(data))  # refused now, not at a search
        held = self.library.folder / SYNONYMS
        if held.exists() and held.read_bytes() == data:
            return FileReport(name, "unchanged")
        known = held.exists()
        self.library.keep_synonyms(data)
        return FileReport(name, "changed" if known else "added")

    def _settings(self) -> str:
        """What decides how a page is seen: notes made with other settings are of no use."""
        seen = f"{READER} {self.limits.ocr_dpi} {self.limits.ocr_languages}"
        return hashlib.sha256(seen.encode()).hexdigest()[:8]

    def _commit(self, patience: float) -> None:
        if self._waiting and time.monotonic() - self._committed >= patience:
            self.library.keep(self._waiting)
            self._waiting, self._committed = [], time.monotonic()


def _following(old: Entry, new: Entry, about: About) -> Entry:
    """Return a document's next record: what was said of it before still holds."""
    labels: dict[str, Any] = {
        name: getattr(old, name)
        for name in ("source", "licence", "owner", "confidentiality")
        if name not in about.said
    }
    if old.hash == new.hash:
        return replace(new, **labels, version=old.version, earlier=old.earlier, added=old.added)
    before = Version(old.version, old.hash, old.file_hash, old.added)
    return replace(new, **labels, version=old.version + 1, earlier=(*old.earlier, before))


def _report(entry: Entry, status: Status, notes: list[str] | None = None) -> FileReport:
    return FileReport(
        entry.name, status, "", entry.title, entry.language, entry.version, entry.pages,
        entry.ocr_pages, entry.ocr_confidence, tuple(notes or ()),
    )  # fmt: skip


def _files(path: Path) -> Iterator[tuple[str, Path]]:
    """Yield files and the names that the library gives them; hidden ones of a folder are not ours.

    Names from a Mac come decomposed; the same name must be the same string everywhere.
    """
    if path.is_file():
        if path.name.startswith("."):
            raise UnreadableDocument(f"{path} is a hidden file; rename it")
        yield unicodedata.normalize("NFC", path.name), path
        return
    for folder, folders, names in os.walk(path):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            file = Path(folder) / name
            if not name.startswith("."):
                yield unicodedata.normalize("NFC", file.relative_to(path).as_posix()), file


def _contained(name: str, file: Path, root: Path) -> None:
    """Refuse what is no file of this folder: a link to elsewhere, a device, a pipe."""
    inside = root.resolve() if root.is_dir() else root.resolve().parent
    if root.is_dir() and not file.resolve().is_relative_to(inside):
        raise Unreadable("it is a link that leads out of the folder; copy the file itself")
    if not stat.S_ISREG(file.stat().st_mode):
        raise Unreadable("it is no file; remove it")
    if any(ord(letter) < 32 for letter in name):
        raise Unreadable("its name holds signs that cannot be shown; rename it")


def _looks_readable(file: Path, limits: Limits) -> bool:
    """Whether to try: a suffix that is read, or a PDF or DOCX under another name."""
    if file.suffix.lower() in SUFFIXES:
        return True
    try:
        return kind_of(file, limits) in {"pdf", "docx"}
    except Unreadable:
        return False


def _digest(file: Path) -> str:
    with file.open("rb") as data:
        return hashlib.file_digest(data, "sha256").hexdigest()
