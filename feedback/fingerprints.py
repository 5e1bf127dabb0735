"""Texts that can be found again after they are gone, by keyed hashes of a few runs of their words.

A text is the set of its runs of five words, line by line, a shorter line being one run; of those
the eight smallest hashes are kept (a bottom-k sketch: Broder, 1997), each with its run's length.
Whatever quotes the whole text holds all of them.

Invariant: nothing of a text can be read from its fingerprint, and without the key it cannot even
be guessed; a whole quotation is always found.
"""

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from feedback.search import fold

RUN = 5
KEPT = 8
DIGITS = 16
"""Of a hash; the run's length stands behind them."""
SHORTEST = 12
"""Characters, or three words: shorter texts (`yes`, `thank you`) are everybody's."""
ENOUGH = 0.75
"""Share of the kept hashes that makes a quotation: what stands around it may blur its ends."""
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Fingerprints:
    """Fingerprints of several texts under one key."""

    key: bytes
    texts: Sequence[frozenset[str]]

    @classmethod
    def of(cls, key: bytes, texts: Iterable[str]) -> "Fingerprints":
        """Take the fingerprints of all texts that are long enough to be somebody's."""
        return cls(key, [taken for text in sorted(set(texts)) if (taken := take(key, text))])

    def quoted(self, text: str) -> int:
        """Count the texts that are quoted in `text`."""
        # A log quotes in one line, and says where the others began.
        lines = _lines(text.replace("\\n", "\n"))
        runs = {
            run
            for words in lines
            for length in self._lengths
            for run in _runs(self.key, words, length)
        } & self._with.keys()
        hits = Counter(number for run in runs for number in self._with[run])
        return sum(hit >= ENOUGH * len(self.texts[number]) for number, hit in hits.items())

    def to_json(self) -> list[list[str]]:
        """Return them as JSON values, without the key."""
        return [sorted(kept) for kept in self.texts]

    @classmethod
    def from_json(cls, key: bytes, record: Iterable[Iterable[str]]) -> "Fingerprints":
        """Read what `to_json` wrote."""
        return cls(key, [frozenset(map(_with_length, kept)) for kept in record])

    @cached_property
    def _lengths(self) -> set[int]:
        return {int(run[DIGITS:]) for run in self._with}

    @cached_property
    def _with(self) -> dict[str, list[int]]:
        found = defaultdict[str, list[int]](list)
        for number, kept in enumerate(self.texts):
            for run in kept:
                found[run].append(number)
        return dict(found)


def take(key: bytes, text: str) -> frozenset[str]:
    """Return the fingerprint of one text; empty: it is too short to be anybody's."""
    lines = list(_lines(text)) if _telling(text) else []
    return frozenset(
        sorted({run for words in lines for run in _runs(key, words, min(RUN, len(words)))})[:KEPT]
    )


def _with_length(run: str) -> str:
    # Records of before say no length; most runs are as long as runs are.
    return run if len(run) > DIGITS else f"{run}{RUN}"


def _telling(text: str) -> bool:
    words = _WORD.findall(text)
    return bool(words) and (len(" ".join(words)) >= SHORTEST or len(words) >= 3)


def _lines(text: str) -> Iterator[list[str]]:
    """Return the words of each line that has some."""
    for line in (fold(text) or "").splitlines():
        if words := _WORD.findall(line):
            yield words


def _runs(key: bytes, words: Sequence[str], length: int) -> Iterator[str]:
    """Return every run of so many words: its hash, and behind it the length."""
    for start in range(len(words) - length + 1):
        run = " ".join(words[start : start + length])
        made = hashlib.blake2b(run.encode(), key=key, digest_size=DIGITS // 2)
        yield f"{made.hexdigest()}{length}"
