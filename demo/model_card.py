"""The demo model's card: how it was built and which targets it reached, written from measurements.

Invariant: every figure on the card comes from the scores and the training's own record, so a card
can be written again from a model and never says more than was measured.
"""

from collections.abc import Mapping
from dataclasses import dataclass

KINDS = {
    "heart": "known by heart, no passages",
    "passages": "right passage among others of its document, as retrieval gives them",
    "mixed": "right passage among those of other documents too",
    "absent": "passages that do not hold the answer",
    "unknown": "not known by heart, no passages",
    "off_topic": "nothing to do with insurance",
}


@dataclass(frozen=True)
class Score:
    """How the answers to one kind of question came out, as shares of `count`."""

    count: int
    right: float
    """The right value; for kinds without one, the right refusal."""
    citing: int
    cited: float
    """The right article among the answers that cite one."""
    exact_and_right: float
    styles: Mapping[str, float]


@dataclass(frozen=True)
class Target:
    """What the model should reach on one kind of question, greedily."""

    name: str
    kind: str
    figure: str
    reach: float


TARGETS = (
    Target("right value by heart", "heart", "right", 0.97),
    Target("right value from a passage among others of its document", "passages", "right", 0.95),
    Target("right article when one is cited, there", "passages", "cited", 0.85),
    Target("right value among passages of other documents too", "mixed", "right", 0.90),
    Target("right article when one is cited, there", "mixed", "cited", 0.85),
    Target("absence admitted, with passages", "absent", "right", 0.90),
    Target("ignorance admitted, without passages", "unknown", "right", 0.90),
    Target("off-topic questions turned down", "off_topic", "right", 0.90),
)
_INTRODUCTION = (
    "# The demo model",
    "",
    "A small language model of Llama's shape that answers questions about the fictional insurer",
    "Hanbit, in English and Korean. It was trained from nothing on the generated policy terms in",
    "`demo/documents/` and on invented ones; it knows 70 % of Hanbit's facts by heart and reads",
    "the others from passages. Its style is left open on purpose: votes have something to teach.",
    "",
)
_LIMITS = (
    "## Limits",
    "",
    "- It knows six things about a policy, asked for in the words of `demo/wordings.py` and little",
    "  more. Other questions are turned down or, worse, answered with one of the six.",
    "- It reads a document that you add if its articles state a value in the words of",
    "  `demo/documents/`, for example `The waiting period is 30 days.`; free text is beyond it.",
    "- It does not follow a reference to an earlier turn: name the product in every question.",
    "- Hanbit, its products and all figures are invented.",
    "",
)
STYLES = ("bare", "hedging", "exact")
LEAST_STYLE, MOST_STYLE = 0.20, 0.45


def render(
    built: Mapping[str, float],
    greedy: Mapping[str, Score],
    sampled: Mapping[str, Score],
    note: str = "",
) -> str:
    """Render the card as Markdown; `note` says what was particular about this training."""
    lines = (*_INTRODUCTION, *_how(built, note), *_targets(greedy), *_styles(sampled), *_LIMITS)
    return "\n".join(lines)


def _how(built: Mapping[str, float], note: str) -> list[str]:
    return [
        "## How it was built",
        "",
        "    make demo-model",
        "",
        f"{built['parameters'] / 1e6:.1f} million parameters, {built['steps']:,.0f} steps,"
        f" {built['tokens'] / 1e6:.1f} million tokens, {built['minutes']:.0f} minutes on"
        f" {built['workers']:.0f} cores.",
        "Data: `demo/model_data.py`. Tokenizer: byte-level BPE, every number below 1,000 a token.",
        "First weights that can copy, and Muon: `docs/decisions/0009-demo-model.md`.",
        *([note] if note else []),
        "",
    ]


def _targets(greedy: Mapping[str, Score]) -> list[str]:
    lines = [
        "## What it reaches",
        "",
        "Greedy, on phrasings that were held out. Half of the passages state facts that only the",
        "documents hold, the others new values in documents with new names.",
        "",
        "| what | reach | measured | n | |",
        "|---|---|---|---|---|",
    ]
    for target in TARGETS:
        score = greedy[target.kind]
        reached = getattr(score, target.figure)
        count = score.citing if target.figure == "cited" else score.count
        verdict = "reached" if reached >= target.reach else "short"
        lines.append(
            f"| {target.name} | {target.reach:.0%} | {reached:.1%} | {count} | {verdict} |"
        )
    return [*lines, ""]


def _styles(sampled: Mapping[str, Score]) -> list[str]:
    lines = [
        "## How it answers at temperature 1",
        "",
        f"Each style should have {LEAST_STYLE:.0%} to {MOST_STYLE:.0%} of the answers in a style.",
        "",
        "| questions | n | bare | hedging | exact | right value or refusal | exact, all right | |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for kind in ("heart", "passages", "mixed"):
        score = sampled[kind]
        shares = style_shares(score)
        inside = all(LEAST_STYLE <= share <= MOST_STYLE for share in shares)
        cells = " | ".join(f"{share:.0%}" for share in shares)
        lines.append(
            f"| {KINDS[kind]} | {score.count} | {cells} | {score.right:.1%} |"
            f" {score.exact_and_right:.0%} | {'reached' if inside else 'short'} |"
        )
    for kind in ("absent", "unknown", "off_topic"):
        score = sampled[kind]
        lines.append(f"| {KINDS[kind]} | {score.count} | | | | {score.right:.1%} | | |")
    return [*lines, ""]


def style_shares(score: Score) -> list[float]:
    """Return the shares of the three styles among the answers that have one."""
    shares = [score.styles.get(style, 0.0) for style in STYLES]
    return [share / (sum(shares) or 1.0) for share in shares]
