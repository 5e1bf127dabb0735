"""The formulas against published figures, against the textbook's definition, and by simulation."""

import itertools
import math

import numpy as np
import pytest

from eval.stats import (
    JudgeCheck,
    comparisons_needed,
    error_levels,
    error_share,
    hopeless,
    judge_check,
    log_e,
    log_e_below,
    lower_bound,
    paired_difference,
    wilson,
)


def test_the_wilson_interval_is_the_published_one() -> None:
    # Newcombe 1998, Statistics in Medicine 17:857-872, table I, method 3.
    assert wilson(81, 263)[::2] == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(15, 148)[::2] == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert wilson(0, 20)[::2] == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert wilson(29, 29)[::2] == pytest.approx((0.8830, 1.0), abs=5e-5)


def test_no_data_leaves_everything_possible() -> None:
    assert wilson(0, 0) == (0.0, 0.5, 1.0)
    assert paired_difference(0, 0, 0) == (-1.0, 0.0, 1.0)
    assert lower_bound(0, 0, 0.05) == lower_bound(0, 9, 0.05) == 0.0
    assert log_e(0, 0) == pytest.approx(0.0)


def test_the_paired_interval_is_the_published_one() -> None:
    # Fagerland, Lydersen & Laake 2014, Statistics in Medicine 33:2850-2875: airway reactivity,
    # Tango's score.
    assert paired_difference(1, 7, 21, 0.95)[::2] == pytest.approx((-0.517, -0.026), abs=5e-4)


@pytest.mark.parametrize(
    ("only_first", "only_second", "total"),
    [(0, 0, 30), (0, 30, 30), (30, 0, 30), (3, 0, 400), (1, 2, 3)],
)
def test_the_paired_interval_holds_its_estimate_whatever_the_table(
    only_first: int, only_second: int, total: int
) -> None:
    low, estimate, high = paired_difference(only_first, only_second, total)
    assert -1 <= low <= estimate <= high <= 1
    mirrored = paired_difference(only_second, only_first, total)
    assert (low, high) == pytest.approx((-mirrored.high, -mirrored.low), abs=1e-9)


@pytest.mark.parametrize("disagreement", [0.06, 0.15, 0.4])
def test_a_responder_that_is_lower_by_the_margin_rarely_passes(disagreement: float) -> None:
    rng = np.random.default_rng(4)
    gain, loss = (disagreement - 0.05) / 2, (disagreement + 0.05) / 2
    tables = rng.multinomial(440, [gain, loss, 1 - disagreement], size=2000)
    passed = [paired_difference(int(a), int(b), 440).low >= -0.05 for a, b, _ in tables]
    assert np.mean(passed) <= 0.065  # 5 % and three standard errors


def test_evidence_is_the_mean_of_the_bets() -> None:
    rates = [0.5 + 0.025 * step for step in range(1, 19)]
    bets = [math.prod([2 * p] * 7 + [2 * (1 - p)] * 3) for p in rates]
    assert math.exp(log_e(7, 3)) == pytest.approx(sum(bets) / len(bets))


def test_evidence_cannot_be_expected_to_grow_without_an_advantage() -> None:
    for length, rate in itertools.product((1, 5, 20), (0.5, 0.4)):
        expected = sum(
            math.comb(length, wins)
            * rate**wins
            * (1 - rate) ** (length - wins)
            * math.exp(log_e(wins, length - wins))
            for wins in range(length + 1)
        )
        assert expected <= 1 + 1e-9


def test_evidence_stays_finite() -> None:
    for wins, losses in [(10**6, 0), (0, 10**6), (10**6, 10**6)]:
        assert math.isfinite(log_e(wins, losses))


def test_looking_after_every_vote_errs_no_more_often_than_set() -> None:
    rng = np.random.default_rng(2)
    wins = np.cumsum(rng.random((600, 300)) < 0.5, axis=1)
    reached = 0
    for path in wins:
        reached += any(
            log_e(int(path[n]), n + 1 - int(path[n])) >= math.log(20) for n in range(0, 300, 6)
        )
    assert reached / 600 <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 600)


def test_the_comparisons_needed_would_decide() -> None:
    more = comparisons_needed(20, 6, 0.001)
    assert more is not None
    rate = 21 / 28
    assert log_e(20 + more * rate, 6 + more * (1 - rate)) >= math.log(1000)
    assert log_e(20 + (more - 1) * rate, 6 + (more - 1) * (1 - rate)) < math.log(1000)
    assert comparisons_needed(40, 2, 0.01) == 0
    assert comparisons_needed(3, 3, 0.01) is None
    assert comparisons_needed(1_000_100, 1_000_000, 1e-9) is None


