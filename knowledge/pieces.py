"""Long texts cut into pieces that a limit allows: behind rows and sentences, else at spaces.

Invariant: pieces in a row hold the text, each row of a table stands under its table's head, and the
same text gives the same pieces.
"""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

Measure = Callable[[str], int]
"""How long a text is: in characters (`len`), or in a model's tokens."""

_MOST = 12
"""Characters that one unit of a measure holds at most, as good as always."""
_SENTENCE_END = re.compile(r"(?<=[.!?。])\s+")
_TABLE = re.compile(r"^\|.*\|$")
_RULE = re.compile(r"^\|(?:\s*:?-+:?\s*\|)+$")


class _Part(NamedTuple):
    """What is never cut unless it is too long by itself."""

    text: str
    before: str
    """What parts it from the part before: a space or a new line."""
    head: str = ""
    """The head of the table that it is a row of."""


def pieces(text: str, limit: int, measure: Measure = len) -> Iterator[str]:
    """Yield the text whole where it is short enough, otherwise in pieces.

    Args:
        text: Paragraphs, list items and rows of tables, one a line.
        limit: Longest piece, as measured.
        measure: A text that is part of another must not be longer than it.
    """
    if _fits(text, limit, measure):
        yield text
        return
    piece = ""
    for part in _parts(text, limit, measure):
        longer = f"{piece}{part.before}{part.text}"
        if piece and measure(longer) > limit:
            yield piece
            piece = ""
        if piece:
            piece = longer
        else:
            headed = f"{part.head}\n{part.text}"
            piece = headed if part.head and measure(headed) <= limit else part.text
    if piece:
        yield piece


def _parts(text: str, limit: int, measure: Measure) -> Iterator[_Part]:
    head = ""
    lines = text.split("\n")
    for number, line in enumerate(lines):
        row = bool(_TABLE.match(line))
        if row and number + 1 < len(lines) and _RULE.match(lines[number + 1]):
            head = f"{line}\n{lines[number + 1]}"
        elif not row:
            head = ""
        own = bool(head) and line in head.split("\n")
        before = "\n"
        for sentence in [line] if row else _SENTENCE_END.split(line):
            for short in _cut(sentence.strip(), limit, measure):
                yield _Part(short, before, "" if own else head)
                before = " "


def _fits(text: str, limit: int, measure: Measure) -> bool:
    # Megabytes without an end need not be counted to be too long.
    return len(text) <= _MOST * limit and measure(text) <= limit


def _cut(sentence: str, limit: int, measure: Measure) -> Iterator[str]:
    """Yield a sentence; one that is too long is cut at a space, or anywhere."""
    while sentence and not _fits(sentence, limit, measure):
        most = _fitting(sentence, limit, measure)
        at = sentence.rfind(" ", 1, most + 1)
        at = at if at > 0 else most
        yield sentence[:at].strip()
        sentence = sentence[at:].strip()
    if sentence:
        yield sentence


def _fitting(text: str, limit: int, measure: Measure) -> int:
    """Return how many characters of a text fit, at least one."""
    low, high = 1, min(len(text), _MOST * limit)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if measure(text[:middle]) <= limit else (low, middle - 1)
    return low
