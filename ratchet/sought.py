"""What is looked for once a person is gone: their name by its hash, their texts by fingerprints.

Invariant: neither is known here, so nothing of them can be written down.
"""

from collections.abc import Iterable

from feedback.erasures import Erasure
from feedback.fingerprints import Fingerprints
from feedback.names import LONGEST, Shape, pieces

MOST_KNOWN = 200_000


class Sought:
    """One forgotten person."""

    def __init__(self, erasure: Erasure) -> None:
        self.erasure = erasure
        self.quoted = Fingerprints.from_json(erasure.key, erasure.left.get("texts", ())).quoted
        self._shape = Shape(*erasure.left.get("name", ()))
        self._known: dict[str, bool] = {}

    def is_one_of(self, values: Iterable[str]) -> bool:
        """Say whether one of these is the person's name."""
        return any(self._is(value) for value in values if len(value) <= LONGEST)

    def named_in(self, text: str) -> bool:
        """Say whether a text holds the person's name."""
        return self.is_one_of(pieces(text, self._shape))

    def _is(self, word: str) -> bool:
        # Words come again and again, and each hash costs.
        if len(self._known) > MOST_KNOWN:
            self._known.clear()
        if word not in self._known:
            self._known[word] = self.erasure.means(word)
        return self._known[word]
