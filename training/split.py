"""Who trains, who judges and who checks; and which questions training never sees.

Invariant: a person, or where there are too few of them a question, is in one part only; which one
depends on names, votes, shares and seed alone.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import Literal, TypeVar

from training.preferences import PreferencePair, UnpairedPreference
from training.served import Turns
from training.similarity import normalise

Part = Literal["train", "judge", "check"]
Row = UnpairedPreference | PreferencePair
R = TypeVar("R", UnpairedPreference, PreferencePair)
PARTS: tuple[Part, ...] = ("train", "judge", "check")
FEWEST_PEOPLE = 6
"""Below this one person would be a whole part: the parts are split by question instead."""


def split_people(
    people: Mapping[str, int],
    shares: tuple[float, float, float] = (0.6, 0.2, 0.2),
    *,
    seed: int,
) -> dict[str, Part]:
    """Deal people to train, judge and check so that their votes come close to the shares.

    Args:
        people: Who (or which question), with their number of votes.
        shares: Of the votes, for train, judge and check.
        seed: Decides the order in which they are dealt.
    """
    missing = {
        part: share * sum(people.values()) for part, share in zip(PARTS, shares, strict=True)
    }
    dealt: dict[str, Part] = {}
    for person in sorted(people, key=lambda name: _draw(seed, name)):
        # To the part that still lacks most, in votes: one heavy voter then fills a part instead
        # of coming on top of it.
        part = max(PARTS, key=lambda name: missing[name])
        dealt[person] = part
        missing[part] -= people[person]
    return dealt


def held_questions(
    rows: Iterable[Row], share: float, seed: int, question: Callable[[Row], str]
) -> set[str]:
    """Draw questions to hold out, the same share of those with and without a liked answer."""
    labels = {(question(row), is_liked(row)) for row in rows}
    asked = {name for name, _ in labels}
    liked = {name for name, label in labels if label}
    held: set[str] = set()
    for group in (liked, asked - liked):
        drawn = sorted(group, key=lambda name: _draw(seed, f"held {name}"))
        held.update(drawn[: round(len(drawn) * share)])
    return held


def question_key(row: Row) -> str:
    """Return what makes two rows the same question: all that the person said, normalised."""
    return normalise(text_of(row.question))


def is_liked(row: Row) -> bool:
    """Return a row's label; a pair is as good as liked."""
    return row.label if isinstance(row, UnpairedPreference) else True


def _draw(seed: int, name: str) -> bytes:
    return hashlib.sha256(f"{seed}\0{name}".encode()).digest()


def text_of(turns: Turns) -> str:
    """Write turns one below the other."""
    return "\n".join(f"{turn['role']}: {turn['content']}" for turn in turns)
