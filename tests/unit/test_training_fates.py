"""Everything that a round looked at has one fate, in a word that the API documents."""

import re
from collections import Counter
from pathlib import Path

from feedback.uses import OLDER
from training import curation, forms, preferences, reviewed, served, shares, trust
from training.curation import Curated, Rules, curate
from training.fates import HELD_OUT, REASONS, fates
from training.forms import TrainRow
from training.preferences import PreferencePair, Preferences, UnpairedPreference
from training.served import Turns

ROOT = Path(__file__).parents[2]


def turns(text: str, role: str = "user") -> Turns:
    return ({"role": role, "content": text},)


def row(number: int, person: str, liked: bool = True, origin: str = "vote") -> UnpairedPreference:
    question = turns(f"What about question number {number}?")
    return UnpairedPreference(
        question, turns(f"Answer {number}", "assistant"), liked, person, f"id-{number}",
        origin, float(number), question, by_heart=True,  # type: ignore[arg-type]
    )  # fmt: skip


def pair(number: int, person: str) -> PreferencePair:
    asked = turns(f"Question {number}?")
    return PreferencePair(
        asked, turns("good", "assistant"), turns("bad", "assistant"), person,
        f"good-{number}", f"bad-{number}", "comparison", float(number), asked, by_heart=True,
    )  # fmt: skip


def people(count: int, each: int) -> tuple[UnpairedPreference, ...]:
    return tuple(
        row(p * each + n, f"person-{p}", n % 2 == 0) for p in range(count) for n in range(each)
    )


def test_every_row_of_a_round_has_one_fate() -> None:
    known = Preferences(people(25, 12), (), {"tie": 1}, {("comparison", "x"): "tie"})
    found = curate(known, method="kto", seed=1)
    told = list(fates(found))
    assert len({(fate.kind, fate.completion_id) for fate in told}) == len(told) == 301
    roles = Counter(fate.role for fate in told)
    assert roles["train"] == len(found.train)
    assert (roles["judge"], roles["check"]) == (len(found.judge), len(found.check))
    held = [fate for fate in told if fate.reason == HELD_OUT]
    assert len(held) == len(found.heldout) > 0
    assert ("comparison", "x", "left_out", "tie") in told


def test_what_is_left_out_has_a_reason() -> None:
    again = row(0, "person-0", origin="comparison")
    rules = Rules(rows_max=50, judged_max=10)
    found = curate(
        Preferences((again, *people(25, 12)), (), {}),
        method="kto", seed=1, rules=rules, protected=["What about question number 299?"],
    )  # fmt: skip
    reasons = Counter(fate.reason for fate in fates(found) if fate.role == "left_out")
    assert reasons["repeated"] == 1
    assert reasons["protected"] > 0
    assert reasons["older"] > 100
    assert "" not in reasons


def test_with_pairs_both_sides_are_told_and_votes_wait_for_a_cycle_without() -> None:
    pairs = tuple(pair(n, f"person-{n % 25}") for n in range(250))
    found = curate(Preferences(people(25, 4), pairs, {}), method="dpo", seed=1)
    told = {(fate.kind, fate.completion_id): fate for fate in fates(found)}
    form = found.train[0].row
    assert isinstance(form, PreferencePair)
    for side in (form.chosen_id, form.rejected_id):
        assert told["comparison", side].role == "train"
    reasons = {fate.reason for (kind, _), fate in told.items() if kind == "vote"}
    assert "unpaired" in reasons


def test_a_use_counts_for_more_than_a_form_that_was_left_out() -> None:
    only = row(1, "ada")
    found = Curated(
        method="kto", train=(TrainRow(only.prompt, only),), heldout=(), judge=(), check=(),
        left_out={}, split_by="person", people={}, seed=1,
        reasons={("vote", "id-1"): "duplicate"},
    )  # fmt: skip
    (fate,) = fates(found)
    assert (fate.role, fate.reason) == ("train", "")


def test_every_reason_has_a_word_that_the_api_documents() -> None:
    used: set[str] = set()
    for module in (curation, forms, preferences, reviewed, served, shares, trust):
        text = Path(str(module.__file__)).read_text(encoding="utf-8")
        used |= set(re.findall(r"(?:add|count)\(\s*\"([^\"]+)\"", text))
        used |= set(re.findall(r"return \"([a-z ]+)\"\n", text))
        used |= set(re.findall(r"\"(blocked by [a-z ]+|vote[a-z]* [a-z ']+)\"", text))
    used.add(reviewed.EXCLUDED)
    unread = {"older than the newest read"}  # nothing is known of what was not read
    assert used - unread <= REASONS.keys()
    documented = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    words = {*REASONS.values(), HELD_OUT, OLDER}
    assert [word for word in sorted(words) if f"`{word}`" not in documented] == []
