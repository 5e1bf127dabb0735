"""What became of each thing that people said: trained on, judged with, or left out and why.

Invariant: one fate a kind and completion; being used in any form counts for more than the reason
why another form of it was left out.
"""

from collections.abc import Iterable, Iterator, Mapping

from feedback.consent import OUTDATED, REFUSED, UNASKED
from feedback.uses import Fate, Role
from training.curation import Curated
from training.forms import said_by
from training.left_out import Said
from training.split import Row

REASONS: Mapping[str, str] = {
    "agent found no passages": "unsourced",
    "alone in the last batch": "remainder",
    "answer not complete": "incomplete",
    "answer too long": "length",
    "blocked by an operator": "blocked",
    "close to a protected question": "protected",
    "close to a question of another part": "apart",
    "conversation does not end with the person": "incomplete",
    "duplicate": "duplicate",
    "empty answer": "empty",
    "evaluation": "evaluation",
    "more than one address block's share": "neighbours",
    "excluded by an operator": "excluded",
    "more than one person's share": "share",
    "more than one question's share": "crowded",
    "older than the newest rows": "older",
    "outvoted": "outvoted",
    "people disagree": "disputed",
    "personal data that the question does not hold": "masked",
    "said in another way too": "repeated",
    OUTDATED: "outdated",
    UNASKED: "unasked",
    REFUSED: "refused",
    "tie": "tie",
    "tools were offered": "tools",
    "vote without a pair": "unpaired",
    "voted faster than reading": "hasty",
    "voted in a burst": "burst",
    "votes against everybody else's": "contrary",
    "votes all one way": "oneway",
    "votes that others share less": "thinned",
}
"""What a reason is called where people read what became of their votes."""
HELD_OUT = "heldout"
"""Shown to the training only to see when to stop: nothing is learned from it."""


def fates(curated: Curated) -> Iterator[Fate]:
    """Yield the fate of everything that a round has looked at."""
    found: dict[Said, tuple[Role, str]] = {
        said: ("left_out", REASONS[reason]) for said, reason in curated.reasons.items()
    }

    def used(rows: Iterable[Row], role: Role, reason: str = "") -> None:
        for row in rows:
            found.update(dict.fromkeys(said_by(row), (role, reason)))

    used((form.row for form in curated.heldout), "left_out", HELD_OUT)
    used(curated.check, "check")
    used(curated.judge, "judge")
    used((form.row for form in curated.train), "train")
    for (kind, completion_id), (role, reason) in found.items():
        yield Fate(kind, completion_id, role, reason)
