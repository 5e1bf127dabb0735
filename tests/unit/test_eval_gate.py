"""The decision as a pure function: what each check says, and that no doubt ever becomes a yes."""

import itertools
import math
from dataclasses import replace

import pytest

from eval.evidence import Asked, CandidateEvidence, Paired, Preference
from eval.gate import Decision, GateRules, choose, decide
from eval.stats import JudgeCheck, error_levels

JUDGE = JudgeCheck(liked=60, liked_right=54, disliked=60, disliked_right=54)
EQUAL = Paired(both=420, only_candidate=8, only_opponent=8, neither=4)
WON = Preference(wins=40, losses=8, ties=6, ended="won")
GOOD = CandidateEvidence(
    responder="ratchet-0002",
    live="ratchet-0001",
    baseline="rag",
    guards=("base",),
    level=error_levels([], 0.05)[0],
    judge=JUDGE,
    reference={"ratchet-0001": EQUAL, "rag": EQUAL, "base": EQUAL},
    preference={"ratchet-0001": WON, "rag": WON},
    asked={"ratchet-0002": Asked(494, 3), "rag": Asked(54, 0), "base": Asked()},
)


def checks(decision: Decision) -> dict[str, bool | None]:
    return {check.name: check.passed for check in decision.checks}


def test_all_checks_passed_promotes() -> None:
    decision = decide(GOOD)
    assert decision.decision == "promote"
    assert decision.reason == "It passed every check."
    assert decision.spent
    assert checks(decision) == dict.fromkeys(
        [
            "new", "suite", "service", "judge", "preferred to ratchet-0001", "preferred to rag",
            "as often right as ratchet-0001", "as often right as rag", "as often right as base",
        ],
        True,
    )  # fmt: skip
    assert all(check.reason.endswith(".") for check in decision.checks)


def test_live_is_met_once_where_it_is_the_baseline() -> None:
    names = list(checks(decide(replace(GOOD, live="rag"))))
    assert names.count("preferred to rag") == names.count("as often right as rag") == 1


