"""Texts that can be found again after they are gone, by keyed hashes of a few runs of their words.

A text is the set of its runs of five words, line by line; of those the eight smallest hashes are
kept (a bottom-k sketch: Broder, 1997). Whatever quotes the whole text holds all of them.

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
        telling = sorted({text for text in texts if _telling(text)})
        return cls(key, [frozenset(sorted(_runs(key, text))[:KEPT]) for text in telling])

    def quoted(self, text: str) -> int:
        """Count the texts that are quoted in `text`."""
        runs = self._with.keys() & set(_runs(self.key, text))
        hits = Counter(number for run in runs for number in self._with[run])
        return sum(hit >= ENOUGH * len(self.texts[number]) for number, hit in hits.items())

    def to_json(self) -> list[list[str]]:
        """Return them as JSON values, without the key."""
        return [sorted(kept) for kept in self.texts]

    @classmethod
    def from_json(cls, key: bytes, record: Iterable[Iterable[str]]) -> "Fingerprints":
        """Read what `to_json` wrote."""
        return cls(key, [frozenset(kept) for kept in record])

    @cached_property
    def _with(self) -> dict[str, list[int]]:
        found = defaultdict[str, list[int]](list)
        for number, kept in enumerate(self.texts):
            for run in kept:
                found[run].append(number)
        return dict(found)


def _telling(text: str) -> bool:
    words = _WORD.findall(text)
    return bool(words) and (len(" ".join(words)) >= SHORTEST or len(words) >= 3)


def _runs(key: bytes, text: str) -> Iterator[str]:
    for line in (fold(text) or "").splitlines():
        words = _WORD.findall(line)
        for start in range(max(1, len(words) - RUN + 1) if words else 0):
            run = " ".join(words[start : start + RUN])
            yield hashlib.blake2b(run.encode(), key=key, digest_size=8).hexdigest()
