"""A name that is found again by its hash: which pieces of a text may be it.

A hash says nothing of where a name begins and ends, so its shape is kept: how many words it has,
and how many signs stand before the first and behind the last. Invariant: a text that holds the name
as words of their own has it among the pieces, whatever signs are in it.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

LONGEST = 300
"""Characters; no person has a longer name."""
_WORD = re.compile(r"""[^\s"'=,;:()\[\]{}<>]+""")


class Shape(NamedTuple):
    """How a name looks: words, signs before them, signs behind them."""

    words: int = 1
    before: int = 0
    behind: int = 0


def shape(name: str) -> Shape:
    """Return a name's shape; one of signs alone is taken for a word, and found where it is all."""
    words = list(_WORD.finditer(name))
    if not words:
        return Shape()
    return Shape(len(words), words[0].start(), len(name) - words[-1].end())


def pieces(text: str, like: Shape) -> Iterator[str]:
    """Return every piece of a text that has this shape."""
    words = [match.span() for match in _WORD.finditer(text)]
    for (start, _), (_, end) in zip(words, words[like.words - 1 :], strict=False):
        if start >= like.before and end - start <= LONGEST:
            yield text[start - like.before : end + like.behind]
