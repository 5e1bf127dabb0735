"""Whose votes a round sets aside, and which ones of theirs.

Set aside, in the part that trains only, is what tells more about who voted than about answers:

- a burst on the page: more than 20 judgements within ten seconds (a backend that passes on its
  people's votes of the day does so at once);
- a vote on the page that came faster than anybody reads, 200 characters a second from the moment
  the question was sent (over the API others may act for people, so nothing is known of their time);
- ten votes or more all of one kind, where by the others' rate that has less than one chance in a
  thousand, shared among all who voted so often (a vote on an answer that its voter also corrected
  does not count for this: a correction says both);
- votes that are mostly the opposite of what everybody else's say (training/agreement.py).

How much is used of the rest is for training/shares.py. Whom an operator has restored is believed,
and so is what one has accepted; their shares are like everybody's.

Invariant: nothing is deleted; what is set aside has a reason, and another round looks at it anew.
"""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field

from training.agreement import Agreements, agreements
from training.preferences import UnpairedPreference
from training.split import Row


@dataclass(frozen=True)
class TrustRules:
    """When a person's votes are set aside."""

    burst: int = 20
    """More judgements than this within `burst_seconds` are a burst."""
    burst_seconds: float = 10.0
    reading: float = 200.0
    """Characters a second that nobody reads: a quick reader skims some 60."""
    one_way: int = 10
    """From so many votes on it matters that they are all of one kind."""
    chance: float = 0.001
    """Of setting aside somebody whose votes are all of one kind by chance, in the whole round."""


@dataclass(frozen=True)
class Doubts:
    """Whose votes are set aside and why; of others, which ones."""

    people: Mapping[str, str] = field(default_factory=dict)
    rows: Mapping[int, str] = field(default_factory=dict)
    """By the row's `id()`: valid while the rows live."""
    agreements: Agreements = field(default_factory=lambda: Agreements({}, frozenset()))
    restored: Container[str] = ()
    """Whom an operator believes, whatever is found here."""

    def about(self, row: Row) -> str | None:
        """Return why a row is set aside, or None."""
        if row.accepted or row.person in self.restored:
            return None
        return self.people.get(row.person) or self.rows.get(id(row))

    def weight(self, person: str) -> float:
        """Return what a person's word is worth, from 0 to 1."""
        return 1.0 if person in self.restored else self.agreements.weight(person)


def doubts(
    rows: Sequence[UnpairedPreference], rules: TrustRules, restored: Container[str] = ()
) -> Doubts:
    """Look at the judgements of the part that trains."""
    known = agreements(rows)
    people = dict.fromkeys(known.contrary, "votes against everybody else's")
    # Votes only: whoever compares, ranks or corrects names a better answer all the same.
    single = {id(row): "votes all one way" for row in _one_way(rows, rules)}
    for row in _bursts(rows, rules):
        single.setdefault(id(row), "voted in a burst")
    for row in rows:
        if _hasty(row, rules):
            single.setdefault(id(row), "voted faster than reading")
    return Doubts(people, single, known, restored)


def _one_way(rows: Sequence[UnpairedPreference], rules: TrustRules) -> list[UnpairedPreference]:
    corrected = {(row.person, row.completion_id) for row in rows if row.origin == "correction"}
    votes_of: defaultdict[str, list[UnpairedPreference]] = defaultdict(list)
    for row in rows:
        if row.origin == "vote" and (row.person, row.completion_id) not in corrected:
            votes_of[row.person].append(row)
    said = {person: Counter(row.label for row in votes) for person, votes in votes_of.items()}
    total = sum(said.values(), Counter[bool]())
    busy = {person: votes for person, votes in said.items() if votes.total() >= rules.one_way}
    found: list[UnpairedPreference] = []
    for person, votes in busy.items():
        others = total.total() - votes.total()
        if len(votes) > 1 or not others:
            continue
        (kind,) = votes
        # Laplace's rule, so that the others' unanimity is never quite certain either.
        rate = (total[kind] - votes[kind] + 1) / (others + 2)
        if rate ** votes.total() < rules.chance / len(busy):
            found += votes_of[person]
    return found


def _bursts(rows: Sequence[UnpairedPreference], rules: TrustRules) -> list[UnpairedPreference]:
    mine: defaultdict[str, list[UnpairedPreference]] = defaultdict(list)
    for row in rows:
        if row.on_page:
            mine[row.person].append(row)
    found = []
    for said in mine.values():
        # What bears one stamp is one judgement (a pair gives two rows) or an import.
        stamps = sorted({row.created for row in said})
        hot = set()
        for first, stamp in enumerate(stamps):
            last = bisect_left(stamps, stamp + rules.burst_seconds)
            if last - first > rules.burst:
                hot.update(stamps[first:last])
        found += [row for row in said if row.created in hot]
    return found


def _hasty(row: UnpairedPreference, rules: TrustRules) -> bool:
    return row.took is not None and row.took < len(row.completion[-1]["content"]) / rules.reading
