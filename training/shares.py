"""How much of what people said a round uses: by what a word is worth, and by shares.

Of who agrees with everybody else surely less than others do, but not against them, only as many
rows are used as that word is worth: drawn by the answer's id, so that neither what is new nor what
agrees comes first (docs/decisions/0013-weights.md says why rows and not weights).

Then no question, no person, and nobody's address block together, has more than its share: the
larger of 5 % and twice a fair share of the weight that is left, where a row that is used in two
forms weighs two. Anybody can be a hundred people by a hundred cookies, from one address block.

Invariant: nothing is deleted; what is cut has a reason, and another round looks at it anew.
"""

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from training.forms import forms_of, said_by
from training.left_out import LeftOut
from training.split import Row


@dataclass(frozen=True)
class ShareRules:
    """The largest shares of what trains; never less than twice a fair one."""

    person: float = 0.05
    question: float = 0.05
    block: float = 0.05
    """Of all who came by cookie from one address block; who came otherwise is a block alone."""


def weighed(
    rows: Sequence[Row],
    weight: Callable[[str], float],
    question: Callable[[Row], str],
    rules: ShareRules,
    left_out: LeftOut,
) -> tuple[list[Row], list[Row]]:
    """Cut what goes beyond the weight of a person's word and beyond the shares.

    Args:
        rows: The most wanted first.
        weight: What a person's word is worth, from 0 to 1.
        question: What makes two rows one question, e.g. its cluster.
        rules: The shares.
        left_out: Counts what is cut.

    Returns:
        What is kept and what is not.
    """

    def size(row: Row) -> int:
        return len(forms_of([row]))

    def person(row: Row) -> str:
        return row.person

    def neighbours(row: Row) -> str:
        return f"block {row.block}" if row.block else row.person

    kept, little = thinned(rows, weight)
    for row in little:
        left_out.add("votes that others share less", *said_by(row))
    kept, crowd = within_share(kept, question, size, rules.question)
    for row in crowd:
        left_out.add("more than one question's share", *said_by(row))
    kept, loud = within_share(kept, person, size, rules.person)
    for row in loud:
        left_out.add("more than one person's share", *said_by(row))
    kept, near = within_share(kept, neighbours, size, rules.block)
    for row in near:
        left_out.add("more than one address block's share", *said_by(row))
    return kept, [*little, *crowd, *loud, *near]


def thinned(rows: Sequence[Row], weight: Callable[[str], float]) -> tuple[list[Row], list[Row]]:
    """Keep of everybody's rows as many as their word is worth, at least one.

    Args:
        rows: In any order, which is kept.
        weight: What a person's word is worth, from 0 to 1.

    Returns:
        What is kept and what is not.
    """
    drawn: defaultdict[str, list[Row]] = defaultdict(list)
    for row in sorted(rows, key=_draw):
        drawn[row.person].append(row)
    most = {person: max(1, math.ceil(weight(person) * len(of))) for person, of in drawn.items()}
    out = {id(row) for person, of in drawn.items() for row in of[most[person] :]}
    return [r for r in rows if id(r) not in out], [r for r in rows if id(r) in out]


def within_share(
    rows: Sequence[Row], key: Callable[[Row], str], weight: Callable[[Row], int], share: float
) -> tuple[list[Row], list[Row]]:
    """Keep of every key no more than its share of the weight that is kept; the first rows win.

    Args:
        rows: The most wanted first.
        key: Who or what has a share, e.g. a person.
        weight: How much a row counts.
        share: The largest share; never less than twice a fair one.

    Returns:
        What is kept and what is not.
    """
    weights: Counter[str] = Counter()
    for row in rows:
        weights[key(row)] += weight(row)
    most = level(sorted(weights.values(), reverse=True), max(share, 2 / max(1, len(weights))))
    seen: Counter[str] = Counter()
    kept: list[Row] = []
    cut: list[Row] = []
    for row in rows:
        name = key(row)
        # One row is the least that somebody can say.
        fits = seen[name] + weight(row) <= most or not seen[name]
        (kept if fits else cut).append(row)
        seen[name] += weight(row) if fits else 0
    return kept, cut


def level(weights: Sequence[int], share: float) -> float:
    """Return the largest m for which m <= share x sum(min(weight, m)), weights in falling order."""
    rest = sum(weights)
    for cut, weight in enumerate(weights):
        free = 1 - share * cut
        if free <= 0:
            break
        if share * rest >= weight * free:
            return share * rest / free
        rest -= weight
    return float(weights[0]) if weights else 0.0


def _draw(row: Row) -> bytes:
    about = "\0".join(name for _, name in said_by(row))
    return hashlib.sha256(f"thin\0{row.person}\0{about}".encode()).digest()
