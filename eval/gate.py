"""Decide from the evidence whether a responder may go live: a pure function of it.

Only preference can win, and only where the judge is usable: the responder must be preferred to what
is live and to the baseline. Reference questions can only block: it must not be worse on them by
more than the margin. A check has passed, has failed, or cannot tell yet (None).
Invariant: `promote` needs every check passed; a doubt about the evidence itself decides `pending`,
whatever the other checks say.
"""

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from eval.evidence import CandidateEvidence, Preference
from eval.stats import comparisons_needed, log_e, paired_difference, wilson

Verdict = Literal["promote", "reject", "pending"]


@dataclass(frozen=True)
class GateRules:
    """How much proof the gate wants."""

    alpha: float = 0.05
    """The share of promotions that may be false; `error_levels` deals it out over the gates."""
    reject_level: float = 0.05
    """The error of saying that a responder is surely less liked."""
    judge_floor: float = 0.6
    """The lower 95 % bound of the judge's balanced accuracy must exceed this."""
    reference_margin: float = 0.05
    """By how much the share of right answers may be lower, at most."""
    reference_confidence: float = 0.95
    """One-sided: how sure the gate must be that it is not lower by more, or that it is."""
    max_failed_share: float = 0.05
    """With more failed requests of one responder than this, the evidence says nothing."""


