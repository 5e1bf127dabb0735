"""How often people choose the other answer when the same two are shown to them again.

A pair that is shown a second time, sides swapped, is decided the same way by who sees a difference.
If a choice is turned by a slip or by the side with probability e, each time anew, two of them
disagree with probability d = 2 e (1 - e); so e = (1 - sqrt(1 - 2 d)) / 2. DPO's robust loss
(Chowdhury et al. 2024, arXiv 2403.00409) expects just this e as its label smoothing. Who remembers
the first choice repeats it, so this is a lower bound; too little smoothing is plain DPO.

Invariant: only one person's choices between the same two texts on the same question are compared;
below the fewest repeats nothing is smoothed.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from training.agreement import Agreement, share
from training.preferences import PreferencePair
from training.split import question_key

FEWEST = 20
"""Repeats: with fewer a rate of none reaches to 8 % and more by chance alone."""
MOST = 0.3
"""The robust loss divides by 1 - 2 e: from here on it is mostly noise."""


class Flips(NamedTuple):
    """What repeated choices say."""

    repeats: int = 0
    flipped: int = 0

    @property
    def rate(self) -> Agreement | None:
        """Return how often a choice is turned, with its 95 % bounds; None: nothing was repeated."""
        if not self.repeats:
            return None
        return Agreement(*map(_turned, share(self.flipped, self.repeats)))

    @property
    def label_smoothing(self) -> float:
        """Return what DPO's loss should allow for."""
        if self.rate is None or self.repeats < FEWEST:
            return 0.0
        return round(min(self.rate.estimate, MOST), 3)


def flips(pairs: Sequence[PreferencePair]) -> Flips:
    """Compare the choices of everybody who was shown the same pair again, each with the next."""
    shown: defaultdict[tuple[str, ...], list[PreferencePair]] = defaultdict(list)
    for pair in pairs:
        if pair.origin == "comparison":
            texts = sorted(turns[-1]["content"] for turns in (pair.chosen, pair.rejected))
            shown[pair.person, question_key(pair), *texts].append(pair)
    chosen = [
        [pair.chosen for pair in sorted(again, key=lambda p: (p.created, p.chosen_id))]
        for again in shown.values()
    ]
    turned = [one != other for said in chosen for one, other in pairwise(said)]
    return Flips(len(turned), sum(turned))


def as_json(found: Flips) -> dict[str, float | int | list[float] | None]:
    """Return what a manifest keeps: how many, the rate between its bounds, the smoothing."""
    rate = [round(value, 3) for value in found.rate] if found.rate else None
    return {**found._asdict(), "rate": rate, "label_smoothing": found.label_smoothing}


def _turned(disagree: float) -> float:
    return (1 - math.sqrt(max(0.0, 1 - 2 * disagree))) / 2