def test_hope_ends_when_even_a_lucky_rest_would_not_do() -> None:
    assert not hopeless(12, 12, 6, 276, 0.02)
    assert hopeless(80, 80, 20, 60, 0.02)
    assert hopeless(0, 0, 200, 100, 0.02)  # a judge that tells nothing apart
    assert not hopeless(0, 0, 24, 276, 0.02)
    assert not hopeless(40, 2, 0, 0, 0.02)  # it has won already


def test_error_levels_follow_e_lond() -> None:
    assert error_levels([], 0.05) == [pytest.approx(0.05 * error_share(1))]
    assert error_levels([True, False], 0.05) == [pytest.approx(0.05 * error_share(3) * 2)]
    together = error_levels([True], 0.05, 2)
    assert together == [
        pytest.approx(0.05 * error_share(2) * 2),
        pytest.approx(0.05 * error_share(3) * 2),
    ]


def test_error_shares_sum_to_less_than_one_for_ever() -> None:
    last = 200_000
    spent = sum(error_share(gate) for gate in range(1, last + 1))
    # The rest is at most the integral of 1 / (x ln² x) behind the last term: 1 / ln(last + 1).
    rest = error_share(1) * 2 * math.log(2) ** 2 / math.log(last + 1)
    assert spent < 1
    assert spent + rest <= 1 + 1e-6


def test_levels_never_exceed_the_whole_error_and_never_freeze() -> None:
    assert max(error_levels([True] * gates, 0.05)[0] for gates in range(500)) <= 0.05
    half = [True, False] * 250
    assert error_levels(half, 0.05)[0] > 0.05 / 400  # 6/(pi t)^2 would give 0.05 / 400,000


def test_the_judge_is_measured_on_both_kinds_of_votes() -> None:
    check = judge_check([0.9, 0.8, 0.2, 0.1, 0.7], [True, True, True, False, False])
    assert check == JudgeCheck(liked=3, liked_right=2, disliked=2, disliked_right=1)
    assert check.accuracy == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert JudgeCheck(40, 40, 0, 0).lower == 0.0
    assert JudgeCheck(0, 0, 40, 40).accuracy == 0.5


def test_scores_that_are_no_probabilities_are_wrong() -> None:
    bad = [math.nan, math.inf, -1.0, 0.5]
    assert judge_check(bad * 2, [True] * 4 + [False] * 4) == JudgeCheck(4, 0, 4, 0)


def test_a_score_for_each_vote_is_needed() -> None:
    with pytest.raises(ValueError, match="2 scores for 1 votes"):
        judge_check([0.1, 0.2], [True])


@pytest.mark.parametrize("rates", [(0.7, 0.7), (0.95, 0.4), (0.99, 0.6)])
@pytest.mark.parametrize("counts", [(40, 20), (100, 100)])
def test_the_judges_lower_bound_is_rarely_too_high(
    rates: tuple[float, float], counts: tuple[int, int]
) -> None:
    rng = np.random.default_rng(3)
    good = rng.binomial(counts[0], rates[0], 3000)
    bad = rng.binomial(counts[1], rates[1], 3000)
    bounds = [
        JudgeCheck(counts[0], int(g), counts[1], int(b)).lower
        for g, b in zip(good, bad, strict=True)
    ]
    assert np.mean(np.array(bounds) > sum(rates) / 2) <= 0.065


def test_the_lower_bound_of_a_rate_is_rarely_too_high() -> None:
    rng = np.random.default_rng(5)
    for total, rate in itertools.product((10, 60, 300), (0.2, 0.5, 0.9)):
        hits = rng.binomial(total, rate, 1000)
        assert np.mean([lower_bound(int(h), total, 0.05) > rate for h in hits]) <= 0.05


def test_evidence_of_a_fall_needs_a_fall() -> None:
    for rate, true in itertools.product((0.3, 0.9), (0.0, 0.05)):
        expected = sum(
            math.comb(15, hits)
            * (rate + true) ** hits
            * (1 - rate - true) ** (15 - hits)
            * math.exp(log_e_below(hits, 15 - hits, rate))
            for hits in range(16)
        )
        assert expected <= 1 + 1e-9
    assert log_e_below(10, 40, 0.6) > math.log(100)
    assert log_e_below(0, 50, 0.0) == 0.0
    assert math.isfinite(log_e_below(0, 50, 1.0))
