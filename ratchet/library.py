"""The library by the settings: files taken in, and the index built with the base's tokens.

Invariant: every index is built here, so that passages are cut alike whoever asks for it.
"""

from collections.abc import Callable
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from knowledge.chunks import BY_CHARACTERS, Cut
from knowledge.documents import Library
from knowledge.index import IndexVersion, rebuild
from knowledge.intake import About, FileReport, Intake
from knowledge.reading.limits import Limits
from ratchet.base_model import base_path
from ratchet.settings import Settings, SettingsError

_KEPT = ("added", "changed", "relabelled", "unchanged")


def add_documents(
    settings: Settings,
    path: Path,
    about: About,
    show: Callable[[float, str], None],
    *,
    replace: bool = False,
) -> dict[str, Any]:
    """Add a file or a folder and index what is there then; return the report.

    Raises:
        UnreadableDocument: the path is neither a file nor a folder.
    """
    library = Library(settings.home)
    reports = Intake(library, limits_of(settings), about, replace).add(path, show)
    built = reindex(settings)
    fresh = {report.name for report in reports if report.status in {"added", "changed"}}
    return {
        "files": [asdict(report) for report in reports],
        "counts": _counts(reports),
        "added": [asdict(entry) for entry in library.list() if entry.name in fresh],
        "index": built.version,
        "passages": built.passages,
    }


def usable(report: dict[str, Any]) -> bool:
    """Whether anything of what was given is in the library now, or nothing was given."""
    return not report["files"] or any(file["status"] in _KEPT for file in report["files"])


def reindex(settings: Settings) -> IndexVersion:
    """Index the library as it is now; at once where that index is there already."""
    return rebuild(settings.home, cut=passage_cut(settings))


def limits_of(settings: Settings) -> Limits:
    """Return what a file may cost."""
    table = settings.documents
    return Limits(**{one.name: getattr(table, one.name) for one in fields(Limits)})


def passage_cut(settings: Settings) -> Cut:
    """Return how passages are cut: by the base's tokens where its tokenizer is on this machine."""
    try:
        file = base_path(settings) / "tokenizer.json"
    except SettingsError:
        return BY_CHARACTERS
    if not file.is_file():
        return BY_CHARACTERS
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(file))
    return Cut(
        settings.documents.passage_tokens,
        lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids),
    )


def _counts(reports: list[FileReport]) -> dict[str, int]:
    statuses = [report.status for report in reports]
    return {status: statuses.count(status) for status in dict.fromkeys(statuses)}
