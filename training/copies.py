"""A question that stands in another one, a few letters changed: what a person makes of a copy.

Compared is what is left without spaces, signs, case and Korean particles. Somebody who greets
first, explains at length, mistypes or puts another particle asks the same; how alike the whole
texts are does not tell that (training/similarity.py), so the question is searched for in the text.

One letter in twelve may be changed, missing or added. The search is Sellers' (1980) in Myers'
bit-parallel form (1999), one step a letter. It begins only where the text holds a seed: cut a
question in one piece more than letters may differ, and one piece is whole in every copy.

Invariant: every text is found that holds a question and its numbers with so few letters changed; of
questions as short as a greeting, every text that is nothing else.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from functools import lru_cache
from itertools import pairwise

from training.similarity import normalise

LETTERS_AN_EDIT = 12
SHORTEST = 14
"""Letters, a syllable for two: "yes, please" stands in anything."""
_SEED = 6
"""A piece is at least this long: one in twelve letters ends one."""
_GRAM = 3
_SYLLABLE = re.compile("[가-힣]")
_NUMBER = re.compile("[0-9]+")
_WORD = re.compile(r"[^\W_]+")
# Behind two syllables or more: the last syllable of a shorter word is its own.
_PARTICLE = re.compile(
    r"(?<=[가-힣]{2})(?:에서는|에서|에게|에는|에도|으로|부터|까지|이나|이란"
    r"|은|는|이|가|을|를|의|에|로|와|과|도|만|께|나|란)$"
)


def letters(text: str) -> tuple[str, str]:
    """Return a text's letters and digits, with and without Korean particles."""
    return "".join(_WORD.findall(normalise(text))), "".join(stems(text))


def stems(text: str) -> list[str]:
    """Return a text's words without Korean particles."""
    return [_PARTICLE.sub("", word) for word in _WORD.findall(normalise(text))]


def least_edits(pattern: str, text: str) -> int:
    """Return how many letters differ at least between `pattern` and a part of `text`."""
    full, top = (1 << len(pattern)) - 1, 1 << (len(pattern) - 1)
    at: defaultdict[str, int] = defaultdict(int)
    for place, letter in enumerate(pattern):
        at[letter] |= 1 << place
    # Bit i: going one letter down the pattern's column costs one more, or one less.
    more, less, edits = full, 0, len(pattern)
    least = edits
    for letter in text:
        same = at.get(letter, 0)
        vertical = same | less
        across = (((same & more) + more) ^ more) | same
        up, down = less | (~(across | more) & full), more & across
        edits += bool(up & top) - bool(down & top)
        up, down = up << 1 & full, down << 1 & full
        more, less = down | (~(vertical | up) & full), up & vertical
        least = min(least, edits)
    return least


class Copies:
    """Questions, looked for in what people ask."""

    def __init__(self, questions: Iterable[str]) -> None:
        # In both forms: a slip behind a particle hides it.
        known = sorted({form for question in questions for form in letters(question)} - {""})
        long = [each for each in known if len(each) + len(_SYLLABLE.findall(each)) >= SHORTEST]
        self._short = {*known} - {*long}
        self._grams = {each: frozenset(_windows(each, _GRAM)) for each in long}
        shared = Counter(seed for each in long for seed in set(_windows(each)))
        self._holding: defaultdict[str, list[str]] = defaultdict(list)
        for each in long:
            for piece in _pieces(each):
                # The rarest: how a question begins says little about which one it is.
                rarest = min(_windows(piece), key=lambda seed: (shared[seed], seed))
                self._holding[rarest].append(each)
        # People ask the same thing again and again, and a round looks at every vote.
        self._cached = lru_cache(maxsize=100_000)(self._found)

    def __call__(self, text: str) -> bool:
        """Say whether one of the questions stands in `text`."""
        return any(map(self._cached, set(letters(text))))

    def _found(self, text: str) -> bool:
        seeds = self._holding.keys() & set(_windows(text))
        near = {each for seed in seeds for each in self._holding[seed]}
        held = frozenset(_windows(text, _GRAM)) if near else frozenset[str]()
        return text in self._short or any(self._holds(text, held, each) for each in near)

    def _holds(self, text: str, held: frozenset[str], question: str) -> bool:
        most = len(question) // LETTERS_AN_EDIT
        grams = self._grams[question]
        # One letter is in three grams at most: cheaper to count than to search (Ukkonen 1992).
        if len(grams & held) < len(grams) - _GRAM * most:
            return False
        # Another number is another question, and no slip.
        same = set(_NUMBER.findall(question)) <= set(_NUMBER.findall(text))
        return same and least_edits(question, text) <= most


def _windows(text: str, size: int = _SEED) -> list[str]:
    return [text[i : i + size] for i in range(len(text) - size + 1)]


def _pieces(text: str) -> list[str]:
    count = len(text) // LETTERS_AN_EDIT + 1
    cuts = [len(text) * i // count for i in range(count + 1)]
    return [text[a:b] for a, b in pairwise(cuts)]
