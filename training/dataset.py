"""A round's rows as frozen files: TRL's conversational formats in JSONL, named by their content.

`train` and `heldout` are unpaired preferences (`prompt`, `completion`, `label`) or preferences
(`prompt`, `chosen`, `rejected`), in the order in which they are trained on; `judge` and `check` are
unpaired and never hold passages, because the judge must not see which responder had some.

Invariant: the same rows give the same bytes and so the same name; a folder that exists is complete
(it was renamed into place, its manifest written last) and is never written again.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from training import flips
from training.contents import contents
from training.curation import Curated
from training.forms import TrainRow
from training.masking import report
from training.preferences import UnpairedPreference
from training.quality_card import PARTS, render
from training.voters import as_json

MANIFEST = "manifest.json"
CARD = "card.html"
"""The dataset on one page, for people; no part of its content."""
ERASED = "erased"
"""The manifest's mark of a dataset without rows (training/erased.py)."""
# Short enough for a page, long enough that two datasets never meet.
_NAME_CHARACTERS = 16


class DatasetError(Exception):
    """A dataset's files are not what their manifest says."""


@dataclass(frozen=True)
class DatasetRef:
    """Where a dataset lies, and how much is in it."""

    hash: str
    path: Path
    counts: dict[str, int]


def write_dataset(home: Path, curated: Curated, meta: Mapping[str, Any]) -> DatasetRef:
    """Write a round's rows under `home/datasets/<hash>/`, unless they are there already.

    Args:
        home: RATCHET_HOME.
        curated: The rows, in order.
        meta: Whatever else explains the dataset, e.g. the window; it does not change the name.
    """
    files = {
        "train.jsonl": _jsonl(_train_row(form) for form in curated.train),
        "heldout.jsonl": _jsonl(_train_row(form) for form in curated.heldout),
        "judge.jsonl": _jsonl(_judged_row(row) for row in curated.judge),
        "check.jsonl": _jsonl(_judged_row(row) for row in curated.check),
    }
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    sources = _sources(curated)
    name = _content_hash(hashes, sources)
    counts = _counts(curated)
    path = home / "datasets" / name
    if path.exists() and is_erased(path):
        shutil.rmtree(path)  # the same rows without whoever was forgotten: theirs were left out
    if path.exists():
        verify(path)
        return DatasetRef(name, path, counts)
    manifest = {
        "hash": name,
        "method": curated.method,
        "type": "preference" if curated.method == "dpo" else "unpaired_preference",
        "files": hashes,
        "counts": counts,
        "labels": _labels(curated),
        "left_out": curated.left_out,
        "masked": report(curated),
        # Numbered: who is forgotten must not live on in a manifest.
        "trust": as_json(curated.voters, named=False),
        "contents": contents({part: _rows_of(files[f"{part}.jsonl"]) for part in PARTS}),
        "flips": flips.as_json(curated.flips),
        "split_by": curated.split_by,
        "people": curated.people,
        "seed": curated.seed,
        "rules": asdict(curated.rules),
        "sources": sources,
        "meta": dict(meta),
    }
    _publish(path, files, manifest)
    return DatasetRef(name, path, counts)


def read_manifest(path: Path) -> dict[str, Any]:
    """Read a dataset's manifest.

    Raises:
        DatasetError: there is none, or it is not JSON.
    """
    try:
        manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError) as err:
        raise DatasetError(f"{path} is no dataset: its {MANIFEST} cannot be read ({err})") from err
    return dict(manifest)


def is_erased(path: Path) -> bool:
    """Whether a dataset's rows were removed because it held some of a person who was forgotten."""
    try:
        return bool(read_manifest(path).get(ERASED))
    except DatasetError:
        return False


def measured(path: Path, method: str) -> dict[str, Any]:
    """Return the recipe's settings that a dataset itself tells, for a job that trains on it.

    Raises:
        DatasetError: it has no manifest.
    """
    # Manifests of earlier versions do not say.
    flips = read_manifest(path).get("flips", {}) if method == "dpo" else {}
    return {name: flips[name] for name in ("label_smoothing",) if name in flips}


