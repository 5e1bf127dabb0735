"""Drawings of intervals are well-formed whatever the labels are."""

from xml.etree import ElementTree

import pytest

from serving.ui.charts import (
    SHARES,
    IntervalRow,
    Scale,
    difference_scale,
    interval_chart,
)

NASTY = "<script>\"'&amp;"


def test_a_chart_is_well_formed_and_says_every_figure() -> None:
    rows = [IntervalRow(NASTY, 0.7, 0.6, 0.8, "70 % (60 to 80 %)", "good")]
    chart = interval_chart(rows, SHARES, NASTY)
    tree = ElementTree.fromstring(chart)
    assert "<script>" not in chart
    track = tree.find(".//svg[@role='img']")
    assert track is not None
    assert track.attrib["aria-label"] == f"{NASTY}: 70 % (60 to 80 %)"
    assert "70 % (60 to 80 %)" in "".join(tree.itertext())


def test_nothing_is_drawn_without_rows() -> None:
    assert interval_chart([], SHARES, "title") == ""


def test_places_stay_inside_the_track() -> None:
    assert Scale(-1, 1, ()).place(5) == 100.0
    assert Scale(-1, 1, ()).place(-5) == 0.0


@pytest.mark.parametrize(("low", "high"), [(-0.02, 0.06), (-0.4, 0.1), (-1.0, 1.0), (0.0, 0.0)])
def test_the_axis_of_differences_is_symmetric_and_holds_every_row(low: float, high: float) -> None:
    scale = difference_scale([IntervalRow("a", (low + high) / 2, low, high, "")])
    assert scale.low == -scale.high
    assert scale.low <= low <= high <= scale.high
    assert 3 <= len(scale.ticks) <= 9
