"""Tables and charts are well-formed, safe and say what the evidence says."""

from dataclasses import replace
from xml.etree import ElementTree

import pytest

from eval.evidence import Asked, CandidateEvidence, Evidence, Paired, Preference, Rates
from eval.gate import decide
from eval.report import (
    check_rows,
    preference_rows,
    reference_chart,
    reference_rows,
    win_rate_chart,
)
from eval.stats import JudgeCheck

NASTY = '<script>alert("x")</script>&"'
CANDIDATE = CandidateEvidence(
    responder=NASTY,
    live="rag",
    baseline="rag",
    guards=(),
    level=0.02,
    judge=JudgeCheck(60, 50, 60, 50),
    reference={"rag": Paired(80, 5, 5, 10)},
    preference={"rag": Preference(30, 5, 3, 1, 1, "won")},
    asked={NASTY: Asked(140, 1, 0, NASTY)},
)
EVIDENCE = Evidence(
    live="rag",
    baseline="rag",
    suite_hash="abc",
    suite_size=100,
    reference_size=100,
    index_version=None,
    settings={},
    prompts=(),
    rates={NASTY: Rates(85, 100, 60, 90, 99, 100), "rag": Rates(85, 100), "base": Rates()},
    candidates={NASTY: CANDIDATE},
    started=0.0,
    seconds=1.0,
)


@pytest.mark.parametrize("chart", [win_rate_chart, reference_chart])
def test_charts_are_well_formed_and_escaped(chart: object) -> None:
    svg = chart(EVIDENCE)  # type: ignore[operator]
    root = ElementTree.fromstring(svg)
    assert root.tag.endswith("svg")
    assert "<script" not in svg
    assert "currentColor" in svg
    titles = [node.text for node in root.iter() if node.tag.endswith("title")]
    assert titles[0] is not None
    assert NASTY in titles[0]


@pytest.mark.parametrize(
    ("seen", "colour"),
    [(Preference(30, 5), "#3b82c4"), (Preference(5, 30), "#c2701c"), (Preference(6, 5), "#808080")],
)
def test_the_colour_says_which_side_of_the_middle_the_interval_is(
    seen: Preference, colour: str
) -> None:
    candidate = replace(CANDIDATE, preference={"rag": seen})
    assert colour in win_rate_chart(replace(EVIDENCE, candidates={NASTY: candidate}))


def test_a_chart_of_nothing_says_so() -> None:
    empty = replace(EVIDENCE, candidates={})
    assert "Nothing was compared." in win_rate_chart(empty)
    assert preference_rows(empty) == []


def test_rows_hold_the_figures() -> None:
    assert preference_rows(EVIDENCE) == [[NASTY, "rag", "30", "5", "3", "2", "won"]]
    assert reference_rows(EVIDENCE)[0] == [NASTY, "85 of 100", "60 of 90", "99 of 100"]
    rows = check_rows(decide(CANDIDATE))
    assert {row[1] for row in rows} == {"passed", "open"}
    assert rows[0][0] == "new"
