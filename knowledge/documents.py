"""What may be answered from: documents, a record of each, and the library that holds them.

`library.json` is the truth: it is written last and by renaming, so a text that it does not name
does not exist. Texts lie in `texts/`, named by their hash, and never change; a document that
changed is a new version beside the earlier ones. Documents stay outside the index, which can always
be built again from them.
Invariant: no name leads out of the library's folder, and no document replaces another unnoticed.
"""

import hashlib
import json
import re
import time
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from knowledge.errors import UnknownDocument, UnreadableDocument
from knowledge.files import one_writer, write_atomically
from knowledge.reading.errors import Unreadable
from knowledge.reading.kinds import decoded
from knowledge.reading.markup import from_html, from_plain
from knowledge.synonyms import Synonym, read_synonyms
from knowledge.words import detect_language

READERS: dict[str, Callable[[str], str]] = {
    ".md": str,
    ".txt": from_plain,
    ".html": from_html,
    ".htm": from_html,
}
"""Texts that are read without a process of their own: those that come with the code."""
SYNONYMS = "synonyms.txt"
_TITLE = re.compile(r"^#\s+(.+?)\s*#*\s*$", re.MULTILINE)
_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Document:
    """A text with a title, in Markdown."""

    title: str
    language: str
    source: str
    """The file's name."""
    text: str
    hash: str

    @property
    def markdown(self) -> str:
        """Title and text as one."""
        return f"# {self.title}\n\n{self.text}\n"


@dataclass(frozen=True)
class Version:
    """An earlier text of a document; it is kept, and no longer answered from."""

    version: int
    hash: str
    file_hash: str
    added: float


@dataclass(frozen=True)
class Entry:
    """The library's record of a document."""

    name: str
    title: str
    language: str
    hash: str
    """Of title and text."""
    added: float
    """When this version came, in seconds since 1970."""
    version: int = 1
    kind: str = "markdown"
    file_hash: str = ""
    """SHA-256 of the file: the same file is not read again."""
    bytes: int = 0
    pages: int = 0
    """0 where the kind has none."""
    ocr_pages: int = 0
    """Pages that were pictures and were looked at."""
    ocr_confidence: float | None = None
    """0 to 1, the mean over these pages."""
    source: str = ""
    """Where the organisation has it from: an address, a system, a person."""
    licence: str = ""
    owner: str = ""
    confidentiality: str = ""
    reader: int = 0
    """Version of the code that read the file."""
    earlier: tuple[Version, ...] = field(default=())


def load_document(path: Path) -> Document:
    """Read a Markdown, text or HTML file that is trusted.

    Raises:
        UnreadableDocument: another kind of file, of unknown encoding, or nothing in it.
    """
    read = READERS.get(path.suffix.lower())
    if read is None:
        raise UnreadableDocument(f"{path}: only {', '.join(READERS)} can be read; convert it first")
    try:
        return as_document(read(decoded(path.read_bytes())), path.name)
    except Unreadable as err:
        raise UnreadableDocument(f"{path}: {err}") from err
    except OSError as err:
        raise UnreadableDocument(f"{path} cannot be read: {err}") from err


def as_document(markdown: str, name: str) -> Document:
    """Return a text as a document: its first heading of level one is the title, else the name.

    Raises:
        Unreadable: it holds nothing besides its title.
    """
    text = markdown.strip()
    named = _TITLE.search(text)
    title = named[1] if named else re.sub(r"[-_]+", " ", Path(name).stem).strip()
    if named:
        text = (text[: named.start()] + text[named.end() :]).strip()
    if not re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL).strip():
        raise Unreadable("it holds no text besides its title; nothing could be found in it")
    digest = hashlib.sha256(f"{title}\n{text}".encode()).hexdigest()
    return Document(title, detect_language(text), name, text, digest)


