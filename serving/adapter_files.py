"""An adapter's folder as it lies on disk, compared with what was published.

Two witnesses must agree with the files before an engine may read them: the adapter's record in the
registry, and the `manifest.json` that was written last into the folder.

Invariant: nothing here writes; a folder that an engine may know is never touched.
"""

import hashlib
import json
from pathlib import Path

from serving.errors import ServingError
from serving.records import AdapterRecord

MANIFEST = "manifest.json"


class AdapterDamaged(ServingError):
    """The folder on disk is not what was published."""

    code = "adapter_damaged"


def check_unchanged(record: AdapterRecord) -> None:
    """Compare an adapter's folder with its record and its manifest.

    Raises:
        AdapterDamaged: a file is missing, new or another one.
    """
    folder = Path(record.path)
    if not folder.is_dir():
        raise AdapterDamaged(f"its folder {folder} is missing; restore it from a backup")
    found = fingerprint(folder)
    if found != record.fingerprint:
        raise AdapterDamaged(
            f"the files in {folder} are not those that were published; restore them from a backup"
        )
    if found != _in_manifest(folder / MANIFEST):
        raise AdapterDamaged(
            f"{folder / MANIFEST} is missing or does not belong to the files beside it; restore "
            "the folder from a backup"
        )


def fingerprint(folder: Path) -> str:
    """Return the hash over names and contents of an adapter's files, its manifest left out."""
    lines = []
    for path in sorted(folder.iterdir(), key=lambda path: path.name):
        if path.is_file() and path.name != MANIFEST:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            lines.append(f"{path.name}\0{digest}\n")
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _in_manifest(path: Path) -> str | None:
    """Return the fingerprint that the manifest names, or None where there is none."""
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return manifest.get("fingerprint") if isinstance(manifest, dict) else None
