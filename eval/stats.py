"""The few formulas that the gate stands on, each with its source.

Everything that is looked at more than once is an e-process: a wealth that cannot be expected to
grow while nothing is better, so that by Ville's inequality it passes 1/level with a probability of
at most `level`, however often one looks and whenever one stops. Everything that is looked at once
is a score interval. docs/evaluation.md puts them in words.
Invariant: no counts make these functions return NaN or infinity.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import NamedTuple

# Win rates that the mixture bets on. The weak ones find small advantages, the strong ones decide
# early.
WIN_RATES = tuple(0.5 + 0.025 * step for step in range(1, 19))
_FACTORS = tuple((math.log(2 * p), math.log(2 * (1 - p))) for p in WIN_RATES)
# Shares of the old rate that `log_e_below` bets on, for the same reason.
_FALLEN_TO = tuple(0.05 * step for step in range(1, 20))
# The sum of 1 / (k ln² k) over k >= 2 is 2.10974...; rounded up, so that the shares sum to less
# than 1.
_SHARES_SUM = 2.10975
# How lucky the rest of the comparisons may be before there is no hope: see hopeless.
_HOPE = 0.998
# comparisons_needed gives up here: nobody waits for more.
_MOST_COMPARISONS = 100_000


class Interval(NamedTuple):
    """An estimate between its two bounds."""

    low: float
    estimate: float
    high: float


@dataclass(frozen=True)
class JudgeCheck:
    """How often the judge agreed with votes that neither it nor the candidate was fitted on."""

    liked: int
    liked_right: int
    disliked: int
    disliked_right: int

    @property
    def accuracy(self) -> float:
        """Balanced accuracy: the mean of both rates; half where one kind of vote is missing."""
        if not self.liked or not self.disliked:
            return 0.5
        return (self.liked_right / self.liked + self.disliked_right / self.disliked) / 2

    @property
    def lower(self) -> float:
        """Return the lower 95 % bound of the balanced accuracy; 0 where it cannot be known.

        The Wilson bounds of the two rates are combined by MOVER (Zou & Donner 2008, Statistics in
        Medicine 27:1693-1702), which needs no normal approximation of the sum.
        """
        if not self.liked or not self.disliked:
            return 0.0
        good = wilson(self.liked_right, self.liked, 0.9)
        bad = wilson(self.disliked_right, self.disliked, 0.9)
        spread = math.hypot(good.estimate - good.low, bad.estimate - bad.low)
        return max(0.0, self.accuracy - spread / 2)


def judge_check(scores: Sequence[float], liked: Sequence[bool]) -> JudgeCheck:
    """Compare the judge's scores (probability liked) with the votes on the same answers.

    A score that is no probability counts as a wrong one.

    Raises:
        ValueError: there is not one vote for each score.
    """
    if len(scores) != len(liked):
        raise ValueError(
            f"{len(scores)} scores for {len(liked)} votes: pass one score for each vote"
        )
    pairs = list(zip(scores, liked, strict=True))
    return JudgeCheck(
        liked=sum(vote for _, vote in pairs),
        liked_right=sum(vote and 0.5 < score <= 1 for score, vote in pairs),
        disliked=sum(not vote for _, vote in pairs),
        disliked_right=sum(not vote and 0 <= score < 0.5 for score, vote in pairs),
    )


def log_e(wins: float, losses: float) -> float:
    """Return the logarithm of the evidence that a win is likelier than a loss.

    The mean over p in WIN_RATES of (2p)^wins (2(1-p))^losses: a mixture of likelihood ratios
    against p = 1/2 (Robbins 1970, Annals of Mathematical Statistics 41:1397-1409; Ramdas, Grünwald,
    Vovk & Shafer 2023, Statistical Science 38:576-601). As long as a win is no likelier than a
    loss, it is a supermartingale that starts at 1. Ties leave it as it is. Swap the arguments for
    the opposite claim.
    """
    return _log_mean_exp([wins * won + losses * lost for won, lost in _FACTORS])


def comparisons_needed(wins: int, losses: int, level: float) -> int | None:
    """Return how many more decided comparisons at the rate seen would win; None: none in sight."""
    rate = (wins + 1) / (wins + losses + 2)

    def short(more: int) -> bool:
        return log_e(wins + more * rate, losses + more * (1 - rate)) < -math.log(level)

    if not short(0):
        return 0
    if rate <= 0.5 or short(_MOST_COMPARISONS):
        return None
    low, high = 0, _MOST_COMPARISONS
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if short(middle) else (low, middle)
    return high


def hopeless(wins: int, losses: int, ties: int, remaining: int, level: float) -> bool:
    """Say whether even a lucky rest of `remaining` comparisons would not win.

    Lucky: ties are as rare and wins as frequent as 99.8 % intervals of what was seen allow.
    Stopping for this reason can only lose promotions, never make a false one.
    """
    rate = wilson(wins, wins + losses, _HOPE).high
    more = remaining * wilson(wins + losses, wins + losses + ties, _HOPE).high
    final = log_e(wins + more * rate, losses + more * (1 - rate))
    return max(final, log_e(wins, losses)) < -math.log(level)


def error_levels(history: Sequence[bool], alpha: float, count: int = 1) -> list[float]:
    """Return the levels of the next gates, so that at most a share alpha of promotions is false.

    e-LOND: level_t = alpha * share_t * (promotions before t + 1), promote when e_t >= 1/level_t,
    keeps the expected share of false ones among all promotions at alpha, under any dependence
    between the gates (Xu & Ramdas 2024, Online multiple testing with e-values, AISTATS, PMLR 238,
    arXiv:2311.06412). The shares sum to less than 1 and fall as slowly as 1 / (t ln² t), so that
    the gate does not freeze. Gates of one round count only the promotions before the round: that
    makes their levels smaller, never larger.

    Args:
        history: one item for each earlier gate that spent error, true where it promoted.
        alpha: the error rate over all promotions.
        count: how many gates the coming round has.
    """
    promoted = sum(history) + 1
    first = len(history) + 1
    return [alpha * error_share(gate) * promoted for gate in range(first, first + count)]


def error_share(gate: int) -> float:
    """Return which share of the error the gate with this number (from 1) may spend."""
    return 1 / (_SHARES_SUM * (gate + 1) * math.log(gate + 1) ** 2)


def wilson(hits: float, total: float, confidence: float = 0.95) -> Interval:
    """Return Wilson's interval of a rate (Wilson 1927, JASA 22:209-212); 0 to 1 for no data."""
    if total <= 0:
        return Interval(0.0, 0.5, 1.0)
    z = _quantile(confidence)
    rate = hits / total
    center = (rate + z * z / (2 * total)) / (1 + z * z / total)
    root = math.sqrt(rate * (1 - rate) / total + z * z / (4 * total * total))
    half = z * root / (1 + z * z / total)
    # Rounding must not move the estimate out of its own interval at 0 and at 1.
    return Interval(max(0.0, min(rate, center - half)), rate, min(1.0, max(rate, center + half)))


