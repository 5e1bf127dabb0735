"""Which part a row is in: its person's, if that is its question's part too, else none.

People are dealt first, and a question stays where it was asked most. Where everybody asks the same,
that loses what the people of the other parts said of it. So people follow their questions and
questions their people, one at a time, as long as each move gains: what is gained is the mean of the
logarithms of the parts' sizes, weighed by their shares, which is largest where as many rows as
possible are in parts of the wanted proportions (Nash's bargaining product).

Invariant: a person is in one part, and so is a question; it depends on names, numbers of rows,
shares and seed alone, never on what was liked.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple

from training.split import FEWEST_PEOPLE, PARTS, Part, Row, split_people

Shares = tuple[float, float, float]
_ROUNDS = 20
"""Five are usual; each looks at every person and question."""


class Places(NamedTuple):
    """Where the rows of a round belong."""

    part_of: Callable[[Row], Part | None]
    """None: the row's question is in another part than its person."""
    split_by: Literal["person", "question"]


class _Side(NamedTuple):
    """People with the questions that they asked, or questions with the people who did."""

    of: Mapping[str, Counter[str]]
    """Rows by the name on the other side."""
    part: dict[str, Part]


def places(
    rows: Sequence[Row], question: Callable[[Row], str], shares: Shares, seed: int
) -> Places:
    """Say of every row which part it is in.

    Args:
        rows: All rows of the round.
        question: What makes two rows one question, e.g. its cluster.
        shares: Of the rows, for train, judge and check.
        seed: Decides the draw.
    """
    people = Counter(row.person for row in rows)
    if len(people) < FEWEST_PEOPLE:
        dealt = split_people(Counter(map(question, rows)), shares, seed=seed)
        return Places(lambda row: dealt[question(row)], "question")
    asked = Counter((row.person, question(row)) for row in rows)
    person = split_people(people, shares, seed=seed)
    owner = owners(asked, person, shares)
    _settle(asked, person, owner, shares)

    def part_of(row: Row) -> Part | None:
        part = person[row.person]
        return part if owner[question(row)] == part else None

    return Places(part_of, "person")


def owners(
    asked: Mapping[tuple[str, str], int], person: Mapping[str, Part], shares: Shares
) -> dict[str, Part]:
    """Leave every question where it was asked most, as long as no part falls behind its share.

    Args:
        asked: Rows by person and question.
        person: The part of each person.
        shares: What train, judge and check should have.
    """
    by_part: defaultdict[str, Counter[Part]] = defaultdict(Counter)
    for (name, question), count in asked.items():
        by_part[question][person[name]] += count
    total = sum(asked.values())
    target = {part: share * total for part, share in zip(PARTS, shares, strict=True)}
    kept: Counter[Part] = Counter()
    found: dict[str, Part] = {}
    # What is in one part only comes first: it leaves no choice.
    for name, counts in sorted(by_part.items(), key=lambda a: (len(a[1]), -a[1].total(), a[0])):
        part = max(counts, key=lambda p: (counts[p] * _missing(kept[p], target[p]), counts[p], p))
        found[name] = part
        kept[part] += counts[part]
    return found


def _missing(kept: int, target: float) -> float:
    return max(0.0, 1 - kept / target) if target else 0.0


def _settle(
    asked: Mapping[tuple[str, str], int],
    person: dict[str, Part],
    owner: dict[str, Part],
    shares: Shares,
) -> None:
    """Move people and questions, one at a time, until no move gains."""
    people: defaultdict[str, Counter[str]] = defaultdict(Counter)
    questions: defaultdict[str, Counter[str]] = defaultdict(Counter)
    kept: Counter[Part] = Counter()
    for (name, question), count in asked.items():
        people[name][question] = questions[question][name] = count
        if person[name] == owner[question]:
            kept[person[name]] += count
    sides = (_Side(people, person), _Side(questions, owner))
    for _ in range(_ROUNDS):
        moved = [
            _move(name, mine, theirs, kept, shares)
            for mine, theirs in (sides, sides[::-1])
            for name in sorted(mine.of)
        ]
        if not any(moved):
            return


def _move(name: str, mine: _Side, theirs: _Side, kept: Counter[Part], shares: Shares) -> bool:
    """Move one person or question to where it gains most; say whether it moved."""
    rows: Counter[Part] = Counter()
    for other, count in mine.of[name].items():
        rows[theirs.part[other]] += count
    here = mine.part[name]
    if not rows.keys() - {here}:
        return False

    def gain(part: Part) -> float:
        changed = {here: kept[here] - rows[here], part: kept[part] + rows[part]}
        sizes = kept if part == here else {**kept, **changed}
        pairs = zip(shares, PARTS, strict=True)
        return sum(share * math.log1p(sizes.get(each, 0)) for share, each in pairs)

    best = max(PARTS, key=lambda part: (gain(part), part))
    # Rounding must not send anybody to and fro.
    if best == here or gain(best) <= gain(here) + 1e-9:
        return False
    kept[here] -= rows[here]
    kept[best] += rows[best]
    mine.part[name] = best
    return True
