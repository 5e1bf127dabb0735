"""PDF to pages: the text that is there by PDFium, ruled tables by pdfplumber, pictures by eye.

PDFium runs no scripts and opens nothing but this file.
Invariant: each page is read either from its characters or from its picture, never from both.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pypdfium2
import pypdfium2.raw as pdfium

from knowledge.reading.errors import Unreadable
from knowledge.reading.limits import Limits
from knowledge.reading.page import GAP, Line, Page
from knowledge.reading.tables import RuledTables

_FEW = 16
"""Fewer characters than this are a stamp on a picture, not a page's text."""
_COVERED = 0.4
"""A picture over this share of a page is what the page is about."""
_UNREADABLE = re.compile("[\ufffd\ue000-\uf8ff\x00-\x08\x0e-\x1f]")
_HYPHENS = "\x02\ufffe\xad"
"""How PDFium gives a hyphen that parts a word at a line's end."""
_MAX_RULES = 20_000


@dataclass(frozen=True)
class PdfText:
    """A PDF as pages; those to be looked at have no lines yet."""

    title: str
    pages: list[Page]
    scans: tuple[int, ...]
    """Numbers of the pages that hold a picture instead of text."""


def open_pdf(path: Path, limits: Limits) -> pypdfium2.PdfDocument:
    """Open a PDF.

    Raises:
        Unreadable: it is broken, wants a password or has too many pages.
    """
    try:
        document = pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError as err:
        if getattr(err, "err_code", None) == pdfium.FPDF_ERR_PASSWORD:
            raise Unreadable("it wants a password; save it without one and add it again") from err
        raise Unreadable("it is broken: PDFium cannot open it; export it again") from err
    if not len(document):
        raise Unreadable("it has no pages; export it again")
    if len(document) > limits.max_pages:
        raise Unreadable(
            f"it has {len(document)} pages, more than documents.max_pages = {limits.max_pages}; "
            "split it, or raise the setting"
        )
    return document


def read_text(document: pypdfium2.PdfDocument, path: Path, done: Callable[[int], None]) -> PdfText:
    """Read every page's characters and find the pages that need to be looked at.

    Args:
        document: Opened by `open_pdf`.
        path: The file, for tables.
        done: Told each page's number when it is read.
    """
    tables, pages, scans = RuledTables(path), [], []
    try:
        for index in range(len(document)):
            page = document[index]
            width, height = page.get_size()
            lines = list(_lines(page, height))
            if _needs_eyes(page, lines, width * height):
                scans.append(index + 1)
                lines = []
            elif _has_rules(page):
                lines = _with_tables(lines, tables.on(index + 1))
            pages.append(Page(index + 1, width, height, tuple(lines)))
            page.close()
            done(index + 1)
    finally:
        tables.close()
    return PdfText(_title(document), pages, tuple(scans))


def _lines(page: pypdfium2.PdfPage, height: float) -> Iterator[Line]:
    """Yield stretches of characters that PDFium puts on one line, parted at wide gaps."""
    text = page.get_textpage()
    box = pdfium.FS_RECTF()
    stretch: list[tuple[str, float, float, float, float]] = []
    for index in range(text.count_chars()):
        character = chr(pdfium.FPDFText_GetUnicode(text, index))
        if character in "\r\n":
            yield from _stretch(stretch, height)
            stretch = []
            continue
        generated = pdfium.FPDFText_IsGenerated(text, index) == 1
        if generated or character.isspace():
            stretch.append((" ", 0.0, 0.0, 0.0, 0.0))
            continue
        if not pdfium.FPDFText_GetLooseCharBox(text, index, box):
            continue
        if stretch and _gap(stretch, box.left) > GAP * (box.top - box.bottom):
            yield from _stretch(stretch, height)
            stretch = []
        stretch.append((character, box.left, box.bottom, box.right, box.top))
    yield from _stretch(stretch, height)
    text.close()


def _gap(stretch: list[tuple[str, float, float, float, float]], left: float) -> float:
    ends = [item[3] for item in stretch if item[0] != " "]
    return left - ends[-1] if ends else 0.0


def _stretch(
    characters: list[tuple[str, float, float, float, float]], height: float
) -> Iterator[Line]:
    inked = [item for item in characters if item[0] != " "]
    text = " ".join("".join(item[0] for item in characters).split())
    if not inked or not text:
        return
    heights = sorted(item[4] - item[2] for item in inked)
    yield Line(
        text,
        min(item[1] for item in inked),
        height - max(item[4] for item in inked),
        max(item[3] for item in inked),
        height - min(item[2] for item in inked),
        heights[len(heights) // 2],
    )


def _needs_eyes(page: pypdfium2.PdfPage, lines: list[Line], area: float) -> bool:
    """Whether a page is a picture of text, or its characters have lost their meaning."""
    text = "".join(line.text for line in lines)
    broken = len(_UNREADABLE.findall(text.translate(dict.fromkeys(map(ord, _HYPHENS)))))
    if len(text) >= _FEW:
        return broken > 0.2 * len(text)
    pictures = page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_IMAGE], max_depth=3)
    return sum(_area(picture) for picture in pictures) > _COVERED * area


def _area(item: Any) -> float:
    left, bottom, right, top = item.get_bounds()
    return max(0.0, right - left) * max(0.0, top - bottom)


def _has_rules(page: pypdfium2.PdfPage) -> bool:
    """Whether a page has lines both ways, as a ruled table does."""
    across = down = 0
    paths = page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_PATH], max_depth=2)
    for number, path in enumerate(paths):
        left, bottom, right, top = path.get_bounds()
        wide, high = right - left, top - bottom
        framed = wide > 20 and high > 8  # cells may be drawn as boxes
        across += framed or (high <= 3 and wide > 20)
        down += framed or (wide <= 3 and high > 8)
        if number > _MAX_RULES:
            return False  # a drawing
    return across >= 3 and down >= 2


def _with_tables(lines: list[Line], tables: list[Line]) -> list[Line]:
    outside = [line for line in lines if not any(_within(line, table) for table in tables)]
    return [*outside, *tables]


def _within(line: Line, table: Line) -> bool:
    x, y = (line.x0 + line.x1) / 2, (line.top + line.bottom) / 2
    return table.x0 <= x <= table.x1 and table.top <= y <= table.bottom


def _title(document: pypdfium2.PdfDocument) -> str:
    """Return the title that the file's author wrote, unless a program made it up."""
    title = " ".join(document.get_metadata_value("Title").split())
    made_up = re.search(
        r"\.\w{2,4}$|^(?:microsoft|untitled|about:|제목 없음)", title, re.IGNORECASE
    )
    return "" if made_up else title
