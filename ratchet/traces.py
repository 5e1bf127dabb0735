"""Searches for a forgotten person after the fact: every table, every file of the home, an export.

The name is looked for by the ledger's hash of it, the texts by their fingerprints; neither is known
any more. What another person said in the same words is theirs, and is counted apart.

Invariant: nothing is skipped silently; what is not read (weights) is said in the proof.
"""

import json
import re
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import JSON, String, select

from feedback.database import Database, metadata
from feedback.erasures import Erasure
from feedback.exchange import export_feedback
from feedback.fingerprints import Fingerprints
from feedback.store import FeedbackStore
from feedback.theirs import texts_in, whose
from ratchet.settings import Settings

BATCH = 500
NOT_READ = (".safetensors", ".bin", ".pt", ".gguf", ".npy")
"""Weights and vectors: they hold numbers."""
PART = 1_000_000
"""Characters of a text file that are looked at together."""
LONGEST_NAME = 300
_TOKEN = re.compile(r"""[^\s"'=,;:()\[\]{}<>]+""")


@dataclass
class Found:
    """Where traces were found; each is a place and how often. Empty: nowhere."""

    named: Counter[str] = field(default_factory=Counter)
    """Places that name the person."""
    quoted: Counter[str] = field(default_factory=Counter)
    """Places that quote them and belong to nobody else."""
    others: Counter[str] = field(default_factory=Counter)
    """Rows of other people, documents and test questions that say the same words."""
    rows: int = 0
    """Rows that were read."""
    files: int = 0
    """Files that were read."""


class _Look:
    """What is looked for."""

    def __init__(self, erasure: Erasure, texts: Fingerprints) -> None:
        self._erasure, self.quoted = erasure, texts.quoted
        self._known: dict[str, bool] = {}

    def named(self, words: Iterable[str]) -> bool:
        """Whether one of these is the person's name; hashes of words that come again are kept."""
        return any(self._is(word) for word in words if len(word) <= LONGEST_NAME)

    def _is(self, word: str) -> bool:
        if len(self._known) > 200_000:
            self._known.clear()
        if word not in self._known:
            self._known[word] = self._erasure.means(word)
        return self._known[word]


def search(settings: Settings, database: Database, erasure: Erasure, texts: Fingerprints) -> Found:
    """Search the database, the files of the home and a fresh export."""
    found, look = Found(), _Look(erasure, texts)
    _search_tables(database, look, found)
    _search_files(settings.home, look, found)
    _search_export(database, look, found)
    for places in (found.named, found.quoted, found.others):
        places -= Counter()  # drops what was looked at and not found
    return found


def published_adapters(home: Path) -> dict[str, str]:
    """Return each adapter's folder, and the dataset that its manifest names."""
    found = {}
    for file in sorted((home / "adapters").glob("[!.]*/manifest.json")):
        found[file.parent.name] = str(json.loads(file.read_text(encoding="utf-8")).get("dataset"))
    return found


def _search_tables(database: Database, look: _Look, found: Found) -> None:
    for table in metadata.sorted_tables:
        # Rows that are somebody's are somebody else's by now, or were said afterwards.
        quotes = found.quoted if whose(table, "") is None else found.others
        columns = [c for c in table.columns if isinstance(c.type, String | JSON)]
        if not columns or table.name == "erasures":
            continue
        with database.read() as connection:
            rows = connection.execution_options(yield_per=BATCH).execute(select(*columns))
            for row in rows:
                found.rows += 1
                for column, value in zip(columns, row, strict=True):
                    texts = list(texts_in(value))
                    place = f"{table.name}.{column.name}"
                    found.named[place] += look.named(texts)
                    quotes[place] += any(look.quoted(text) for text in texts)


def _search_files(home: Path, look: _Look, found: Found) -> None:
    for path in sorted(home.rglob("*")):
        within = str(path.relative_to(home))
        if not path.is_file() or path.suffix in NOT_READ or within.startswith("ratchet.db"):
            continue
        found.files += 1
        quotes = found.others if _of_others(within, found) else found.quoted
        for texts, words in _read(path):
            if look.named([*texts, *words]):
                found.named[within] += 1
            if any(map(look.quoted, texts)):
                quotes[within] += 1


def _of_others(within: str, found: Found) -> bool:
    """Whether a file holds what others said, or what documents say.

    Datasets that held rows of the person are empty by now; what is in the others is not theirs. The
    index holds nothing but documents, so it may only say what one of them says.
    """
    said = any(place.startswith("documents/") for place in found.others)
    return within.startswith(("datasets/", "documents/")) or (within.startswith("index/") and said)


def _read(path: Path) -> Iterator[tuple[list[str], list[str]]]:
    """Read a file in parts: the values of what is JSON, the rest as it is; and all words."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            while lines := file.readlines(PART):
                yield _texts(lines), _TOKEN.findall("".join(lines))
    except FileNotFoundError:  # a running service writes and renames files
        return


def _texts(lines: list[str]) -> list[str]:
    with suppress(ValueError):  # JSON lines, or no JSON
        return list(texts_in(json.loads("".join(lines))))
    texts: list[str] = []
    plain: list[str] = []
    for line in lines:
        try:
            texts += texts_in(json.loads(line))
        except ValueError:
            plain.append(line)
    return [*texts, "".join(plain)]


def _search_export(database: Database, look: _Look, found: Found) -> None:
    """Write an export as an operator would, and read it."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "export.jsonl"
        export_feedback(FeedbackStore(database), "raw", file)
        for texts, _ in _read(file):
            found.named["an export"] += look.named(texts)
            found.others["an export"] += any(map(look.quoted, texts))
