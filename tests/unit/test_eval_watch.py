"""A promotion is taken back when people like its answers less, and not because they look often."""

import math

import numpy as np
import pytest

from eval.watch import Period, WatchRules, watch


def period(liked: int, votes: int, answers: int = 1000, empty: int = 0, failed: int = 0) -> Period:
    return Period("rag" if votes == 200 else "ratchet-0001", liked, votes, answers, empty, failed)


BEFORE = period(160, 200)


def test_a_clear_fall_is_rolled_back() -> None:
    decision = watch(BEFORE, period(20, 60))
    assert decision.rollback
    assert "liked less" in decision.reason
    assert math.isfinite(decision.figures["log_e_votes"])


def test_answers_without_text_are_rolled_back_without_any_vote() -> None:
    decision = watch(BEFORE, period(0, 0, answers=60, empty=30))
    assert decision.rollback
    assert "30 of 60 answers had no text" in decision.reason


@pytest.mark.parametrize(
    "after",
    [period(0, 0, 0), period(0, 3), period(48, 60), period(59, 60), period(45, 60)],
)
def test_little_or_good_news_changes_nothing(after: Period) -> None:
    assert not watch(BEFORE, after).rollback


def test_engine_failures_never_count() -> None:
    assert not watch(BEFORE, period(48, 60, failed=100_000)).rollback


def test_without_votes_before_nothing_can_be_worse() -> None:
    assert not watch(Period("rag", 0, 0, 0), period(0, 500, empty=0)).rollback


def test_a_margin_allows_a_smaller_fall() -> None:
    after = period(75, 150)
    assert watch(BEFORE, after).rollback
    assert not watch(BEFORE, after, WatchRules(margin=0.25)).rollback


@pytest.mark.parametrize("bad", [period(5, 3), period(0, 0, 3, 5), period(-1, 3)])
def test_impossible_counts_are_refused(bad: Period) -> None:
    with pytest.raises(ValueError, match="larger than its whole"):
        watch(BEFORE, bad)


def test_an_equal_responder_is_rarely_taken_back_however_often_one_looks() -> None:
    rng = np.random.default_rng(8)
    taken = 0
    for _ in range(120):
        before = period(int(rng.binomial(200, 0.7)), 200)
        votes = np.cumsum(rng.random(300) < 0.7)
        taken += any(
            watch(before, period(int(votes[n]), n + 1)).rollback for n in range(9, 300, 15)
        )
    assert taken / 120 <= 0.05


def test_a_bad_responder_is_taken_back_within_a_hundred_votes() -> None:
    rng = np.random.default_rng(9)
    taken = [watch(BEFORE, period(int(rng.binomial(100, 0.45)), 100)).rollback for _ in range(200)]
    assert np.mean(taken) > 0.9