@dataclass(frozen=True)
class Check:
    """One question of the gate and its answer."""

    name: str
    passed: bool | None
    """None: cannot tell yet."""
    reason: str
    figures: dict[str, float | str | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Decision:
    """The verdict on one responder, with one plain sentence a check."""

    responder: str
    decision: Verdict
    reason: str
    checks: tuple[Check, ...]
    level: float
    spent: bool
    """Whether this gate looked at preference and so spent its level; e-LOND counts it then."""

    def to_json(self) -> dict[str, Any]:
        """Return the decision as JSON values."""
        return asdict(self)


def decide(evidence: CandidateEvidence, rules: GateRules | None = None) -> Decision:
    """Decide on one responder.

    Raises:
        ValueError: the level is not one that `error_levels` gives for these rules.
    """
    rules = rules or GateRules()
    if not 0 < evidence.level <= rules.alpha:
        raise ValueError(
            f"{evidence.responder}: the level {evidence.level} is not in (0, {rules.alpha}]: "
            "take it from error_levels()"
        )
    sound = (_new(evidence), _suite(evidence), _service(evidence, rules))
    judge = _judge(evidence, rules)
    preferred = tuple(_preferred(evidence, rules, other, judge) for other in evidence.opponents)
    right = tuple(_not_lower(evidence, rules, other) for other in evidence.others)
    checks = (*sound, judge, *preferred, *right)
    return Decision(
        responder=evidence.responder,
        decision=_verdict(sound, checks),
        reason=_summary(sound, checks),
        checks=checks,
        level=evidence.level,
        spent=any(seen.prompts > 0 for seen in evidence.preference.values()),
    )


def choose(decisions: Iterable[Decision]) -> str | None:
    """Return the responder to promote; of those that passed, first one without retrieval."""
    passed = [d.responder for d in decisions if d.decision == "promote"]
    return min(passed, key=lambda name: name.endswith("+rag"), default=None)


def usable(evidence: CandidateEvidence, rules: GateRules) -> bool:
    """Say whether the judge's word counts, so that asking for preference is worth while."""
    return _judge(evidence, rules).passed is True


def surely_lower(evidence: CandidateEvidence, rules: GateRules) -> bool:
    """Say whether the reference questions alone refuse the responder."""
    return any(_not_lower(evidence, rules, other).passed is False for other in evidence.others)


def failing(evidence: CandidateEvidence, rules: GateRules) -> bool:
    """Say whether so many requests have failed that the evidence says nothing."""
    return _service(evidence, rules).passed is not True


def _verdict(sound: tuple[Check, ...], checks: tuple[Check, ...]) -> Verdict:
    if any(check.passed is None for check in sound):
        return "pending"
    if any(check.passed is False for check in checks):
        return "reject"
    return "promote" if all(check.passed is True for check in checks) else "pending"


def _summary(sound: tuple[Check, ...], checks: tuple[Check, ...]) -> str:
    """Return the sentence of the check that decided."""
    doubtful = [check for check in sound if check.passed is None]
    failed = [check for check in checks if check.passed is False]
    open_ones = [check for check in checks if check.passed is None]
    deciding = doubtful or failed or open_ones
    return deciding[0].reason if deciding else "It passed every check."


def _new(evidence: CandidateEvidence) -> Check:
    name = evidence.responder
    if name in evidence.opponents:
        reason = f"{name} is what it would have to beat: there is nothing to promote."
        return Check("new", False, reason)
    return Check("new", True, f"{name} is another responder than those it must beat.")


def _suite(evidence: CandidateEvidence) -> Check:
    total = max((paired.total for paired in evidence.reference.values()), default=0)
    if not total:
        reason = "No reference question was answered by both sides: add questions to the suite."
        return Check("suite", None, reason, {"questions": 0})
    return Check("suite", True, f"{total} reference questions were asked.", {"questions": total})


def _service(evidence: CandidateEvidence, rules: GateRules) -> Check:
    strangers = [name for name, asked in evidence.asked.items() if asked.misattributed]
    if strangers:
        example = evidence.asked[strangers[0]].example
        reason = (
            f"Answers came from another responder than the one asked ({example}): "
            "mend the routing, then evaluate again."
        )
        return Check("service", None, reason, {"misattributed": len(strangers)})
    asked = sum(a.asked for a in evidence.asked.values())
    failed = sum(a.failed for a in evidence.asked.values())
    worst = max(evidence.asked, key=lambda name: _failed_share(evidence, name), default=None)
    share = _failed_share(evidence, worst) if worst is not None else 0.0
    figures: dict[str, float | str | None] = {
        "asked": asked,
        "failed": failed,
        "worst_share": share,
    }
    if worst is not None and share > rules.max_failed_share:
        reason = (
            f"{_percent(share)} of the requests to {worst} failed "
            f"({evidence.asked[worst].example}); above {_percent(rules.max_failed_share)} the "
            "evidence proves nothing: mend the service, then evaluate again."
        )
        return Check("service", None, reason, figures)
    return Check("service", True, f"{failed} of {asked} requests failed.", figures)


def _judge(evidence: CandidateEvidence, rules: GateRules) -> Check:
    check = evidence.judge
    if check is None:
        reason = (
            "There is no judge, so nothing can win: collect votes of both kinds from more people."
        )
        return Check("judge", None, reason)
    votes = check.liked + check.disliked
    figures: dict[str, float | str | None] = {
        "accuracy": check.accuracy, "lower": check.lower, "votes": votes,
    }  # fmt: skip
    reason = (
        f"On {votes} votes kept apart, the judge's balanced accuracy is "
        f"{_percent(check.accuracy)}, at least {_percent(check.lower)}; more than "
        f"{_percent(rules.judge_floor)} is needed"
    )
    if not check.lower > rules.judge_floor:
        return Check("judge", None, f"{reason}, so nothing can win: collect more votes.", figures)
    unscored = sum(seen.unscored for seen in evidence.preference.values())
    pairs = sum(seen.prompts for seen in evidence.preference.values())
    if unscored > rules.max_failed_share * pairs:
        reason = (
            f"The judge gave no usable score to {unscored} of {pairs} pairs: look at its training."
        )
        return Check("judge", None, reason, figures | {"unscored": unscored})
    return Check("judge", True, f"{reason}.", figures)


def _preferred(evidence: CandidateEvidence, rules: GateRules, other: str, judge: Check) -> Check:
    name = f"preferred to {other}"
    seen = evidence.preference.get(other, Preference())
    if judge.passed is not True or not seen.prompts:
        why = "the judge is not usable" if judge.passed is not True else seen.ended or "not asked"
        return Check(
            name, None, f"Whether {evidence.responder} is preferred to {other} is open: {why}."
        )
    decided = seen.wins + seen.losses
    rate = wilson(seen.wins, decided)
    evidence_for = log_e(seen.wins, seen.losses)
    figures: dict[str, float | str | None] = {
        "wins": seen.wins, "losses": seen.losses, "ties": seen.ties, "win_rate": rate.estimate,
        "low": rate.low, "high": rate.high,
        "log_e": evidence_for, "log_needed": -math.log(evidence.level),
    }  # fmt: skip
    said = (
        f"Of {decided} decided comparisons with {other}, {evidence.responder} won {seen.wins} "
        f"({_percent(rate.low)} to {_percent(rate.high)})"
    )
    if evidence_for >= -math.log(evidence.level):
        return Check(name, True, f"{said}: it is preferred.", figures)
    if log_e(seen.losses, seen.wins) >= -math.log(rules.reject_level):
        return Check(name, False, f"{said}: {other} is preferred.", figures)
    more = comparisons_needed(seen.wins, seen.losses, evidence.level)
    figures["needed"] = more
    hope = f"about {more} more would decide" if more is not None else "no advantage is in sight"
    return Check(name, None, f"{said}: too little evidence yet, {hope}.", figures)


def _not_lower(evidence: CandidateEvidence, rules: GateRules, other: str) -> Check:
    name = f"as often right as {other}"
    paired = evidence.reference.get(other)
    if paired is None or not paired.total:
        return Check(name, None, f"No reference question was answered by both sides with {other}.")
    confidence = 2 * rules.reference_confidence - 1  # two-sided, for a one-sided test at either end
    seen = paired_difference(paired.only_candidate, paired.only_opponent, paired.total, confidence)
    own = (paired.both + paired.only_candidate) / paired.total
    their = (paired.both + paired.only_opponent) / paired.total
    figures: dict[str, float | str | None] = {
        "questions": paired.total, "right": own, "other_right": their,
        "difference": seen.estimate, "low": seen.low, "high": seen.high,
    }  # fmt: skip
    margin, points = rules.reference_margin, f"{rules.reference_margin * 100:.0f} points"
    said = (
        f"On {paired.total} reference questions {evidence.responder} is right in {_percent(own)}, "
        f"{other} in {_percent(their)} "
        f"(difference {_points(seen.low)} to {_points(seen.high)} points)"
    )
    if seen.low >= -margin:
        return Check(name, True, f"{said}: not lower by more than {points}.", figures)
    if seen.high < -margin:
        return Check(name, False, f"{said}: lower by more than {points}.", figures)
    return Check(name, None, f"{said}: too few to rule out a loss of {points}.", figures)


def _failed_share(evidence: CandidateEvidence, name: str) -> float:
    asked = evidence.asked[name]
    return asked.failed / asked.asked if asked.asked else 0.0


def _percent(share: float) -> str:
    return f"{share * 100:.0f} %"


def _points(difference: float) -> str:
    return f"{difference * 100:+.1f}"
