"""Rates over time as plain SVG, one small chart a series, all on the same axes.

Across, places are percentages, so that a chart is as wide as its place; colours are the style
sheet's classes, light and dark. Invariant: every text is escaped, and every point that is drawn
has its count below it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

TOP, DEEP, HEIGHT = 8, 72, 104
"""Pixels: above 100 %, from there to 0 %, and in all."""


@dataclass(frozen=True)
class Point:
    """A rate in one span of time."""

    span: int
    """Its place in the window, from 0."""
    rate: float
    low: float
    high: float
    total: int
    told: str
    """The same in words."""


@dataclass(frozen=True)
class Series:
    """What is drawn in one chart."""

    label: str
    about: str
    """What stands beside the label."""
    points: Sequence[Point]


def trend_chart(series: Series, spans: int, ends: tuple[str, str]) -> str:
    """Draw one series over a window of so many spans; `ends` name its first and last day."""
    lines = "".join(
        f'<line class="ground" x1="0" x2="100%" y1="{_down(at)}" y2="{_down(at)}"/>'
        f'<text x="-6" y="{_down(at) + 4}" text-anchor="end">{at * 100:.0f} %</text>'
        for at in (0.0, 0.5, 1.0)
    )
    said = escape(f"{series.label}, {series.about}", quote=True)
    return (
        f'<figure class="r-trend"><figcaption><b>{escape(series.label)}</b> '
        f"<span>{escape(series.about)}</span></figcaption>"
        f'<svg width="100%" height="{HEIGHT}" role="img" aria-label="{said}">{lines}'
        f"{_steps(series.points, spans)}{''.join(_point(p, spans) for p in series.points)}</svg>"
        f'<div class="r-ends" aria-hidden="true"><span>{escape(ends[0])}</span>'
        f"<span>{escape(ends[1])}</span></div></figure>"
    )


def _steps(points: Sequence[Point], spans: int) -> str:
    """Draw the way from each span to the next one; where one is missing, nothing is known."""
    return "".join(
        f'<line class="way" x1="{_across(one.span, spans)}%" x2="{_across(two.span, spans)}%"'
        f' y1="{_down(one.rate)}" y2="{_down(two.rate)}"/>'
        for one, two in pairwise(points)
        if two.span == one.span + 1
    )


def _point(point: Point, spans: int) -> str:
    at = _across(point.span, spans)
    return (
        f'<g><title>{escape(point.told)}</title><line class="interval" x1="{at}%" x2="{at}%"'
        f' y1="{_down(point.high)}" y2="{_down(point.low)}"/>'
        f'<circle class="estimate" cx="{at}%" cy="{_down(point.rate)}" r="4"/>'
        f'<text x="{at}%" y="{HEIGHT - 6}" text-anchor="middle">{short(point.total)}</text></g>'
    )


def short(count: int) -> str:
    """Write a count in at most four signs."""
    for size, sign in ((1_000_000, "M"), (1_000, "k")):
        if count >= size:
            return f"{count / size:.1f}{sign}" if count < 10 * size else f"{count // size}{sign}"
    return str(count)


def _across(span: int, spans: int) -> float:
    return round(100 * (span + 0.5) / spans, 2)


def _down(share: float) -> float:
    return round(TOP + (1 - share) * DEEP, 1)
