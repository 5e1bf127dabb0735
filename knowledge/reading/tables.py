"""Tables: rows of cells to Markdown, and ruled tables on a page to rows.

Invariant: a cell never breaks its row, whatever it holds.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from knowledge.reading.page import Line


def to_markdown(rows: Sequence[Sequence[str | None]]) -> str:
    """Return a Markdown table whose first row is its head; empty where no cell holds anything."""
    cells = [[_cell(cell) for cell in row] for row in rows]
    cells = [row for row in cells if any(row)]
    if not cells:
        return ""
    width = max(len(row) for row in cells)
    filled = [row + [""] * (width - len(row)) for row in cells]
    lines = [filled[0], ["---"] * width, *filled[1:]]
    return "\n".join(f"| {' | '.join(row)} |" for row in lines)


def _cell(text: str | None) -> str:
    return " ".join((text or "").split()).replace("|", "\\|")


class RuledTables:
    """Finds the tables with lines around their cells, on pages that have such lines.

    pdfplumber is thirty times slower than PDFium, so it only sees the pages that PDFium names.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: Any = None

    def on(self, number: int) -> list[Line]:
        """Return a page's tables, each as one line that is a table.

        Args:
            number: The page, counted from one.
        """
        import pdfplumber

        if self._file is None:
            self._file = pdfplumber.open(self._path)
        page = self._file.pages[number - 1]
        found = []
        for table in page.find_tables():
            rows = table.extract()
            # One cell is a frame around text, not a table.
            if len(rows) < 2 or max(len(row) for row in rows) < 2:
                continue
            if text := to_markdown(rows):
                x0, top, x1, bottom = table.bbox
                found.append(Line(text, x0, top, x1, bottom, 0.0, table=True))
        page.close()
        return found

    def close(self) -> None:
        """Give the file back."""
        if self._file is not None:
            self._file.close()
