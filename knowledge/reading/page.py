"""What every reader of pages gives, whether it read characters or looked at a picture.

Coordinates are points from the page's top left corner.
Invariant: a line lies in one column, so text is never joined across a gutter.
"""

from dataclasses import dataclass, field, replace

GAP = 2.5
"""A gap of so many times the letters' size ends a line: behind it is another column or cell."""


@dataclass(frozen=True)
class Line:
    """A stretch of text on one baseline."""

    text: str
    x0: float
    top: float
    x1: float
    bottom: float
    size: float
    """Height of the letters."""
    table: bool = False
    """Whether the text is a whole Markdown table instead."""

    @property
    def height(self) -> float:
        """From top to bottom."""
        return self.bottom - self.top

    def beside(self, other: "Line") -> bool:
        """Whether both lie in one row."""
        shared = min(self.bottom, other.bottom) - max(self.top, other.top)
        return shared > 0.5 * min(self.height, other.height)


@dataclass(frozen=True)
class Page:
    """A page as lines, in no particular order."""

    number: int
    width: float
    height: float
    lines: tuple[Line, ...] = field(default=())
    confidence: float | None = None
    """How sure character recognition was, 0 to 1; None: the text was there."""


def in_order(page: Page) -> Page:
    """Return the page with its lines as they are read: down the columns, rows joined."""
    gutter = _gutter(page)
    if gutter is None:
        return replace(page, lines=tuple(_rows(page.lines)))
    ordered: list[Line] = []
    left: list[Line] = []
    right: list[Line] = []
    for line in sorted(page.lines, key=lambda line: line.top):
        if line.x0 < gutter < line.x1:
            ordered += [*_rows(left), *_rows(right), line]
            left, right = [], []
        else:
            (left if line.x1 <= gutter else right).append(line)
    return replace(page, lines=(*ordered, *_rows(left), *_rows(right)))


def _gutter(page: Page, least: int = 4) -> float | None:
    """Find where two columns part: hardly anything crosses, and both sides have rows in common."""
    best: tuple[int, float] | None = None
    for step in range(35, 66):
        x = page.width * step / 100
        crossing = sum(line.x0 < x < line.x1 for line in page.lines)
        if best is None or crossing < best[0]:
            best = (crossing, x)
    if best is None or best[0] > 0.3 * len(page.lines):
        return None
    x = best[1]
    left = [line for line in page.lines if line.x1 <= x]
    right = [line for line in page.lines if line.x0 >= x]
    if min(_filled(left), _filled(right)) < least:
        return None
    return x


def _filled(lines: list[Line]) -> int:
    """Count lines that are as wide as those of a text column: cells of a form are not."""
    widest = max((line.x1 - line.x0 for line in lines), default=0.0)
    return sum(line.x1 - line.x0 > 0.7 * widest and len(line.text) > 12 for line in lines)


def _rows(lines: tuple[Line, ...] | list[Line]) -> list[Line]:
    """Join what lies side by side, from top to bottom."""
    rows: list[list[Line]] = []
    for line in sorted(lines, key=lambda line: (line.top, line.x0)):
        if rows and not line.table and not rows[-1][0].table and rows[-1][0].beside(line):
            rows[-1].append(line)
        else:
            rows.append([line])
    return [_joined(sorted(row, key=lambda line: line.x0)) for row in rows]


def _joined(row: list[Line]) -> Line:
    if len(row) == 1:
        return row[0]
    return Line(
        " ".join(line.text for line in row),
        row[0].x0,
        min(line.top for line in row),
        max(line.x1 for line in row),
        max(line.bottom for line in row),
        max(line.size for line in row),
    )
