"""What an evaluation found out, in counts: all that a decision needs, and nothing that it decides.

Invariant: `Evidence.from_json(json.loads(json.dumps(e.to_json()))) == e`, so that a decision can be
taken again from the record, by the same rules or by others.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from pydantic import TypeAdapter

from eval.scorers import ReferenceScore
from eval.stats import JudgeCheck


@dataclass(frozen=True)
class Asked:
    """What became of the requests to one responder."""

    asked: int = 0
    failed: int = 0
    misattributed: int = 0
    """Answers of another responder than the one that was asked; also counted as failed."""
    example: str | None = None
    """The first error."""


@dataclass(frozen=True)
class Rates:
    """How one responder did on the reference questions."""

    right: int = 0
    total: int = 0
    article_right: int = 0
    article_total: int = 0
    language_right: int = 0
    language_total: int = 0


@dataclass(frozen=True)
class Paired:
    """Candidate and opponent on the reference questions that both answered."""

    both: int
    only_candidate: int
    only_opponent: int
    neither: int

    @property
    def total(self) -> int:
        """The number of questions."""
        return self.both + self.only_candidate + self.only_opponent + self.neither


@dataclass(frozen=True)
class Preference:
    """Candidate against opponent by the judge, one fresh answer each to every prompt drawn."""

    wins: int = 0
    losses: int = 0
    ties: int = 0
    failed: int = 0
    """Prompts where one side did not answer."""
    unscored: int = 0
    """Prompts where the judge's score was no probability."""
    ended: str = ""
    """Why no more prompts were drawn: won, lost, hopeless, exhausted, failing, or not asked."""

    @property
    def prompts(self) -> int:
        """The number of prompts drawn."""
        return self.wins + self.losses + self.ties + self.failed + self.unscored


@dataclass(frozen=True)
class CandidateEvidence:
    """All that the gate may know about one responder that wants to go live."""

    responder: str
    live: str
    baseline: str
    guards: tuple[str, ...]
    """Against whom else it must not lose on the reference questions."""
    level: float
    """The error that this gate may spend (e-LOND)."""
    judge: JudgeCheck | None
    reference: Mapping[str, Paired] = field(default_factory=dict)
    preference: Mapping[str, Preference] = field(default_factory=dict)
    asked: Mapping[str, Asked] = field(default_factory=dict)
    """By responder: the candidate's and its opponents' requests."""

    @property
    def opponents(self) -> tuple[str, ...]:
        """Whom it must win against: live and the baseline, once where they are the same."""
        return tuple(dict.fromkeys((self.live, self.baseline)))

    @property
    def others(self) -> tuple[str, ...]:
        """With whom the reference questions compare it."""
        return tuple(dict.fromkeys((self.live, self.baseline, *self.guards)))


@dataclass(frozen=True)
class Evidence:
    """One evaluation of one adapter's responders."""

    live: str
    baseline: str
    suite_hash: str
    suite_size: int
    reference_size: int
    index_version: str | None
    settings: Mapping[str, float]
    prompts: tuple[str, ...]
    """Hashes of the prompts drawn for comparisons, in order."""
    rates: Mapping[str, Rates]
    candidates: Mapping[str, CandidateEvidence]
    started: float
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON values."""
        return asdict(self)

    @staticmethod
    def from_json(record: Mapping[str, Any]) -> "Evidence":
        """Read a record that `to_json` wrote.

        Raises:
            pydantic.ValidationError: it is none.
        """
        return TypeAdapter(Evidence).validate_python(record)


def paired(own: Mapping[str, ReferenceScore], their: Mapping[str, ReferenceScore]) -> Paired:
    """Count who was right on the questions that both answered."""
    pairs = Counter((own[key].right, their[key].right) for key in own.keys() & their.keys())
    return Paired(pairs[True, True], pairs[True, False], pairs[False, True], pairs[False, False])


def rates(scores: Iterable[ReferenceScore]) -> Rates:
    """Count what was right in one responder's answers."""
    known = list(scores)
    articles = [score.article_right for score in known if score.article_right is not None]
    languages = [score.language_right for score in known if score.language_right is not None]
    return Rates(
        right=sum(score.right for score in known),
        total=len(known),
        article_right=sum(articles),
        article_total=len(articles),
        language_right=sum(languages),
        language_total=len(languages),
    )
