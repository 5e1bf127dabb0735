"""What a cycle would do, without doing it; and what the feedback so far is good for.

Invariant: the plan is made by the same functions as the cycle, and writes nothing.
"""

from dataclasses import asdict
from typing import Any

from feedback.summary import summarise
from ratchet.heard import heard, shortage
from ratchet.learn import curated
from ratchet.settings import Settings
from ratchet.wiring import consent_rule, open_parts
from training.flips import as_json as flips_json
from training.job import DPO_FROM, choose_method
from training.masking import report
from training.reviewed import read_reviewed
from training.voters import as_json
from training.voters import lines as trust_lines


def plan_cycle(settings: Settings, method: str) -> dict[str, Any]:
    """Say what would be trained, what is left out and why."""
    parts = open_parts(settings)
    now = parts.cycles.clock()
    found = heard(parts, now)
    rows = curated(parts, now, method)
    return {
        "would_run": (missing := shortage(found, settings)) is None,
        "reason": missing or "there is enough feedback",
        "method": rows.method,
        "heard": asdict(found) | {"votes": found.votes},
        "rows": {
            "train": len(rows.train),
            "heldout": len(rows.heldout),
            "judge": len(rows.judge),
            "check": len(rows.check),
        },
        "people": rows.people,
        "split_by": rows.split_by,
        "left_out": rows.left_out,
        "consent": asdict(consent_rule(settings)),
        "mask_personal": settings.training.mask_personal,
        "masked": report(rows),
        "flips": flips_json(rows.flips),
        "trust": as_json(rows.voters, named=True),
    }


def plan_text(plan: dict[str, Any]) -> str:
    """The plan for people."""
    rows = ", ".join(f"{count} {part}" for part, count in plan["rows"].items())
    lines = [
        f"{'would train' if plan['would_run'] else 'would be skipped'}: {plan['reason']}",
        f"method: {plan['method']}; rows: {rows}; split by {plan['split_by']}",
        f"consent: {plan['consent']['mode']}, text {plan['consent']['version']}",
        *(f"left out: {count} {reason}" for reason, count in plan["left_out"].items()),
        *_masked_lines(plan),
        *_flip_lines(plan),
        *(f"voter {line}" for line in trust_lines(plan["trust"])),
    ]
    return "\n".join(lines)


def _flip_lines(plan: dict[str, Any]) -> list[str]:
    flips = plan["flips"]
    if plan["method"] != "dpo" or flips["rate"] is None:
        return []
    low, rate, high = flips["rate"]
    return [
        f"turned choices: {flips['flipped']} of {flips['repeats']} repeated ones, so {rate:.0%} "
        f"({low:.0%} to {high:.0%}) by chance; label smoothing {flips['label_smoothing']}"
    ]


def _masked_lines(plan: dict[str, Any]) -> list[str]:
    if not plan["mask_personal"]:
        return ["masked: nothing, training.mask_personal is off"]
    return [
        f"masked: {count} {kind} found as {rule}"
        for kind, rules in plan["masked"]["found"].items()
        for rule, count in rules.items()
    ]


def advice(settings: Settings) -> dict[str, Any]:
    """Say which method the feedback suggests and whether it is enough for a cycle."""
    parts = open_parts(settings)
    found = heard(parts, parts.cycles.clock())
    preferences = read_reviewed(parts.store, consent=consent_rule(settings))
    pairs, answers = len(preferences.pairs), len(preferences.unpaired)
    method = choose_method(pairs, answers)
    missing = shortage(found, settings)
    why = (
        f"{pairs} pairs are enough for DPO (from {DPO_FROM}) and most of what was said"
        if method == "dpo"
        else f"{answers} judged answers and {pairs} pairs: KTO uses them all"
    )
    rates = [asdict(row) for row in summarise(parts.database) if row.total]
    return {
        "method": method,
        "why": why,
        "ready": missing is None,
        "missing": missing,
        "votes": found.votes,
        "liked": found.liked,
        "disliked": found.disliked,
        "pairs": pairs,
        "vote_rates": rates,
        "left_out": preferences.left_out,
    }


def advice_text(found: dict[str, Any]) -> str:
    """The advice for people."""
    ready = "There is enough for a cycle." if found["ready"] else f"Not yet: {found['missing']}"
    rates = [f"  {r['responder']}: {r['liked']} of {r['total']} liked" for r in found["vote_rates"]]
    return "\n".join([f"{found['method'].upper()}: {found['why']}.", ready, *rates])
