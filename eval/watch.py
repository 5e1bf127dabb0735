"""Whether a promotion made things worse: people's votes on the answers before and after it.

The rate before is known only roughly, so it is replaced by a bound that it surely exceeds; against
that bound the votes after the promotion are an e-process, which may be looked at after every vote.
Half of the error goes to the bound, half to the process. Requests that the engine failed are
reported and never counted: a rollback must be about answers. Answers without any text are the
responder's own failure and are tested the same way.
Invariant: while nothing got worse, the chance of ever rolling back is at most `alpha`.
"""

import math
from dataclasses import dataclass

from eval.stats import log_e_below, lower_bound


@dataclass(frozen=True)
class Period:
    """What happened while one responder was live, in the traffic that was routed to it."""

    responder: str
    liked: int
    votes: int
    answers: int
    """Completions that came to their end."""
    empty: int = 0
    """Of those, the ones without text."""
    failed: int = 0
    """Requests that the engine failed; not among the answers."""


@dataclass(frozen=True)
class WatchRules:
    """When a promotion is taken back."""

    alpha: float = 0.05
    """The chance of taking back a responder that is no worse."""
    margin: float = 0.0
    """How much lower the shares may be before that counts as worse."""


@dataclass(frozen=True)
class WatchDecision:
    """Whether to roll back, and why."""

    rollback: bool
    reason: str
    figures: dict[str, float]


def watch(before: Period, after: Period, rules: WatchRules | None = None) -> WatchDecision:
    """Compare the period before a promotion with the one since.

    Keep `before` fixed from the promotion on, and let `after` only grow: then the error holds for
    all looks together.

    Raises:
        ValueError: a period counts more likes than votes, or more empty answers than answers.
    """
    rules = rules or WatchRules()
    for period in (before, after):
        if not (0 <= period.liked <= period.votes and 0 <= period.empty <= period.answers):
            raise ValueError(
                f"{period} counts a part that is larger than its whole: check the query"
            )
    level = rules.alpha / 4  # two questions, each with a bound and a process
    liked = _worse(before.liked, before.votes, after.liked, after.votes, level, rules.margin)
    said = _worse(
        before.answers - before.empty, before.answers,
        after.answers - after.empty, after.answers, level, rules.margin,
    )  # fmt: skip
    figures = {
        "log_e_votes": liked, "log_e_empty": said, "log_needed": -math.log(level),
        "before_votes": before.votes, "before_liked": before.liked,
        "after_votes": after.votes, "after_liked": after.liked,
        "after_empty": after.empty, "before_failed": before.failed, "after_failed": after.failed,
    }  # fmt: skip
    seen = (
        f"{after.responder}: {after.liked} of {after.votes} votes were likes, before the promotion "
        f"({before.responder}) {before.liked} of {before.votes}"
    )
    if liked >= -math.log(level):
        return WatchDecision(True, f"{seen}: it is liked less.", figures)
    if said >= -math.log(level):
        reason = f"{after.responder}: {after.empty} of {after.answers} answers had no text."
        return WatchDecision(True, reason, figures)
    return WatchDecision(False, f"{seen}: nothing shows that it is worse.", figures)


def _worse(
    hits_before: int, before: int, hits_after: int, after: int, level: float, margin: float
) -> float:
    """Return the logarithm of the evidence that hits are rarer than before."""
    floor = lower_bound(hits_before, before, level) - margin
    return log_e_below(hits_after, after - hits_after, floor)
