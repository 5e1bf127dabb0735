"""A file as records, one after another: JSON lines, the elements of a JSON array, or CSV.

Records are cut out by line ends, brackets and quotes alone and read one by one, so what is wrong in
one spoils no other; no more than one is in memory.

Invariant: every byte of the file is in a record or in a problem with a number.
"""

import codecs
import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Literal, NamedTuple

from pydantic_core import from_json

from feedback.types import InvalidFeedback

LARGEST = 32 * 2**20
"""Bytes of one record: a chat with its pictures is below that, a file without line ends is not."""
CHUNK = 2**16

Shape = Literal["lines", "array", "table"]
TOO_LARGE = "the row has more than {} bytes: take out what is not text"
NUL = "the row contains the character NUL: remove it"
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
"""As JSON escapes it; behind an even number of backslashes it is only spoken of."""


class Record(NamedTuple):
    """One row of a file, unread."""

    number: int
    """The line it begins in; in an array, the how-manieth element it is."""
    data: bytes
    problem: str = ""


class TableRow(NamedTuple):
    """A row of CSV: its fields may be more or fewer than its header's."""

    header: list[str]
    fields: list[str]


def shape_of(path: Path, *, table: bool) -> Shape:
    """Tell how a file is cut; `table`: what is not JSON is CSV.

    Raises:
        InvalidFeedback: it is in UTF-16 or UTF-32.
    """
    with path.open("rb") as file:
        start = file.read(CHUNK)
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)):
        raise InvalidFeedback(f"{path.name} is in UTF-16 or UTF-32: save it in UTF-8")
    first = start.removeprefix(codecs.BOM_UTF8).lstrip()[:1]
    if first == b"[":
        return "array"
    return "table" if table and first not in {b"", b"{"} else "lines"


def records(path: Path, shape: Shape) -> Iterator[Record]:
    """Cut a file into records; blank ones are left out."""
    with path.open("rb") as file:
        if file.read(len(codecs.BOM_UTF8)) != codecs.BOM_UTF8:
            file.seek(0)
        yield from {"lines": _lines, "array": _elements, "table": _rows}[shape](file)


def read_json(record: Record) -> dict[str, Any]:
    """Read a record that is a JSON object.

    Raises:
        InvalidFeedback: it is none, is not UTF-8, contains NUL, or is nested more than 200 deep.
    """
    _text(record)
    if _NUL.search(record.data):
        raise InvalidFeedback(NUL)
    try:
        value = from_json(record.data, allow_inf_nan=False)
    except ValueError as err:
        raise InvalidFeedback(f"no JSON: {err}") from err
    if not isinstance(value, dict):
        raise InvalidFeedback(f"a row is an object, {{..}}; this is a {type(value).__name__}")
    return value


def read_fields(record: Record) -> list[str]:
    """Read a record that is a row of CSV.

    Raises:
        InvalidFeedback: it is none, is not UTF-8, or contains NUL.
    """
    csv.field_size_limit(LARGEST)
    try:
        return next(csv.reader(io.StringIO(_text(record), newline="")), [])
    except csv.Error as err:
        raise InvalidFeedback(f"no row of CSV: {err}") from err


def _text(record: Record) -> str:
    if record.problem:
        raise InvalidFeedback(record.problem)
    if b"\0" in record.data:
        raise InvalidFeedback(NUL)
    try:
        return record.data.decode()
    except UnicodeDecodeError as err:
        wrong = record.data[err.start]
        raise InvalidFeedback(
            f"byte {err.start} of the row, 0x{wrong:02x}, is not UTF-8: save the file in UTF-8"
        ) from err


def _lines(file: BinaryIO) -> Iterator[Record]:
    number = 0
    while line := file.readline(LARGEST + 1):
        number += 1
        if len(line) > LARGEST and not line.endswith(b"\n"):
            while (rest := file.readline(CHUNK)) and not rest.endswith(b"\n"):
                pass
            yield Record(number, b"", TOO_LARGE.format(LARGEST))
        elif line.strip():
            yield Record(number, line.strip())


def _rows(file: BinaryIO) -> Iterator[Record]:
    """Cut CSV: a row ends with a line in which as many quotes were closed as opened."""
    begin, number, open_quote, large, row = 1, 0, False, False, bytearray()
    while piece := file.readline(CHUNK):
        open_quote ^= piece.count(b'"') % 2 == 1
        large = large or len(row) + len(piece) > LARGEST
        row += b"" if large else piece
        number += piece.endswith(b"\n")
        if piece.endswith(b"\n") and not open_quote:
            if large or row.strip():
                problem = TOO_LARGE.format(LARGEST) if large else ""
                yield Record(begin, bytes(row).strip(b"\r\n"), problem)
            begin, large, row = number + 1, False, bytearray()
    if large or row.strip():
        problem = TOO_LARGE.format(LARGEST) if large else ""
        problem = "a quote is opened here and never closed" if open_quote else problem
        yield Record(begin, bytes(row), problem)


_OUTSIDE, _INSIDE = re.compile(rb'["\[\]{},]'), re.compile(rb'["\\]')


def _elements(file: BinaryIO) -> Iterator[Record]:
    """Cut a JSON array at the commas of its own level."""
    number, depth, quoted, position = 1, 0, False, 0
    element = _Element()
    while chunk := file.read(CHUNK):
        start = 0
        while sign := (_INSIDE if quoted else _OUTSIDE).search(chunk, position):
            position, found = sign.end(), sign.group()
            if found == b'"':
                quoted = not quoted
            elif found == b"\\":
                position += 1
            elif found in b"[{":
                depth += 1
                start = position if depth == 1 else start
            elif found in b"]}":
                depth -= 1
            if (found == b"," and depth == 1) or (found in b"]}" and depth == 0):
                element.add(chunk[start : position - 1])
                yield from element.record(number)
                number, start, element = number + 1, position, _Element()
            if found in b"]}" and depth == 0:
                yield from _rest(chunk[position:], file, number)
                return
        element.add(chunk[start:] if depth else b"")
        position = max(0, position - len(chunk))
    yield Record(number, b"", "the file ends before its array does: it was cut off")


def _rest(tail: bytes, file: BinaryIO, number: int) -> Iterator[Record]:
    while tail:
        if tail.strip():
            yield Record(number, b"", "something follows the end of the array")
            return
        tail = file.read(CHUNK)


class _Element:
    """The bytes of an element so far, or only that they are too many."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.large = False

    def add(self, piece: bytes) -> None:
        self.large = self.large or len(self.data) + len(piece) > LARGEST
        self.data += b"" if self.large else piece

    def record(self, number: int) -> Iterator[Record]:
        if self.large:
            yield Record(number, b"", TOO_LARGE.format(LARGEST))
        elif data := bytes(self.data).strip():
            yield Record(number, data)
