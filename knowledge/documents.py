"""Files in, documents out; and the library, the folder that holds what may be answered from.

`library.json` is the truth: it is written last and by renaming, so a file that it does not name
does not exist. Documents stay outside the index, which can always be built again from them.
Invariant: no name leads out of the library's folder, and no document replaces another unnoticed.
"""

import hashlib
import json
import re
import time
import unicodedata
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath

from knowledge.errors import DocumentConflict, UnknownDocument, UnreadableDocument
from knowledge.files import one_writer, write_atomically
from knowledge.markup import from_html, from_plain
from knowledge.synonyms import Synonym, parse_synonyms, read_synonyms
from knowledge.words import detect_language

READERS: dict[str, Callable[[str], str]] = {
    ".md": str,
    ".txt": from_plain,
    ".html": from_html,
    ".htm": from_html,
}
SYNONYMS = "synonyms.txt"
_TITLE = re.compile(r"^#\s+(.+?)\s*#*\s*$", re.MULTILINE)


@dataclass(frozen=True)
class Document:
    """A text with a title, in Markdown."""

    title: str
    language: str
    source: str
    """The file's name."""
    text: str
    hash: str


@dataclass(frozen=True)
class Entry:
    """A document as the library lists it."""

    name: str
    title: str
    language: str
    hash: str
    added: float


def load_document(path: Path) -> Document:
    """Read a Markdown, text or HTML file.

    Raises:
        UnreadableDocument: another kind of file, not UTF-8, or nothing in it.
    """
    read = READERS.get(path.suffix.lower())
    if read is None:
        raise UnreadableDocument(f"{path}: only {', '.join(READERS)} can be read; convert it first")
    try:
        text = read(path.read_text(encoding="utf-8-sig")).strip()
    except UnicodeDecodeError as err:
        raise UnreadableDocument(f"{path} is not UTF-8 ({err}); save it as UTF-8") from err
    except OSError as err:
        raise UnreadableDocument(f"{path} cannot be read: {err}") from err
    named = _TITLE.search(text)
    title = named[1] if named else re.sub(r"[-_]+", " ", path.stem).strip()
    if named:
        text = (text[: named.start()] + text[named.end() :]).strip()
    if not text:
        raise UnreadableDocument(
            f"{path} holds no text besides its title; nothing could be found in it"
        )
    digest = hashlib.sha256(f"{title}\n{text}".encode()).hexdigest()
    return Document(title, detect_language(text), path.name, text, digest)


class Library:
    """The documents that answers may come from: one file each, and a list of them."""

    def __init__(self, home: Path, clock: Callable[[], float] = time.time) -> None:
        self.folder = home / "documents"
        self._list = self.folder / "library.json"
        self._clock = clock

    def seed(self, folder: Path) -> bool:
        """Take over a folder's documents at the very first start; return whether it was that."""
        with one_writer(self.folder):
            if self._list.exists():
                return False
            self._add_all(folder, {})
            return True

    def add(self, path: Path) -> tuple[Entry, ...]:
        """Add a file, or every readable file of a folder and its `synonyms.txt`.

        A file of the same name, title and language replaces the older one.

        Raises:
            UnreadableDocument: a file cannot become a document; nothing was added.
            DocumentConflict: its name belongs to another document; nothing was added.
        """
        with one_writer(self.folder):
            return self._add_all(path, {entry.name: entry for entry in self.list()})

    def remove(self, name: str) -> Entry:
        """Take a document out of the library.

        Raises:
            UnknownDocument: there is none of that name.
        """
        with one_writer(self.folder):
            entries = {entry.name: entry for entry in self.list()}
            if name not in entries:
                held = ", ".join(sorted(entries)) or "none"
                raise UnknownDocument(f"no document {name!r} in the library; it holds: {held}")
            gone = entries.pop(name)
            self._write(entries)
            self._path(name).unlink(missing_ok=True)
            return gone

    def list(self) -> tuple[Entry, ...]:
        """Return what the library holds, by name."""
        if not self._list.exists():
            return ()
        rows = json.loads(self._list.read_text(encoding="utf-8"))
        return tuple(sorted((Entry(**row) for row in rows), key=lambda entry: entry.name))

    def documents(self) -> tuple[Document, ...]:
        """Read every document that the library lists."""
        return tuple(_renamed(load_document(self._path(e.name)), e.name) for e in self.list())

    def synonyms(self) -> tuple[Synonym, ...]:
        """Return what people say for what the documents call otherwise."""
        return read_synonyms(self.folder / SYNONYMS)

    def _add_all(self, path: Path, entries: dict[str, Entry]) -> tuple[Entry, ...]:
        added: dict[str, Entry] = {}
        contents: dict[str, bytes] = {}
        for name, file in _files(path):
            document = load_document(file)
            entry = Entry(name, document.title, document.language, document.hash, self._clock())
            _refuse_conflict(entry, {**entries, **added}.get(name), file)
            added[name], contents[name] = entry, file.read_bytes()
        synonyms = path / SYNONYMS
        if path.is_dir() and synonyms.exists():
            parse_synonyms(synonyms.read_text(encoding="utf-8-sig"))  # refused now, not at a search
            contents[SYNONYMS] = synonyms.read_bytes()
        for name, data in contents.items():
            write_atomically(self._path(name), data)
        self._write({**entries, **added})
        return tuple(added.values())

    def _write(self, entries: dict[str, Entry]) -> None:
        rows = [asdict(entries[name]) for name in sorted(entries)]
        write_atomically(self._list, json.dumps(rows, ensure_ascii=False, indent=1).encode())

    def _path(self, name: str) -> Path:
        path = (self.folder / name).resolve()
        if not path.is_relative_to(self.folder.resolve()):
            raise UnknownDocument(f"document {name!r} lies outside the library {self.folder}")
        return path


def _renamed(document: Document, name: str) -> Document:
    return Document(document.title, document.language, name, document.text, document.hash)


def _files(path: Path) -> list[tuple[str, Path]]:
    """Return the files to read and the names that the library gives them."""
    if path.is_file():
        found = [(path.name, path)]
    elif path.is_dir():
        found = [
            (PurePosixPath(file.relative_to(path)).as_posix(), file)
            for file in sorted(path.rglob("*"))
            if file.is_file() and file.suffix.lower() in READERS and file.name != SYNONYMS
        ]
    else:
        raise UnreadableDocument(f"{path} is neither a file nor a folder")
    # Names from a Mac come decomposed; the same name must be the same string everywhere.
    found = [(unicodedata.normalize("NFC", name), file) for name, file in found]
    hidden = [name for name, _ in found if any(part.startswith(".") for part in name.split("/"))]
    if hidden:
        raise UnreadableDocument(f"{hidden[0]!r} is a hidden file; rename it")
    return found


def _refuse_conflict(new: Entry, old: Entry | None, file: Path) -> None:
    if old and (old.title, old.language) != (new.title, new.language):
        raise DocumentConflict(
            f"{file} ({new.title}, {new.language}) would replace {old.name!r} "
            f"({old.title}, {old.language}); rename the file, or remove the other document first"
        )
