"""What stands on every page and says nothing: running heads, feet, page numbers.

Invariant: only lines at a page's edge go, and only where they number the page or repeat at the same
height: an article that happens to stand at the foot of two pages stays.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher

from knowledge.reading.page import Line, Page

_EDGE = 0.12
"""Share of the page's height, at its top and its bottom, where furniture stands."""
_ALIKE = 0.85  # character recognition reads the same head a little otherwise on each page
_WORD = r"(?:page|p\.|pg\.|쪽|페이지|면)"
_SAME_HEIGHT = 0.02
_NUMBER = re.compile(
    rf"^[\s\-–—|.~]*{_WORD}?\s*\d{{1,4}}\s*(?:(?:/|of|중)\s*\d{{1,4}})?\s*{_WORD}?[\s\-–—|.~]*$",
    re.IGNORECASE,
)


@dataclass
class _Kind:
    """A line that is the same on several pages, up to its numbers."""

    text: str
    at: float
    """Height on the page, as a share of it."""
    pages: set[int] = field(default_factory=set)

    def holds(self, line: Line, page: Page) -> bool:
        """Whether a line is of this kind."""
        near = abs(line.top / page.height - self.at) <= _SAME_HEIGHT
        return near and _alike(_text(line), self.text)


def without_furniture(pages: Sequence[Page]) -> list[Page]:
    """Return the pages without what repeats at their edges."""
    kinds = _repeated(pages)
    return [
        replace(
            page,
            lines=tuple(line for line in page.lines if not _is_furniture(line, page, kinds)),
        )
        for page in pages
    ]


def _is_furniture(line: Line, page: Page, kinds: Sequence[_Kind]) -> bool:
    if line.table or not _at_edge(line, page):
        return False
    return bool(_NUMBER.match(line.text)) or any(kind.holds(line, page) for kind in kinds)


def _at_edge(line: Line, page: Page) -> bool:
    return line.bottom < _EDGE * page.height or line.top > (1 - _EDGE) * page.height


def _text(line: Line) -> str:
    """Return what is the same on every page: numbers count up, spaces come and go."""
    return re.sub(r"\d+", "#", re.sub(r"\s+", "", line.text.casefold()))


def _alike(one: str, other: str) -> bool:
    if one == other:
        return True
    if abs(len(one) - len(other)) > (1 - _ALIKE) * 2 * max(len(one), len(other)):
        return False
    return SequenceMatcher(None, one, other, autojunk=False).ratio() >= _ALIKE


def _repeated(pages: Sequence[Page]) -> list[_Kind]:
    """Return the kinds of edge lines that many pages have, and at least two."""
    kinds: list[_Kind] = []
    for page in pages:
        for line in page.lines:
            if line.table or not _at_edge(line, page):
                continue
            kind = next((known for known in kinds if known.holds(line, page)), None)
            if kind is None:
                kind = _Kind(_text(line), line.top / page.height)
                kinds.append(kind)
            kind.pages.add(page.number)
    # Left and right pages may differ, and chapters may begin without a head.
    needed = max(2, round(0.4 * len(pages)))
    return [kind for kind in kinds if len(kind.pages) >= needed]
