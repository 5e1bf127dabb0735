"""How often a person's votes are what everybody else's votes say of such answers.

A logistic regression on what an answer looks like (its words and pairs of words, numbers made
alike, and who answered) is fitted on nine tenths of the people and asked about the votes of the
others, so that nobody's own votes speak for them. Liked and disliked weigh the same in it, so that
somebody stern, but of the common taste, agrees. It is fitted again with everybody's word weighed by
how much more often than not they agree, so that the contrary have no say in what is common.

Contrary is who agrees on fewer than half of their answers, and on fewer than the others do with
less than one chance in twenty, shared among all people (binomial, Bonferroni). Nobody is where the
prediction may be chance: of those who agree, its balanced accuracy must surely be above 0.65 (lower
95 % bound, Wilson's intervals combined by MOVER, Zou & Donner 2008), because who is chosen for
agreeing with fallen coins reaches 0.6 by luck. And nobody is where it would be more than a third of
the people: two camps are two tastes, and which one is right is not for this file.

Invariant: the result depends on the rows alone, not on their order.
"""

import hashlib
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from feedback.rates import Z95, wilson
from training.preferences import UnpairedPreference

FEWEST_PEOPLE = 6
_FOLDS = 10
_STRENGTH = 0.3
"""Of the regression's regularisation, inverse, as scikit-learn counts it."""
_LOOKS = 5
_CHANCE = 0.05
_CAMP = 1 / 3
_SURE = 0.65
_FEATURES = 2**13
_FITTED = 5_000
"""Rows that a regression is fitted on at most, drawn evenly: its time must not grow with them."""
_NUMBER = re.compile(r"[0-9][0-9.,]*")
_WORD = re.compile(r"\w+|[^\w\s]")


class Agreement(NamedTuple):
    """The share of somebody's votes that others would have cast, between its 95 % bounds."""

    low: float
    estimate: float
    high: float


class Agreements(NamedTuple):
    """What is known of everybody; nothing where the others' votes say nothing."""

    of: dict[str, Agreement]
    contrary: frozenset[str]
    """Whose votes are mostly the opposite of what everybody else's say."""
    usual: float | None = None
    """The share of votes that others would have cast, of all who agree more often than not; None:
    nothing is known, or there are two camps."""

    def weight(self, person: str) -> float:
        """Return which share of somebody's votes can be of the common taste, from 0 to 1.

        Of who votes by the common taste as surely as others do, or else by a coin, as many votes
        agree as this share says (the one-coin model of Dawid & Skene 1979). By the upper bound of
        their agreement: nobody loses a word by bad luck.
        """
        known = self.of.get(person)
        if known is None or self.usual is None:
            return 1.0
        return min(1.0, max(0.0, (2 * known.high - 1) / (2 * self.usual - 1)))


def agreements(rows: Sequence[UnpairedPreference]) -> Agreements:
    """Compare everybody's votes with what the others' predict."""
    ordered = sorted(rows, key=lambda row: (row.person, row.completion_id, row.origin, row.label))
    people = sorted({row.person for row in ordered}, key=_draw)
    if len(people) < FEWEST_PEOPLE:
        return Agreements({}, frozenset())
    fold = {person: number % _FOLDS for number, person in enumerate(people)}
    weight = dict.fromkeys(people, 1.0)
    hits: dict[str, list[bool]] = {}
    said: list[tuple[UnpairedPreference, bool]] = []
    answers = _answers(ordered)
    for _ in range(_LOOKS):
        predicted = _predicted(answers, ordered, fold, weight)
        if predicted is None:
            return Agreements({}, frozenset())
        said = [(row, row.label == liked) for row, liked in zip(ordered, predicted, strict=True)]
        hits = {person: [] for person in people}
        for row, hit in said:
            hits[row.person].append(hit)
        # Twice the share of hits (by Laplace's rule) less one: nothing for who hits by chance.
        weight = {p: max(0.0, 2 * (sum(h) + 1) / (len(h) + 2) - 1) for p, h in hits.items()}
    if not _knows([each for each in said if weight[each[0].person]]):
        return Agreements({}, frozenset())
    known = {person: share(sum(h), len(h)) for person, h in hits.items()}
    trusted = [said for person, said in hits.items() if weight[person]]
    usual = sum(map(sum, trusted)) / max(1, sum(map(len, trusted)))
    contrary = _contrary(hits, usual)
    if len(contrary) > _CAMP * len(hits):
        return Agreements(known, frozenset())
    return Agreements(known, contrary, usual)


