"""When two questions are the same one in other clothes: character 5-grams, no model, any language.

Invariant: nothing whose similarity to a protected question reaches the threshold passes.
"""

import math
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from functools import lru_cache

GRAM = 5


def normalise(text: str) -> str:
    """Return `text` without what does not change a question: width, case and spacing."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def grams(text: str) -> frozenset[str]:
    """Return the character 5-grams of a normalised text; a shorter text is one gram."""
    return frozenset(text[i : i + GRAM] for i in range(max(1, len(text) - GRAM + 1)))


class Protected:
    """Questions that nobody may train on, found by the grams they share with what is asked."""

    def __init__(self, questions: Iterable[str], threshold: float) -> None:
        self._threshold = threshold
        self._grams = [grams(question) for question in {normalise(q) for q in questions}]
        self._holding: dict[str, list[int]] = defaultdict(list)
        for index, found in enumerate(self._grams):
            for gram in found:
                self._holding[gram].append(index)
        # People ask the same thing again and again, and a round looks at every vote.
        self._cached = lru_cache(maxsize=100_000)(self._near)

    def __call__(self, question: str) -> bool:
        """Say whether `question` is as good as a protected one."""
        return bool(self._grams) and self._cached(normalise(question))

    def _near(self, question: str) -> bool:
        mine = grams(question)
        # What is near holds all of mine but so few, so at least one of one more than these: the
        # rarest, which few questions hold (prefix filtering, Bayardo et al. 2007).
        missing = len(mine) - math.ceil(self._threshold * len(mine) - 1e-9)
        held_by = sorted((self._holding.get(gram, ()) for gram in mine), key=len)
        near = {index for holders in held_by[: missing + 1] for index in holders}
        return any(self._alike(mine, self._grams[index]) for index in near)

    def _alike(self, mine: frozenset[str], other: frozenset[str]) -> bool:
        common = len(mine & other)
        return common >= self._threshold * (len(mine) + len(other) - common)
