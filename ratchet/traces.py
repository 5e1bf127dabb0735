"""Searches for a forgotten person after the fact: every table, every file of the home, an export.

The name is looked for by the ledger's hash of it, the texts by their fingerprints; neither is known
any more. What another person said in the same words is theirs, and is counted apart.

Invariant: nothing is skipped silently; what is not read (weights) is said in the proof.
"""

import json
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import JSON, String, select

from feedback.database import Database, metadata
from feedback.exchange import export_feedback
from feedback.rows import pages
from feedback.store import FeedbackStore
from feedback.theirs import texts_in, whose
from ratchet.settings import Settings
from ratchet.sought import Sought

NOT_READ = (".safetensors", ".bin", ".pt", ".gguf", ".npy")
"""Weights and vectors: they hold numbers."""
PART = 1_000_000
"""Characters of a text file that are looked at together."""


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
    unread: dict[str, str] = field(default_factory=dict)
    """Files that could not be read, and why."""


Look = tuple[Sought, Found]


def search(settings: Settings, database: Database, sought: Sequence[Sought]) -> list[Found]:
    """Search the database, the files of the home and a fresh export, once for all of these."""
    looks = [(person, Found()) for person in sought]
    _search_tables(database, looks)
    _search_files(settings.home, looks)
    _search_export(database, looks)
    for _, found in looks:
        for places in (found.named, found.quoted, found.others):
            places -= Counter()  # drops what was looked at and not found
    return [found for _, found in looks]


def published_adapters(home: Path) -> dict[str, str | None]:
    """Return each adapter's folder, and the dataset that its manifest names; None: unreadable."""
    return {
        file.parent.name: _dataset_of(file)
        for file in sorted((home / "adapters").glob("[!.]*/manifest.json"))
    }


def _dataset_of(manifest: Path) -> str | None:
    try:
        return str(json.loads(manifest.read_text(encoding="utf-8")).get("dataset"))
    except (OSError, ValueError, AttributeError):
        return None


def _search_tables(database: Database, looks: Sequence[Look]) -> None:
    for table in metadata.sorted_tables:
        # Rows that are somebody's are somebody else's by now, or were said afterwards.
        nobodys = whose(table, "") is None
        columns = [c for c in table.columns if isinstance(c.type, String | JSON)]
        if not columns or table.name == "erasures":
            continue
        key = list(table.primary_key.columns)
        query = select(*columns, *(column for column in key if column not in set(columns)))
        for row in pages(database, query, *key):
            for _, found in looks:
                found.rows += 1
            for column, value in zip(columns, row, strict=False):
                texts = list(texts_in(value))
                place = f"{table.name}.{column.name}"
                for person, found in looks:
                    quotes = found.quoted if nobodys else found.others
                    found.named[place] += person.is_one_of(texts)
                    quotes[place] += any(map(person.quoted, texts))


def _search_files(home: Path, looks: Sequence[Look]) -> None:
    for name, dataset in published_adapters(home).items():
        if dataset is None:
            _not_read(looks, f"adapters/{name}/manifest.json", "it is no manifest")
    for path in sorted(home.rglob("*")):
        within = str(path.relative_to(home))
        if not path.is_file() or path.suffix in NOT_READ or within.startswith("ratchet.db"):
            continue
        try:
            _search_file(path, within, looks)
        except FileNotFoundError:  # a running service writes and renames files
            continue
        except OSError as err:
            _not_read(looks, within, err.strerror or type(err).__name__)


def _not_read(looks: Sequence[Look], within: str, why: str) -> None:
    for _, found in looks:
        found.unread[within] = why


def _search_file(path: Path, within: str, looks: Sequence[Look]) -> None:
    for _, found in looks:
        found.files += 1
    for texts, whole in _read(path):
        for person, found in looks:
            quotes = found.others if _of_others(within, found) else found.quoted
            if person.is_one_of(texts) or person.named_in(whole):
                found.named[within] += 1
            if any(map(person.quoted, texts)):
                quotes[within] += 1


def _of_others(within: str, found: Found) -> bool:
    """Whether a file holds what others said, or what documents say.

    Datasets that held rows of the person are empty by now; what is in the others is not theirs. The
    index holds nothing but documents, so it may only say what one of them says.
    """
    said = any(place.startswith("documents/") for place in found.others)
    return within.startswith(("datasets/", "documents/")) or (within.startswith("index/") and said)


def _read(path: Path) -> Iterator[tuple[list[str], str]]:
    """Read a file in parts: the values of what is JSON, the rest as it is; and all of it as text.

    Raises:
        OSError: it cannot be read, or is gone.
    """
    with path.open(encoding="utf-8", errors="replace") as file:
        while lines := file.readlines(PART):
            yield _texts(lines), "".join(lines)


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


def _search_export(database: Database, looks: Sequence[Look]) -> None:
    """Write an export as an operator would, and read it."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "export.jsonl"
        export_feedback(FeedbackStore(database), "raw", file)
        for texts, _ in _read(file):
            for person, found in looks:
                found.named["an export"] += person.is_one_of(texts)
                found.others["an export"] += any(map(person.quoted, texts))