class Library:
    """The documents that answers may come from: their texts, and a list of records."""

    def __init__(self, home: Path, clock: Callable[[], float] = time.time) -> None:
        self.folder = home / "documents"
        self.clock = clock
        self._texts = self.folder / "texts"
        self._list = self.folder / "library.json"

    def seed(self, folder: Path) -> bool:
        """Take over a folder's texts at the very first start; return whether it was that.

        Raises:
            UnreadableDocument: one of them cannot become a document; nothing was taken over.
        """
        if self._list.exists():
            return False
        found = [
            (unicodedata.normalize("NFC", path.relative_to(folder).as_posix()), path)
            for path in sorted(folder.rglob("*"))
            if path.is_file() and path.suffix.lower() in READERS and path.name != SYNONYMS
        ]
        kept = []
        for name, path in found:
            document, data = load_document(path), path.read_bytes()
            kept.append((self.entry(name, document, data=data), document))
        with one_writer(self.folder):
            if self._list.exists():
                return False
            if (folder / SYNONYMS).exists():
                write_atomically(self.folder / SYNONYMS, (folder / SYNONYMS).read_bytes())
            self._keep(kept, {})
            return True

    def entry(self, name: str, document: Document, *, data: bytes = b"", **record: Any) -> Entry:
        """Return the record of a new document."""
        known = {"file_hash": hashlib.sha256(data).hexdigest(), "bytes": len(data)} if data else {}
        return Entry(
            name, document.title, document.language, document.hash, self.clock(),
            **{**known, **record},
        )  # fmt: skip

    def keep(self, documents: Iterable[tuple[Entry, Document | None]]) -> None:
        """Write records and their texts; of one name the record replaces the older one.

        Args:
            documents: Records; without a document the text is there already.
        """
        with one_writer(self.folder):
            self._keep(documents, {entry.name: entry for entry in self.list()})

    def keep_synonyms(self, data: bytes) -> None:
        """Replace what people say for what the documents call otherwise."""
        with one_writer(self.folder):
            write_atomically(self.folder / SYNONYMS, data)

    def remove(self, name: str) -> Entry:
        """Take a document out of the library, its earlier versions too.

        Raises:
            UnknownDocument: there is none of that name.
        """
        with one_writer(self.folder):
            entries = {entry.name: entry for entry in self.list()}
            gone = self._named(name, entries)
            del entries[name]
            self._keep([], entries)
            return gone

    def list(self) -> tuple[Entry, ...]:
        """Return what the library holds, by name."""
        if not self._list.exists():
            return ()
        rows = json.loads(self._list.read_text(encoding="utf-8"))
        return tuple(sorted(map(_entry, rows), key=lambda entry: entry.name))

    def documents(self) -> tuple[Document, ...]:
        """Read every document that the library lists."""
        return tuple(self._read(entry.name, entry.hash) for entry in self.list())

    def document(self, name: str, version: int | None = None) -> Document:
        """Read one document, or an earlier version of it.

        Raises:
            UnknownDocument: there is none of that name or version.
        """
        entry = self._named(name, {entry.name: entry for entry in self.list()})
        hashes = {old.version: old.hash for old in entry.earlier} | {entry.version: entry.hash}
        wanted = entry.version if version is None else version
        if wanted not in hashes:
            held = ", ".join(map(str, sorted(hashes)))
            raise UnknownDocument(f"{name} has no version {wanted}; the library holds {held}")
        return self._read(name, hashes[wanted])

    def synonyms(self) -> tuple[Synonym, ...]:
        """Return what people say for what the documents call otherwise."""
        return read_synonyms(self.folder / SYNONYMS)

    def _keep(
        self, documents: Iterable[tuple[Entry, Document | None]], entries: dict[str, Entry]
    ) -> None:
        for entry, document in documents:
            if document is not None:
                write_atomically(self._path(entry.hash), document.markdown.encode())
            entries[entry.name] = entry
        rows = [asdict(entries[name]) for name in sorted(entries)]
        write_atomically(self._list, json.dumps(rows, ensure_ascii=False, indent=1).encode())
        self._sweep(entries)

    def _sweep(self, entries: Mapping[str, Entry]) -> None:
        """Remove texts that nobody names: of documents taken out, and of killed writers."""
        held = {entry.hash for entry in entries.values()}
        held |= {old.hash for entry in entries.values() for old in entry.earlier}
        for path in self._texts.glob("*.md"):
            if path.stem not in held:
                path.unlink(missing_ok=True)

    def _read(self, name: str, digest: str) -> Document:
        path = self._path(digest)
        if not path.exists() and (before := self._file(name)).is_file():
            return replace(load_document(before), source=name)
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as err:
            raise UnreadableDocument(
                f"the text of {name!r} is not in {path}; add the document again"
            ) from err
        return as_document(text, name)

    def _path(self, digest: str) -> Path:
        if not _HASH.fullmatch(digest):
            raise UnknownDocument(
                f"library.json names the text {digest!r}, which lies outside {self._texts}; "
                "restore it from a backup"
            )
        return self._texts / f"{digest}.md"

    def _file(self, name: str) -> Path:
        """Where the file itself lay in libraries of before texts had a folder."""
        path = (self.folder / name).resolve()
        if not path.is_relative_to(self.folder.resolve()):
            raise UnknownDocument(f"document {name!r} lies outside the library {self.folder}")
        return path

    def _named(self, name: str, entries: Mapping[str, Entry]) -> Entry:
        if name not in entries:
            held = ", ".join(sorted(entries)) or "none"
            raise UnknownDocument(f"no document {name!r} in the library; it holds: {held}")
        return entries[name]


def _entry(row: dict[str, Any]) -> Entry:
    known = {one.name for one in fields(Entry)}
    earlier = tuple(Version(**old) for old in row.get("earlier", ()))
    return Entry(**{**{key: row[key] for key in row if key in known}, "earlier": earlier})
