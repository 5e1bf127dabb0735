"""A file or a folder that appears whole or not at all.

Invariant: what is half written lies beside its place under a hidden name, and is gone when writing
fails; a folder with something in it is never replaced.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from feedback.types import InvalidFeedback


@contextmanager
def published(path: Path, *, folder: bool = False) -> Iterator[Path]:
    """Give a draft beside `path` to write, and put it in its place when it is complete.

    Raises:
        InvalidFeedback: a folder is to be written where something is.
        OSError: it cannot be written.
    """
    if folder and path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise InvalidFeedback(f"{path} is there: name a folder that is not there yet, or empty")
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        if folder:
            draft.mkdir()
        yield draft
        for written in [draft, *draft.rglob("*")]:
            _to_disk(written)
        os.replace(draft, path)
    finally:
        if draft.is_dir():
            shutil.rmtree(draft)
        else:
            draft.unlink(missing_ok=True)


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
