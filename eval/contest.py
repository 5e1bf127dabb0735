"""What an evaluation is given: who meets whom, by which rules, how to ask, and who judges.

Invariant: these values alone, with the suite and the service, determine what an evaluation does.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from eval.gate import GateRules
from eval.scorers import Scorer
from eval.stats import JudgeCheck


@dataclass(frozen=True)
class EvalSettings:
    """How the evaluation asks."""

    streams: int = 16
    """Requests at a time: few, because people are served by the same engine."""
    max_tokens: int = 96
    temperature: float = 1.0
    """For comparisons; reference questions are asked at 0."""
    round_size: int = 24
    max_prompts: int = 300
    tie_margin: float = 0.05
    """Two answers whose scores differ by no more than this are equally good."""
    seed: int = 0


@dataclass(frozen=True)
class Progress:
    """How far the evaluation is."""

    stage: Literal["reference", "preference"]
    done: int
    total: int
    detail: str


@dataclass(frozen=True)
class Contest:
    """Who is evaluated against whom, with which error levels (e-LOND), and by which rules."""

    candidates: tuple[str, ...]
    """One adapter's responders, e.g. `ratchet-0007` and `ratchet-0007+rag`."""
    live: str
    levels: Mapping[str, float]
    baseline: str = "rag"
    guards: tuple[str, ...] = ()
    """Whom else it must not fall behind on the reference questions: the base, the best ever."""
    rules: GateRules = field(default_factory=GateRules)
    index_version: str | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    """What a responder is called in the cache of answers, where its name alone is not enough."""


@dataclass(frozen=True)
class Jury:
    """The judge and how far it may be trusted; both None where no judge could be fitted."""

    scorer: Scorer | None
    check: JudgeCheck | None
