"""Intervals as plain SVG: an estimate, how sure we are of it, and the line to compare it with.

The tracks use percentages, so a chart is as wide as its place and its words stay readable on a
phone; colours are the style sheet's classes, light and dark. Invariant: every text is escaped, and
every figure that is drawn is also written.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

ChartTone = Literal["good", "bad", "wait", "plain"]


@dataclass(frozen=True)
class IntervalRow:
    """One line of a chart."""

    label: str
    estimate: float
    low: float
    high: float
    value: str
    """The figures in words, beside the track."""
    tone: ChartTone = "plain"


@dataclass(frozen=True)
class Scale:
    """The axis: its ends, its labelled ticks, and the line that an interval is compared with."""

    low: float
    high: float
    ticks: Sequence[tuple[float, str]]
    compare: float | None = None

    def place(self, value: float) -> float:
        """Return where a value lies, in per cent of the width."""
        share = (value - self.low) / (self.high - self.low)
        return round(100 * min(1.0, max(0.0, share)), 2)


SHARES = Scale(0, 1, ((0, "0 %"), (0.25, "25 %"), (0.5, "50 %"), (0.75, "75 %"), (1, "100 %")), 0.5)


def difference_scale(rows: Sequence[IntervalRow]) -> Scale:
    """Return an axis around zero that holds every row, in points."""
    widest = max([0.1, *(abs(end) for row in rows for end in (row.low, row.high))])
    step = next(s for s in (0.05, 0.1, 0.25, 0.5, 1.0) if widest / s <= 3 or s == 1.0)
    end = min(1.0, math.ceil(widest / step - 1e-9) * step)
    ticks = [k * step for k in range(-round(end / step), round(end / step) + 1)]
    return Scale(-end, end, [(t, f"{t * 100:+.0f}" if t else "0") for t in ticks], 0.0)


def interval_chart(rows: Sequence[IntervalRow], scale: Scale, title: str) -> str:
    """Draw one row an interval, and the axis below."""
    if not rows:
        return ""
    lines = "".join(
        f'<div class="r-measure"><span class="r-measure-label">{escape(row.label)}</span>'
        f'{track(row, scale)}<span class="r-measure-value">{escape(row.value)}</span></div>'
        for row in rows
    )
    return (
        f'<figure class="r-chart"><figcaption>{escape(title)}</figcaption>{lines}'
        f'<div class="r-measure r-axis" aria-hidden="true"><span></span>{_axis(scale)}<span></span>'
        "</div></figure>"
    )


def track(row: IntervalRow, scale: Scale) -> str:
    """Draw one interval: a line for the scale, a bar for the interval, a dot for the estimate."""
    low, high = scale.place(row.low), scale.place(row.high)
    width, compare = max(0.6, round(high - low, 2)), ""
    if scale.compare is not None:
        at = scale.place(scale.compare)
        compare = f'<line class="compare" x1="{at}%" x2="{at}%" y1="2" y2="20"/>'
    said = escape(f"{row.label}: {row.value}", quote=True)
    return (
        f'<svg class="r-track {row.tone}" width="100%" height="22" role="img" aria-label="{said}">'
        f'<line class="ground" x1="0" x2="100%" y1="11" y2="11"/>{compare}'
        f'<rect class="interval" x="{low}%" width="{width}%" y="7" height="8" rx="4"/>'
        f'<circle class="estimate" cx="{scale.place(row.estimate)}%" cy="11" r="5"/></svg>'
    )


def _axis(scale: Scale) -> str:
    marks = []
    for value, label in scale.ticks:
        at = scale.place(value)
        anchor = "start" if at <= 1 else "end" if at >= 99 else "middle"
        marks.append(f'<text x="{at}%" y="13" text-anchor="{anchor}">{escape(label)}</text>')
    return f'<svg width="100%" height="18">{"".join(marks)}</svg>'
