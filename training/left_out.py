"""What is left out of a round: counted by reason, and remembered for those who said it.

Invariant: what is remembered is the last reason; whether something was used after all, in another
form or on another side, is for `training/fates.py` to say.
"""

from collections import Counter
from collections.abc import Mapping

Said = tuple[str, str]
"""Something that a person said: its kind (`vote`, ...) and the completion that it is about."""


class LeftOut:
    """Counts rows by the reason why they are left out, and keeps the reason of each."""

    def __init__(
        self, counts: Mapping[str, int] | None = None, reasons: Mapping[Said, str] | None = None
    ) -> None:
        self.counts: Counter[str] = Counter(counts or {})
        self.reasons: dict[Said, str] = dict(reasons or {})

    def add(self, reason: str, *said: Said) -> None:
        """Count one row, which stands for what was said."""
        self.counts[reason] += 1
        self.note(reason, *said)

    def note(self, reason: str, *said: Said) -> None:
        """Keep the reason without counting a row."""
        self.reasons.update(dict.fromkeys(said, reason))

    def in_order(self) -> dict[str, int]:
        """Return the counts that are not zero, by the reason's name."""
        return dict(sorted((+self.counts).items()))
