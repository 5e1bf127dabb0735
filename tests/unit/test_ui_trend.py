"""Rates over time are drawn where they lie, well-formed whatever their labels are."""

from xml.etree import ElementTree

import pytest

from serving.ui.trend import DEEP, TOP, Point, Series, short, trend_chart

NASTY = "<script>\"'&amp;"


def chart(*points: Point, spans: int = 4) -> ElementTree.Element:
    return ElementTree.fromstring(
        trend_chart(Series(NASTY, NASTY, points), spans, ("2026-01-01", NASTY))
    )


def test_points_lie_where_their_rate_and_span_are() -> None:
    tree = chart(Point(0, 1.0, 0.5, 1.0, 7, "one"), Point(3, 0.0, 0.0, 0.5, 1234, NASTY))
    dots = [(dot.get("cx"), float(str(dot.get("cy")))) for dot in tree.iter("circle")]
    assert dots == [("12.5%", TOP), ("87.5%", TOP + DEEP)]
    bars = [line for line in tree.iter("line") if line.get("class") == "interval"]
    assert (bars[0].get("y1"), bars[0].get("y2")) == (str(TOP + 0.0), str(TOP + DEEP / 2))
    written = "".join(tree.itertext())
    assert "7" in written
    assert "1.2k" in written
    assert NASTY in written


def test_spans_without_a_vote_break_the_way() -> None:
    points = [Point(n, 0.5, 0.4, 0.6, 9, "") for n in (0, 1, 3)]
    ways = [line for line in chart(*points).iter("line") if line.get("class") == "way"]
    assert [(way.get("x1"), way.get("x2")) for way in ways] == [("12.5%", "37.5%")]


@pytest.mark.parametrize(
    ("count", "written"),
    [(0, "0"), (999, "999"), (1_000, "1.0k"), (12_345, "12k"), (999_999, "999k"), (2e6, "2.0M")],
)
def test_counts_are_short(count: float, written: str) -> None:
    assert short(int(count)) == written
