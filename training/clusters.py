"""Questions that are nearly the same, found once for a round: MinHash finds who to compare.

A question is the set of its pairs of words; of scripts without reliable spaces (Hangul, Han, kana)
of its runs of three syllables. Two are near when their Jaccard similarity reaches the threshold,
and a cluster is what is connected by such pairs. MinHash (Broder 1997) with bands (Leskovec et al.,
Mining of Massive Datasets, 3.4) proposes pairs; each is then measured exactly, so that a cluster
never holds what only seemed near. With 25 bands of 5 rows a pair at 0.8 is proposed with
1 - (1 - 0.8^5)^25 = 99.995 %.

Different questions about one pasted document, or behind one long instruction, are near by what they
have in common. So a cluster that is a good part of the round is looked at again, without what
stands in most of its texts.

Invariant: the result depends on the texts and the threshold alone, not on their order.
"""

import re
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.similarity import normalise

NEAR = 0.8
"""Jaccard similarity from which two questions are one: a greeting more, not another product."""
_BANDS, _ROWS = 25, 5
_LOOKED_AT = 200
"""Of one bucket, so many before each text: a bucket of a crowd would cost its square."""
_CROWD, _CROWD_SHARE = 4, 0.03
"""A cluster of so many different texts that are asked so often is looked at again: fewer are people
who ask the same, and cost a round little."""
_SYLLABLES = "぀-ヿ㐀-鿿가-힣"
_TOKEN = re.compile(f"[{_SYLLABLES}]|[^\\W_{_SYLLABLES}]+")
_SYLLABLE = re.compile(f"[{_SYLLABLES}]")


class Clusters:
    """Which cluster a text is in; texts that differ in case, width or spacing are one text.

    Args:
        texts: All texts, each as often as it was asked.
        near: The similarity from which two are one question.
    """

    def __init__(self, texts: Iterable[str], near: float = NEAR) -> None:
        asked = Counter(normalise(text) for text in texts)
        known = sorted(asked)
        sets = [shingles(text) for text in known]
        self._wide = dict(zip(known, _connected(known, sets, near), strict=True))
        self._cluster = dict(self._wide)
        for members in _crowds(self._wide, asked):
            rest = _distinctive([shingles(text) for text in members])
            self._cluster.update(zip(members, _connected(members, rest, near), strict=True))

    def __call__(self, text: str) -> str:
        """Return the cluster's name: the first of its texts.

        Raises:
            KeyError: the text was not among those that the clusters were made of.
        """
        return self._cluster[normalise(text)]

    def wide(self, text: str) -> str:
        """Return the cluster's name where long texts in common count too: for what must be safe."""
        return self._wide[normalise(text)]

    def sizes(self) -> list[int]:
        """Return how many texts are in each cluster, the largest first."""
        return sorted(Counter(self._cluster.values()).values(), reverse=True)


def shingles(text: str) -> frozenset[str]:
    """Return a normalised text's pairs of words, or runs of three syllables."""
    tokens = _TOKEN.findall(text) or [text]
    width = 3 if 2 * sum(map(bool, map(_SYLLABLE.match, tokens))) > len(tokens) else 2
    last = max(1, len(tokens) - width + 1)
    return frozenset(" ".join(tokens[i : i + width]) for i in range(last))


def jaccard(mine: frozenset[str], other: frozenset[str]) -> float:
    """Return the share of what two sets have in common."""
    common = len(mine & other)
    return common / (len(mine) + len(other) - common)


def _crowds(cluster: Mapping[str, str], asked: Mapping[str, int]) -> Iterator[list[str]]:
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for text, name in cluster.items():
        groups[name].append(text)
    enough = _CROWD_SHARE * sum(asked.values())
    for members in groups.values():
        # Other signs between the same words make no other text.
        if sum(asked[text] for text in members) > enough and (
            len({shingles(text) for text in members}) >= _CROWD
        ):
            yield members


def _distinctive(sets: Sequence[frozenset[str]]) -> list[frozenset[str]]:
    """Leave out what stands in more than half of the different sets; nothing left is one set.

    Where a text is nothing but what the others have in common, it is a question that they repeat:
    one pair of words more, a greeting, does not make another one.
    """
    different = set(sets)
    seen = Counter(shingle for each in different for shingle in each)
    common = {shingle for shingle, count in seen.items() if 2 * count > len(different)}
    rest = [each - common for each in sets]
    little = 0 if all(rest) else 1
    return [each if len(each) > little else frozenset({""}) for each in rest]


def _connected(texts: Sequence[str], sets: Sequence[frozenset[str]], near: float) -> list[str]:
    parent = list(range(len(texts)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    for one, other in _proposed(sets):
        a, b = root(one), root(other)
        if a != b and jaccard(sets[one], sets[other]) >= near:
            # The first text names its cluster, whatever the order of the pairs.
            parent[max(a, b)] = min(a, b)
    return [texts[root(index)] for index in range(len(texts))]


def _proposed(sets: Sequence[frozenset[str]]) -> Iterator[tuple[int, int]]:
    """Yield pairs that share a band, the same pair perhaps more than once."""
    if not sets:
        return
    signatures = _signatures(sets)
    for band in range(_BANDS):
        rows = signatures[band * _ROWS : (band + 1) * _ROWS]
        key = np.zeros(len(sets), dtype=np.uint64)
        for row in rows:
            key = key * np.uint64(0x9E3779B97F4A7C15) + row
        order = np.argsort(key, kind="stable")
        starts = np.flatnonzero(np.diff(key[order], prepend=~key[order[:1]]))
        sizes = np.diff(starts, append=len(sets))
        # Most buckets hold one text: those are never looked at.
        for start, size in zip(starts[sizes > 1], sizes[sizes > 1], strict=True):
            members = order[start : start + size].tolist()
            for at in range(1, len(members)):
                for before in members[max(0, at - _LOOKED_AT) : at]:
                    yield before, members[at]


def _signatures(sets: Sequence[frozenset[str]]) -> NDArray[Any]:
    """Return the smallest hashes: one row a hash function, one column a set."""
    hashed = np.fromiter(
        (zlib.crc32(shingle.encode()) for each in sets for shingle in each), dtype=np.uint64
    )
    starts = np.cumsum([0, *(len(each) for each in sets[:-1])])
    rng = np.random.default_rng(20260)
    count = _BANDS * _ROWS
    # Multiply-shift (Dietzfelbinger et al. 1997): odd factors, the upper half of the product.
    factors = rng.integers(1, 2**63, count, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    offsets = rng.integers(0, 2**63, count, dtype=np.uint64)
    return np.stack(
        [
            np.minimum.reduceat((hashed * factor + offset) >> np.uint64(32), starts).astype(
                np.uint32
            )
            for factor, offset in zip(factors, offsets, strict=True)
        ]
    )