def _contrary(hits: Mapping[str, Sequence[bool]], rate: float) -> frozenset[str]:
    from scipy.stats import binom

    return frozenset(
        person
        for person, said in hits.items()
        if 2 * sum(said) < len(said)
        and float(binom.cdf(sum(said), len(said), rate)) < _CHANCE / len(hits)
    )


def share(hits: int, total: int, z: float = Z95) -> Agreement:
    """Return a share with its score interval, of 95 % unless `z` says otherwise."""
    low, high = wilson(hits, total, z)
    return Agreement(low, hits / total, high)


class _Answers(NamedTuple):
    """What answers look like, each once however many judge it."""

    matrix: Any
    of: NDArray[np.intp]
    """The answer of each row."""


def _answers(rows: Sequence[UnpairedPreference]) -> _Answers:
    # Slow to load, and most of what imports this file never curates.
    from sklearn.feature_extraction.text import HashingVectorizer

    place: dict[tuple[str, str], int] = {}
    of = [place.setdefault(_looks(row), len(place)) for row in rows]
    vectorizer = HashingVectorizer(
        analyzer=_features, n_features=_FEATURES, binary=True, norm=None, alternate_sign=False
    )
    return _Answers(vectorizer.transform(place), np.array(of))


def _predicted(
    answers: _Answers,
    rows: Sequence[UnpairedPreference],
    fold: Mapping[str, int],
    weight: Mapping[str, float],
) -> list[bool] | None:
    """Predict every vote from the other folds'; None where those are all of one kind."""
    from sklearn.linear_model import LogisticRegression

    found = np.zeros(len(rows), dtype=bool)
    folds = np.array([fold[row.person] for row in rows])
    weights = np.array([weight[row.person] for row in rows])
    labels = np.array([row.label for row in rows])
    for number in set(fold.values()):
        known = np.flatnonzero((folds != number) & (weights > 0))
        known = known[:: math.ceil(len(known) / _FITTED) or 1]
        if len(set(labels[known])) < 2:
            return None
        model = LogisticRegression(
            C=_STRENGTH, class_weight="balanced", solver="liblinear", random_state=0
        )
        model.fit(answers.matrix[answers.of[known]], labels[known], weights[known])
        asked = np.flatnonzero(folds == number)
        judged, back = np.unique(answers.of[asked], return_inverse=True)
        found[asked] = model.predict(answers.matrix[judged])[back]
    return [bool(liked) for liked in found]


def _looks(row: UnpairedPreference) -> tuple[str, str]:
    return row.responder, row.completion[-1]["content"]


def _features(answer: tuple[str, str]) -> list[str]:
    responder, text = answer
    words = _WORD.findall(_NUMBER.sub("0", text.casefold()))
    pairs = (f"{a} {b}" for a, b in pairwise(words))
    return [f"by {responder}", *words, *pairs]


def _knows(said: Sequence[tuple[UnpairedPreference, bool]]) -> bool:
    total = Counter(row.label for row, _ in said)
    right = Counter(row.label for row, hit in said if hit)
    if len(total) < 2:
        return False
    good, bad = (share(right[kind], total[kind], 1.645) for kind in (True, False))
    spread = math.hypot(good.estimate - good.low, bad.estimate - bad.low)
    return (good.estimate + bad.estimate - spread) / 2 > _SURE


def _draw(person: str) -> bytes:
    return hashlib.sha256(f"agreement\0{person}".encode()).digest()