LOST = Preference(wins=8, losses=40, ties=6, ended="lost")
OPEN = Preference(wins=20, losses=14, ties=6, ended="exhausted")
LOWER = Paired(both=330, only_candidate=4, only_opponent=80, neither=26)
UNSURE = Paired(both=380, only_candidate=12, only_opponent=28, neither=20)
BREAKS: dict[str, tuple[dict[str, object], str, str]] = {
    "is live": ({"live": "ratchet-0002"}, "reject", "nothing to promote"),
    "is the baseline": ({"baseline": "ratchet-0002"}, "reject", "nothing to promote"),
    "no reference": ({"reference": {}}, "pending", "add questions"),
    "empty reference": ({"reference": {"rag": Paired(0, 0, 0, 0)}}, "pending", "add questions"),
    "one reference missing": (
        {"reference": {"rag": EQUAL, "base": EQUAL}}, "pending", "No reference question",
    ),
    "half failed": ({"asked": {"ratchet-0002": Asked(400, 200, 0, "boom")}}, "pending", "50 %"),
    "opponent failed": ({"asked": {"rag": Asked(400, 30, 0, "boom")}}, "pending", "to rag failed"),
    "stranger": (
        {"asked": {"ratchet-0002": Asked(400, 1, 1, "rag answered")}}, "pending", "rag answered",
    ),
    "no judge": ({"judge": None}, "pending", "no judge"),
    "constant judge": ({"judge": JudgeCheck(60, 60, 60, 0)}, "pending", "nothing can win"),
    "reversed judge": ({"judge": JudgeCheck(60, 6, 60, 6)}, "pending", "nothing can win"),
    "one kind of vote": ({"judge": JudgeCheck(60, 60, 0, 0)}, "pending", "nothing can win"),
    "unscored": (
        {"preference": {"rag": WON, "ratchet-0001": replace(WON, unscored=20)}},
        "pending", "no usable score",
    ),
    "nothing compared": ({"preference": {}}, "pending", "not asked"),
    "one opponent missing": ({"preference": {"rag": WON}}, "pending", "ratchet-0001 is open"),
    "failed pairs only": (
        {"preference": {"rag": WON, "ratchet-0001": Preference(failed=24, ended="failing")}},
        "pending", "Of 0 decided",
    ),
    "lost to live": ({"preference": {"rag": WON, "ratchet-0001": LOST}}, "reject", "is preferred"),
    "lost to the baseline": (
        {"preference": {"rag": LOST, "ratchet-0001": WON}}, "reject", "rag is preferred",
    ),
    "too little evidence": (
        {"preference": {"rag": OPEN, "ratchet-0001": WON}}, "pending", "more would decide",
    ),
    "no advantage": (
        {"preference": {"rag": Preference(17, 17), "ratchet-0001": WON}},
        "pending", "no advantage is in sight",
    ),
    "surely less right": (
        {"reference": {**GOOD.reference, "base": LOWER}}, "reject", "lower by more than 5 points",
    ),
    "perhaps less right": (
        {"reference": {**GOOD.reference, "rag": UNSURE}}, "pending", "too few to rule out",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BREAKS)
def test_each_way_to_break_it_is_no_yes(name: str) -> None:
    changes, verdict, word = BREAKS[name]
    decision = decide(replace(GOOD, **changes))  # type: ignore[arg-type]
    assert decision.decision == verdict
    assert word in decision.reason


@pytest.mark.parametrize(("first", "second"), [*itertools.combinations(BREAKS, 2)])
def test_two_breaks_do_not_make_a_yes(first: str, second: str) -> None:
    broken = replace(GOOD, **{**BREAKS[first][0], **BREAKS[second][0]})  # type: ignore[arg-type]
    assert decide(broken).decision != "promote"


@pytest.mark.parametrize("doubt", ["half failed", "stranger", "no reference"])
@pytest.mark.parametrize("loss", ["lost to live", "lost to the baseline"])
def test_doubtful_evidence_does_not_reject_either(doubt: str, loss: str) -> None:
    broken = replace(GOOD, **{**BREAKS[loss][0], **BREAKS[doubt][0]})  # type: ignore[arg-type]
    assert decide(broken).decision == "pending"


def test_an_unusable_judge_cannot_reject() -> None:
    broken = replace(GOOD, judge=JudgeCheck(60, 6, 60, 6), preference={"rag": LOST})
    assert decide(broken).decision == "pending"


@pytest.mark.parametrize("level", [0.0, -1.0, 0.06, 1.0, math.inf, math.nan])
def test_a_level_that_no_history_gives_is_refused(level: float) -> None:
    with pytest.raises(ValueError, match="ratchet-0002: the level"):
        decide(replace(GOOD, level=level))


def test_more_proof_is_needed_the_more_gates_came_before() -> None:
    late = error_levels([False] * 200, 0.05)[0]
    barely = Preference(wins=30, losses=10)
    early = replace(GOOD, preference={"rag": barely, "ratchet-0001": barely})
    assert decide(early).decision == "promote"
    assert decide(replace(early, level=late)).decision == "pending"


def test_the_rules_are_obeyed() -> None:
    strict = GateRules(judge_floor=0.9)
    assert checks(decide(GOOD, strict))["judge"] is None
    assert checks(decide(GOOD, GateRules(reference_margin=0.001)))["as often right as rag"] is None
    assert checks(decide(GOOD, GateRules(max_failed_share=0.001)))["service"] is None


def test_nothing_is_spent_where_nothing_was_compared() -> None:
    assert not decide(replace(GOOD, preference={"rag": Preference()})).spent


def test_the_choice_prefers_no_retrieval_among_those_that_passed() -> None:
    passed = decide(GOOD)
    with_rag = replace(passed, responder="ratchet-0002+rag")
    waiting = replace(passed, decision="pending")
    assert choose([with_rag, passed]) == "ratchet-0002"
    assert choose([with_rag, waiting]) == "ratchet-0002+rag"
    assert choose([waiting]) is None
    assert choose([]) is None
