"""Whose words may train: what people refused, or never agreed to, is left out before anything else.

Invariant: nothing of a refused row is looked at, be it to train, to hold out, to judge or to check;
it takes no room among the newest that are read, and its person is told why.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from feedback.types import Comparison, Completion, Correction, Ranking, Vote
from training.left_out import LeftOut

Judgement = (
    tuple[Vote, Completion]
    | tuple[Comparison, Completion, Completion]
    | tuple[Ranking, Sequence[Completion]]
    | tuple[Correction, Completion]
)
"""Something that a person said, with the answers that it is about."""
J = TypeVar("J", bound=Judgement)
_KINDS = {Vote: "vote", Comparison: "comparison", Ranking: "ranking", Correction: "correction"}


def consenting(
    judgements: Iterable[J], refusal: Callable[[str], str | None], left_out: LeftOut
) -> Iterator[J]:
    """Yield what may train.

    Args:
        judgements: As the store reads them.
        refusal: Why a person's words may not train (`Consents.refusing`); None: they may.
        left_out: Where the others are counted.
    """
    for judgement in judgements:
        said = judgement[0]
        reason = refusal(said.person)
        if reason is None:
            yield judgement
        else:
            left_out.add(reason, *((_KINDS[type(said)], id_) for id_ in _about(said)))


def _about(said: Vote | Comparison | Ranking | Correction) -> tuple[str, ...]:
    """Return the completions that something is about."""
    if isinstance(said, Comparison):
        return (said.left_id, said.right_id)
    return said.answers if isinstance(said, Ranking) else (said.completion_id,)
