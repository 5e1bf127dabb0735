"""A dataset that held rows of a person who was forgotten: its rows go, its manifest stays, marked.

All rows go, not only that person's: without some of them it would be another dataset, and the next
round freezes one from what is left. The manifest keeps counts, hashes and the ids of other people's
answers, because only they tell, when the next person is forgotten, whether an adapter that was
trained on it knew them; the ids of the forgotten person's answers go.

Invariant: the mark comes first and the rows are removed after it, so whoever is interrupted finds
the mark, with what was found then, and removes what is left.
"""

import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Set
from pathlib import Path
from typing import Any

from training.dataset import ERASED, MANIFEST, DatasetError, read_manifest


class DatasetErased(DatasetError):
    """A dataset's rows are gone with a person who was forgotten."""


def datasets(home: Path) -> Iterator[Path]:
    """Return every published dataset of a home, marked ones too."""
    folder = home / "datasets"
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.is_dir() and not path.name.startswith("."):
            yield path


def answers_behind(path: Path) -> set[str]:
    """Return the ids of all answers that a dataset's rows come from; none: it is no dataset.

    Raises:
        DatasetErased: somebody's are missing already.
    """
    try:
        manifest = read_manifest(path)
    except DatasetError:
        return set()
    if manifest.get(ERASED):
        raise DatasetErased(f"{path} held rows of a person who was forgotten")
    return _answers(manifest)


def erase_rows(path: Path, erasure: str, completion_ids: Set[str]) -> dict[str, int]:
    """Mark a dataset that some of these answers are in, and remove its rows.

    Args:
        path: The dataset; an unreadable manifest holds none: nothing was ever trained on it.
        erasure: What the mark is called; doing it again under this name changes nothing.
        completion_ids: The answers of the person who is forgotten.

    Returns:
        How many rows of each part were theirs; empty, and nothing changed: none.
    """
    try:
        manifest = read_manifest(path)
        marks: dict[str, dict[str, int]] = dict(manifest.get(ERASED, {}))
        if erasure not in marks:
            if completion_ids.isdisjoint(_answers(manifest)):
                return {}
            marks[erasure] = _count(manifest["sources"], completion_ids)
            sources = _without(manifest["sources"], completion_ids)
            # What the rows are about is told in their words.
            kept = {**manifest, "sources": sources, "contents": {}, ERASED: marks}
            _write(path, kept)
    except DatasetError:
        return {}
    for file in path.iterdir():
        if file.name != MANIFEST:
            file.unlink(missing_ok=True)
    return marks[erasure]


def _answers(manifest: Mapping[str, Any]) -> set[str]:
    parts = manifest.get("sources", {}).values()
    return {id_ for rows in parts for row in rows for id_ in _ids(row) if id_}


def _count(sources: Mapping[str, Any], gone: Set[str]) -> dict[str, int]:
    counts = Counter(
        part for part, rows in sources.items() for row in rows if not gone.isdisjoint(_ids(row))
    )
    return dict(counts)


def _without(sources: Mapping[str, Any], gone: Set[str]) -> dict[str, list[Any]]:
    def kept(row: Any) -> Any:
        return (
            [None if i in gone else i for i in row]
            if isinstance(row, list)
            else (None if row in gone else row)
        )

    return {part: [kept(row) for row in rows] for part, rows in sources.items()}


def _write(path: Path, manifest: Mapping[str, Any]) -> None:
    draft = path / f".{MANIFEST}.draft"
    text = json.dumps(manifest, ensure_ascii=False, indent=2, sort_keys=True)
    with draft.open("w", encoding="utf-8") as out:
        out.write(f"{text}\n")
        out.flush()
        os.fsync(out.fileno())
    draft.replace(path / MANIFEST)


def _ids(row: str | list[str | None] | None) -> list[str | None]:
    return row if isinstance(row, list) else [row]
