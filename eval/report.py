"""The evidence for people: rows for tables and two charts as plain SVG.

The charts take their text colour from the page (`currentColor`) and use two hues that are legible
on light and dark grounds; every mark has its figures as a title.
Invariant: whatever names and texts are in the evidence, the output is well-formed and nothing in
it is executed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from eval.evidence import Evidence
from eval.gate import Decision
from eval.stats import Interval, wilson

_MARKS = {True: "passed", False: "failed", None: "open"}
# Middle tones: at least 3:1 against white and against #111.
_BLUE, _ORANGE, _GREY = "#3b82c4", "#c2701c", "#808080"
_WIDTH, _LEFT, _RIGHT, _ROW, _TOP = 640, 230, 60, 30, 34


@dataclass(frozen=True)
class _Bar:
    label: str
    interval: Interval
    title: str
    colour: str


def check_rows(decision: Decision) -> list[list[str]]:
    """Return one row a check: name, passed | failed | open, and the sentence."""
    return [[check.name, _MARKS[check.passed], check.reason] for check in decision.checks]


def preference_rows(evidence: Evidence) -> list[list[str]]:
    """Return one row a contest: candidate, opponent, wins, losses, ties, failed, why it ended."""
    return [
        [name, other, str(s.wins), str(s.losses), str(s.ties), str(s.failed + s.unscored), s.ended]
        for name, candidate in evidence.candidates.items()
        for other, s in candidate.preference.items()
    ]


def reference_rows(evidence: Evidence) -> list[list[str]]:
    """Return one row a responder: right answers, articles and language, each as `n of m`."""
    return [
        [
            name,
            f"{rates.right} of {rates.total}",
            f"{rates.article_right} of {rates.article_total}",
            f"{rates.language_right} of {rates.language_total}",
        ]
        for name, rates in evidence.rates.items()
    ]


def win_rate_chart(evidence: Evidence) -> str:
    """Draw how often each candidate won against each opponent, with 95 % intervals."""
    bars = []
    for name, candidate in evidence.candidates.items():
        for other, seen in candidate.preference.items():
            rate = wilson(seen.wins, seen.wins + seen.losses)
            title = f"{name} against {other}: {seen.wins} won, {seen.losses} lost, {seen.ties} ties"
            colour = _BLUE if rate.low > 0.5 else _ORANGE if rate.high < 0.5 else _GREY
            bars.append(_Bar(f"{name} : {other}", rate, title, colour))
    return _chart("Share of decided comparisons won", bars, mark=0.5)


def reference_chart(evidence: Evidence) -> str:
    """Draw each responder's share of right reference answers, with 95 % intervals."""
    bars = []
    for name, rates in evidence.rates.items():
        title = f"{name}: {rates.right} of {rates.total} right"
        colour = _BLUE if name in evidence.candidates else _GREY
        bars.append(_Bar(name, wilson(rates.right, rates.total), title, colour))
    return _chart("Reference questions answered right", bars, mark=None)


def _chart(heading: str, bars: Sequence[_Bar], mark: float | None) -> str:
    bottom = _TOP + _ROW * max(1, len(bars))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {bottom + 26}" role="img" '
        f'aria-label="{escape(heading)}" width="100%" style="max-width:{_WIDTH}px" '
        'font-family="system-ui, sans-serif" font-size="13" fill="currentColor">',
        f'<text x="0" y="16" font-weight="600">{escape(heading)}</text>',
    ]
    for percent in (0, 25, 50, 75, 100):
        x, strong = _x(percent / 100), mark == percent / 100
        parts.append(
            f'<line x1="{x}" y1="{_TOP - 6}" x2="{x}" y2="{bottom}" stroke="currentColor" '
            f'stroke-opacity="{0.7 if strong else 0.2}"/>'
            f'<text x="{x}" y="{bottom + 18}" text-anchor="middle" opacity="0.8">{percent} %</text>'
        )
    if not bars:
        parts.append(f'<text x="0" y="{_TOP + 14}" opacity="0.8">Nothing was compared.</text>')
    parts += [_drawn(bar, _TOP + _ROW * row + 12) for row, bar in enumerate(bars)]
    return "".join([*parts, "</svg>"])


def _drawn(bar: _Bar, y: int) -> str:
    low, middle, high = (_x(value) for value in bar.interval)
    shown = bar.label if len(bar.label) <= 32 else bar.label[:31] + "…"
    estimate = f"{bar.interval.estimate * 100:.0f} %"
    return (
        f"<g><title>{escape(bar.title)}</title>"
        f'<text x="0" y="{y + 4}">{escape(shown)}</text>'
        f'<line x1="{low}" y1="{y}" x2="{high}" y2="{y}" stroke="{bar.colour}" stroke-width="4" '
        'stroke-linecap="round" stroke-opacity="0.6"/>'
        f'<circle cx="{middle}" cy="{y}" r="5" fill="{bar.colour}"/>'
        f'<text x="{_WIDTH}" y="{y + 4}" text-anchor="end">{estimate}</text>'
        "</g>"
    )


def _x(share: float) -> float:
    return round(_LEFT + share * (_WIDTH - _LEFT - _RIGHT), 1)
