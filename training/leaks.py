"""What keeps questions that judge apart from questions that teach: one look at all of a round's.

A question near one of the gate's is never used. One that people of several parts have asked, in
nearly the same words, stays in one part and leaves the others (training/places.py).

Invariant: no row that trains is in a cluster with a row of another part, a held-out row or a
question of the gate.
"""

from collections.abc import Iterable

from training.clusters import Clusters
from training.copies import Copies
from training.similarity import Protected
from training.split import Row


class Asked:
    """The questions of a round and of the gate, and which of them are nearly the same."""

    def __init__(self, rows: Iterable[Row], protected: Iterable[str], similarity: float) -> None:
        questions, rows = list(protected), list(rows)
        self._near = Protected(questions, similarity)
        self._copies = Copies(questions)
        said = [text for row in rows for text in (_said(row), _last(row))]
        self._clusters = Clusters([*said, *questions])
        self._banned = {self._clusters.wide(question) for question in questions}

    def cluster(self, row: Row) -> str:
        """Return the name of the cluster of all that the person said."""
        return self._clusters(_said(row))

    def protected(self, row: Row) -> bool:
        """Say whether one of the gate's questions was asked, or one near it."""
        last, said = _last(row), _said(row)
        if self._near(last) or self._copies(last) or self._copies(said):
            return True
        return any(self._clusters.wide(text) in self._banned for text in (last, said))


def _said(row: Row) -> str:
    turns = [turn["content"] for turn in row.question if turn["role"] == "user"]
    return "\n".join(turns or [turn["content"] for turn in row.question])


def _last(row: Row) -> str:
    return row.question[-1]["content"]