def read_rows(path: Path, part: str, *, missing_ok: bool = False) -> list[dict[str, Any]]:
    """Read one file of a dataset, e.g. `train`; with `missing_ok` a missing one is empty.

    Raises:
        DatasetError: the file is missing or broken.
    """
    file = path / f"{part}.jsonl"
    try:
        with file.open(encoding="utf-8") as lines:
            return [json.loads(line) for line in lines]
    except FileNotFoundError as err:
        if missing_ok:
            return []
        raise DatasetError(f"{file} cannot be read ({err}): write the dataset again") from err
    except (OSError, ValueError) as err:
        raise DatasetError(f"{file} cannot be read ({err}): write the dataset again") from err


def verify(path: Path) -> None:
    """Check a dataset's files against its manifest and its name.

    Raises:
        DatasetError: a file is missing or was changed.
    """
    manifest = read_manifest(path)
    if manifest.get(ERASED):
        raise DatasetError(f"{path} held rows of a person who was forgotten: run the round again")
    for name, expected in manifest["files"].items():
        try:
            found = hashlib.sha256((path / name).read_bytes()).hexdigest()
        except OSError as err:
            raise DatasetError(f"{path / name} cannot be read: {err}") from err
        if found != expected:
            raise DatasetError(
                f"{path / name} was changed after it was written: remove {path} and run the round "
                "again"
            )
    if _content_hash(manifest["files"], manifest["sources"]) != manifest["hash"]:
        raise DatasetError(f"{path / MANIFEST} does not belong to {manifest['hash']}")


def _content_hash(hashes: Mapping[str, str], sources: Mapping[str, Any]) -> str:
    # Where rows came from is part of what they are: the same words of another answer are evidence
    # of their own, and a manifest must never name the wrong one.
    content = json.dumps({"files": hashes, "sources": sources}, sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:_NAME_CHARACTERS]


def _jsonl(rows: Iterable[Mapping[str, Any]]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def _train_row(form: TrainRow) -> dict[str, Any]:
    row = form.row
    if isinstance(row, UnpairedPreference):
        return {"prompt": form.prompt, "completion": row.completion, "label": row.label}
    return {"prompt": form.prompt, "chosen": row.chosen, "rejected": row.rejected}


def _judged_row(row: UnpairedPreference) -> dict[str, Any]:
    return {"prompt": row.question, "completion": row.completion, "label": row.label}


def _counts(curated: Curated) -> dict[str, int]:
    return {
        "train": len(curated.train),
        "heldout": len(curated.heldout),
        "judge": len(curated.judge),
        "check": len(curated.check),
        "left_out": sum(curated.left_out.values()),
    }


def _labels(curated: Curated) -> dict[str, dict[str, int]]:
    parts: dict[str, Iterable[Any]] = {"judge": curated.judge, "check": curated.check}
    if curated.method == "kto":
        parts = {
            "train": [form.row for form in curated.train],
            "heldout": [form.row for form in curated.heldout],
            **parts,
        }
    found = {part: Counter(row.label for row in rows) for part, rows in parts.items()}
    return {
        part: {"liked": labels[True], "disliked": labels[False]} for part, labels in found.items()
    }


def _sources(curated: Curated) -> dict[str, list[Any]]:
    """Name the completions behind every row, line by line: lineage without anybody's name."""
    return {
        "train": [_ids(form) for form in curated.train],
        "heldout": [_ids(form) for form in curated.heldout],
        "judge": [row.completion_id for row in curated.judge],
        "check": [row.completion_id for row in curated.check],
    }


def _ids(form: TrainRow) -> str | list[str]:
    row = form.row
    if isinstance(row, UnpairedPreference):
        return row.completion_id
    return [row.chosen_id, row.rejected_id]


def _rows_of(content: bytes) -> list[dict[str, Any]]:
    # By newline alone: splitlines of text would cut at a line separator within a row.
    return [json.loads(line) for line in content.splitlines()]


def _publish(path: Path, files: Mapping[str, bytes], manifest: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=path.parent))
    try:
        for name, content in files.items():
            (draft / name).write_bytes(content)
        text = json.dumps(manifest, ensure_ascii=False, indent=2, sort_keys=True)
        rows = {part: _rows_of(files[f"{part}.jsonl"]) for part in PARTS}
        (draft / CARD).write_text(render(manifest, rows), encoding="utf-8")
        (draft / MANIFEST).write_text(f"{text}\n", encoding="utf-8")
        draft.chmod(0o755)
        os.rename(draft, path)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
