"""Whose votes a round learns from: what each person gave, how much of it is used, and why not all.

Invariant: shares are of the rows that train, held-out ones included, in all their forms; a report
that is kept with a dataset names nobody.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from training.agreement import Agreement
from training.split import Row
from training.trust import Doubts


@dataclass(frozen=True)
class Voter:
    """One person of the part that trains."""

    person: str
    rows: int
    """What they gave: judged answers, or pairs."""
    trained: int
    """What is used of it, in all its forms."""
    share: float
    """Of all that is trained on."""
    agreement: Agreement | None
    """With everybody else's votes; None: the others' votes say too little."""
    weight: float
    """What each of their rows is worth by that, from 0 to 1: the share of them that is used."""
    capped: int
    """What went beyond a person's share or a question's, or beyond what their word is worth."""
    set_aside: int
    reason: str | None
    """Why all or some of it is set aside."""


def voters(
    given: Sequence[Row], trained: Sequence[Row], cut: Sequence[Row], doubts: Doubts
) -> tuple[Voter, ...]:
    """Return everybody of the part that trains, whose share is largest first.

    Args:
        given: The part's rows.
        trained: What is used, a row twice where it is used in two forms.
        cut: What went beyond a share or a weight.
        doubts: What is set aside.
    """
    gave, used = Counter(row.person for row in given), Counter(row.person for row in trained)
    beyond = Counter(row.person for row in cut)
    reasons = {row.person: reason for row in given if (reason := doubts.about(row))}
    aside = Counter(row.person for row in given if doubts.about(row))
    found = [
        Voter(
            person=person,
            rows=rows,
            trained=used[person],
            share=used[person] / max(1, len(trained)),
            agreement=doubts.agreements.of.get(person),
            weight=doubts.weight(person),
            capped=beyond[person],
            set_aside=aside[person],
            reason=reasons.get(person),
        )
        for person, rows in gave.items()
    ]
    return tuple(sorted(found, key=lambda voter: (-voter.share, -voter.rows, voter.person)))


def as_json(found: Sequence[Voter], *, named: bool) -> list[dict[str, Any]]:
    """Return the report's rows; without names people are numbered by their place in it."""
    return [
        asdict(voter)
        | {
            "person": voter.person if named else f"voter {number}",
            "share": round(voter.share, 4),
            "weight": round(voter.weight, 3),
            "agreement": _rounded(voter.agreement),
        }
        for number, voter in enumerate(found, 1)
    ]


def lines(report: Sequence[Mapping[str, Any]], most: int = 10) -> list[str]:
    """Write the report for people: those with the largest shares, and all of whom something is cut.

    Args:
        report: What `as_json` returns.
        most: How many are shown that nothing is wrong with.
    """
    shown = [v for n, v in enumerate(report) if n < most or v["capped"] or v["set_aside"]]
    return [_line(voter) for voter in shown]


def _line(voter: Mapping[str, Any]) -> str:
    text = f"{voter['person']}: {voter['rows']} judged, {voter['share']:.1%} of the set"
    if voter["agreement"]:
        low, estimate, high = voter["agreement"]
        text += f", agrees {estimate:.0%} ({low:.0%} to {high:.0%})"
    if voter["weight"] < 1:
        text += f", weighs {voter['weight']:.0%}"
    if voter["capped"]:
        text += f", {voter['capped']} beyond a share"
    if voter["set_aside"]:
        text += f", {voter['set_aside']} set aside: {voter['reason']}"
    return text


def _rounded(agreement: Agreement | None) -> list[float] | None:
    return [round(value, 3) for value in agreement] if agreement else None
