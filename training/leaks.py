"""What keeps questions that judge apart from questions that teach: one look at all of a round's.

A question near one of the gate's is never used. One that people of several parts have asked, in
nearly the same words, stays in one part and leaves the others: which one is decided by where it was
asked most, as long as no part falls behind its share.

Invariant: no row that trains is in a cluster with a row of another part, a held-out row or a
question of the gate.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from training.clusters import Clusters
from training.similarity import Protected
from training.split import PARTS, Part, Row


class Asked:
    """The questions of a round and of the gate, and which of them are nearly the same."""

    def __init__(self, rows: Iterable[Row], protected: Iterable[str], similarity: float) -> None:
        questions, rows = list(protected), list(rows)
        self._near = Protected(questions, similarity)
        said = [text for row in rows for text in (_said(row), _last(row))]
        self._clusters = Clusters([*said, *questions])
        self._banned = {self._clusters.wide(question) for question in questions}

    def cluster(self, row: Row) -> str:
        """Return the name of the cluster of all that the person said."""
        return self._clusters(_said(row))

    def protected(self, row: Row) -> bool:
        """Say whether the last or the whole of the question is near one of the gate's."""
        if self._near(_last(row)):
            return True
        return any(self._clusters.wide(text) in self._banned for text in (_last(row), _said(row)))


def owners(
    rows: Sequence[Row],
    part_of: Callable[[Row], Part],
    cluster: Callable[[Row], str],
    shares: tuple[float, float, float],
) -> Mapping[str, Part]:
    """Say of every cluster which part it stays in.

    Args:
        rows: All rows of the round.
        part_of: The part that a row's person (or question) is in.
        cluster: The cluster of a row.
        shares: What train, judge and check should have.
    """
    asked: defaultdict[str, Counter[Part]] = defaultdict(Counter)
    for row in rows:
        asked[cluster(row)][part_of(row)] += 1
    target = {part: share * len(rows) for part, share in zip(PARTS, shares, strict=True)}
    kept: Counter[Part] = Counter()
    found: dict[str, Part] = {}
    # What is in one part only comes first: it leaves no choice.
    for name, counts in sorted(asked.items(), key=lambda a: (len(a[1]), -a[1].total(), a[0])):
        part = max(counts, key=lambda p: (counts[p] * _missing(kept[p], target[p]), counts[p], p))
        found[name] = part
        kept[part] += counts[part]
    return found


def _missing(kept: int, target: float) -> float:
    return max(0.0, 1 - kept / target) if target else 0.0


def _said(row: Row) -> str:
    turns = [turn["content"] for turn in row.question if turn["role"] == "user"]
    return "\n".join(turns or [turn["content"] for turn in row.question])


def _last(row: Row) -> str:
    return row.question[-1]["content"]
