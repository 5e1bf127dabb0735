"""An export of feedback as a file that is downloaded and then gone.

Invariant: nothing of it stays on this machine: the file has no name any more before its first byte
goes out, so that even a crash leaves none behind.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from feedback.consent import Rule
from feedback.exchange import export_download
from feedback.store import FeedbackStore

PIECE = 1 << 16


@dataclass(frozen=True)
class Download:
    """An open file that has no name any more; reading it to its end closes it."""

    name: str
    """To save it under."""
    size: int
    file: BinaryIO

    def pieces(self) -> Iterator[bytes]:
        """Yield the file's content."""
        with self.file:
            while piece := self.file.read(PIECE):
                yield piece


def export_to_download(store: FeedbackStore, form: str, home: Path, consent: Rule) -> Download:
    """Write feedback in a format, folders zipped.

    It is written beside the service's own files, where there is room for it.

    Raises:
        InvalidFeedback: there is no such format.
        OSError: it cannot be written.
    """
    folder = home / "run"
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder, prefix="export-") as scratch:
        path, _ = export_download(store, form, Path(scratch), consent)
        return Download(path.name, path.stat().st_size, path.open("rb"))