def paired_difference(
    only_first: int, only_second: int, total: int, confidence: float = 0.9
) -> Interval:
    """Return the interval of rate(first) - rate(second) on questions that both answered.

    Tango's score interval (Tango 1998, Statistics in Medicine 17:891-908): the differences that the
    score test of a matched pair does not refuse. It is defined with no disagreement at all and
    keeps its level close to the set one for small tables, where the Wald interval does not. The
    default of 90 % puts 5 % on either side: one-sided tests of non-inferiority at 5 %.
    """
    if total <= 0:
        return Interval(-1.0, 0.0, 1.0)
    z = _quantile(confidence)

    def refused_from_below(difference: float) -> bool:
        return _tango(only_first, only_second, total, difference) > z

    def refused_or_above(difference: float) -> bool:
        return _tango(only_first, only_second, total, difference) >= -z

    estimate = (only_first - only_second) / total
    low = _boundary(refused_from_below, -1.0, estimate)
    high = _boundary(refused_or_above, estimate, 1.0)
    return Interval(low, estimate, high)


def _tango(only_first: int, only_second: int, total: int, difference: float) -> float:
    # The maximum likelihood estimate of P(only the second) under the restriction to this
    # difference.
    a = 2 * total
    b = -only_first - only_second + (2 * total - only_first + only_second) * difference
    c = -only_second * difference * (1 - difference)
    restricted = (math.sqrt(max(0.0, b * b - 4 * a * c)) - b) / (2 * a)
    variance = total * (2 * restricted + difference * (1 - difference))
    distance = only_first - only_second - total * difference
    if variance <= 1e-12:
        return 0.0 if abs(distance) < 1e-9 else math.copysign(math.inf, distance)
    return distance / math.sqrt(variance)


def lower_bound(hits: int, total: int, error: float) -> float:
    """Return a lower bound of a rate that is too high with probability `error` at most, for any n.

    Chernoff's bound, inverted: the smallest rate with n * KL(seen, rate) <= ln(1/error)
    (Boucheron, Lugosi & Massart 2013, Concentration Inequalities, section 2.2).
    """
    if total <= 0 or hits <= 0:
        return 0.0
    seen = hits / total
    return _boundary(lambda rate: total * _divergence(seen, rate) > -math.log(error), 1e-12, seen)


def log_e_below(hits: int, misses: int, rate: float) -> float:
    """Return the logarithm of the evidence that hits have become rarer than `rate`.

    A mixture of likelihood ratios of smaller rates against `rate`; each factor falls with the true
    rate and has the expectation 1 at `rate`, so as long as the truth is not below it, this is a
    supermartingale.
    """
    if rate <= 0:
        return 0.0
    bounded = min(rate, 1 - 1e-9)  # at 1 a single miss would be proof
    return _log_mean_exp(
        [
            hits * math.log(share) + misses * math.log((1 - share * bounded) / (1 - bounded))
            for share in _FALLEN_TO
        ]
    )


def _divergence(seen: float, rate: float) -> float:
    hit = seen * math.log(seen / rate) if seen > 0 else 0.0
    miss = (1 - seen) * math.log((1 - seen) / (1 - rate)) if seen < 1 else 0.0
    return hit + miss


def _log_mean_exp(logarithms: Sequence[float]) -> float:
    largest = max(logarithms)
    total = sum(math.exp(value - largest) for value in logarithms)
    return largest + math.log(total / len(logarithms))


def _quantile(confidence: float) -> float:
    return NormalDist().inv_cdf(0.5 + confidence / 2)


def _boundary(holds: Callable[[float], bool], low: float, high: float) -> float:
    """Return where `holds`, true at `low` and false from some point on, stops to hold."""
    for _ in range(40):  # to 12 digits
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return (low + high) / 2
