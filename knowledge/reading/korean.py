"""Where a line ends: whether a space belongs there.

Korean is often broken between any two syllables, and nothing on the page tells a broken word from
two words. What tells: signs, the same word elsewhere in the document, and the language itself.
Invariant: only line ends are decided here; spaces inside a line stay as they were read.
"""

import re
from collections import Counter
from collections.abc import Iterable
from functools import cached_property
from typing import Any

_HANGUL = re.compile("[가-힣]")
_OPENS, _CLOSES = "([{「『〈《“‘", ")]}」』〉》”’.,;:!?%·"
_BROKEN_WORD = "\x02\ufffe\xad"
"""How a PDF says that a hyphen only stands there because the line ends."""


class Joiner:
    """Joins the lines of one document's paragraphs."""

    def __init__(self, lines: Iterable[str], *, at_words: bool) -> None:
        """Learn the document's words.

        Args:
            lines: All of the document's lines.
            at_words: Whether its lines end between words only.
        """
        self._at_words = at_words
        self._decided: dict[tuple[str, str], bool] = {}
        self._known: Counter[str] = Counter()
        for line in lines:
            # The first and the last word of a line may be halves.
            self._known.update(_letters(word) for word in line.split()[1:-1] if "-" not in word)
        self._beginnings = {word[:end] for word in self._known for end in range(3, len(word))}

    def join(self, lines: Iterable[str]) -> str:
        """Return a paragraph's lines as one."""
        text = ""
        for line in lines:
            if not text:
                text = line
            elif text[-1] in _BROKEN_WORD:
                text = text[:-1] + line
            elif text[-1] == "-" and text[-2:-1].isalpha() and line[:1].islower():
                whole = _letters(text.split()[-1]) + _letters(line.split()[0])
                text = (text[:-1] if self._known[whole] else text) + line
            else:
                text += (" " if self._parted(text, line) else "") + line
        return text.translate(dict.fromkeys(map(ord, _BROKEN_WORD)))

    def _parted(self, left: str, right: str) -> bool:
        korean = _HANGUL.search(left.split()[-1]) or _HANGUL.search(right.split()[0])
        if not korean or self._at_words:
            return True
        signs = _by_signs(left, right)
        if signs is not None:
            return signs
        one, other = _letters(left.split()[-1]), _letters(right.split()[0])
        together, apart = self._known[one + other], min(self._known[one], self._known[other])
        if together != apart:
            return together < apart
        if one + other[:1] in self._beginnings:
            return False
        ends = (" ".join(left.split()[-2:]), " ".join(right.split()[:2]))
        if ends not in self._decided:
            spaces = self._kiwi.glue(ends, return_space_insertions=True)[1]
            self._decided[ends] = bool(spaces[0])
        return self._decided[ends]

    @cached_property
    def _kiwi(self) -> Any:
        """A model of Korean; it takes a second to load, and most documents need none."""
        from kiwipiepy import Kiwi

        return Kiwi(num_workers=1)


def _letters(word: str) -> str:
    return re.sub(r"\W", "", word)


def _by_signs(left: str, right: str) -> bool | None:
    """Decide by what stands at the two ends; None: they are letters."""
    end, start = left[-1], right[0]
    if start in _CLOSES or end in _OPENS:
        return False
    if end in ".,":
        return not (left[-2:-1].isdigit() and start.isdigit())
    if end in ";:!?":
        return True
    if end.isdigit():
        return not (start.isdigit() or _HANGUL.match(start))
    return None
