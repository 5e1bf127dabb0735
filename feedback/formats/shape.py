"""What a format of export is: files, each with one kind of our rows as another tool wants them.

Invariant: a row that a format cannot say as it was meant is left out with a reason, never bent.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Row = dict[str, Any]
Source = Literal["kto", "dpo", "sft", "raw"]
"""The kinds of row that feedback is read as (`feedback/export_rows.py`)."""

Coding = Literal["lines", "array", "parquet"]
"""JSON lines, one JSON array, or Parquet."""


class Unfit(Exception):
    """A row that the format cannot say; the message is the reason that is counted."""


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a format."""

    name: str
    """The file's path in the format's folder; of a format with one file only its suffix counts."""
    source: Source
    convert: Callable[[Row], Row] = lambda row: row
    """Raises `Unfit` where the row cannot be said."""
    coding: Coding = "lines"


@dataclass(frozen=True, slots=True)
class Summary:
    """What a folder's own description is made of: rows by file, and rows left out by reason."""

    rows: Mapping[str, int]
    left_out: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Format:
    """A format of export: a file where it has one part and nothing beside it, else a folder."""

    about: str
    parts: tuple[Part, ...]
    beside: Callable[[Summary], Mapping[str, str]] | None = None
    """Builds the small text files that lie beside the data, by name."""

    @property
    def folder(self) -> bool:
        """Whether an export is a folder."""
        return len(self.parts) > 1 or self.beside is not None
