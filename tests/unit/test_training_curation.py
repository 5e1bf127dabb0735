"""Which rows are used: nobody in two parts, nothing near the gate, one word on one answer."""

from collections import Counter
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from tests.curation_kit import pair, people, rounds, row, turns
from training.balance import class_weights, interleave
from training.curation import Curated, Rules, shortage
from training.preferences import PreferencePair, UnpairedPreference
from training.similarity import Protected, grams, normalise
from training.split import question_key, split_people


def ids(found: Any) -> set[str]:
    return {getattr(item, "row", item).completion_id for item in found}


def test_people_are_dealt_by_share_and_nobody_is_in_two_parts() -> None:
    dealt = split_people({f"p{n}": 12 for n in range(25)}, seed=1)
    assert Counter(dealt.values()) == {"train": 15, "judge": 5, "check": 5}
    assert dealt == split_people({f"p{n}": 12 for n in reversed(range(25))}, seed=1)
    assert dealt != split_people({f"p{n}": 12 for n in range(25)}, seed=2)


def test_every_part_gets_somebody_from_six_people_on() -> None:
    for seed in range(50):
        assert set(split_people({f"p{n}": 10 for n in range(6)}, seed=seed).values()) == {
            "train",
            "judge",
            "check",
        }


def test_one_heavy_voter_does_not_swell_a_part_that_is_full() -> None:
    for seed in range(20):
        votes = {"heavy": 100, **{f"p{n}": 10 for n in range(20)}}
        dealt = split_people(votes, seed=seed)
        sizes = Counter[str]()
        for person, part in dealt.items():
            sizes[part] += votes[person]
        assert sizes["train"] >= 150


def test_the_parts_of_a_round_share_no_person() -> None:
    found = rounds(people(25, 12))
    assert found.split_by == "person"
    assert found.people == {"train": 15, "judge": 5, "check": 5}
    parts = [
        {item.row.person for item in (*found.train, *found.heldout)},
        {r.person for r in found.judge},
        {r.person for r in found.check},
    ]
    assert len(set.union(*parts)) == sum(map(len, parts)) == 25


def test_few_people_are_split_by_question_and_it_is_said() -> None:
    found = rounds(people(2, 50))
    assert found.split_by == "question"
    train = {question_key(item.row) for item in (*found.train, *found.heldout)}
    assert not train & {question_key(r) for r in (*found.judge, *found.check)}
    assert found.judge
    assert found.check


def test_every_row_is_used_or_counted() -> None:
    rows = people(25, 12) + [row(900 + n, "person-3", question="Same?", text="x") for n in range(9)]
    found = rounds(rows)
    used = len(found.train) + len(found.heldout) + len(found.judge) + len(found.check)
    assert used + sum(found.left_out.values()) == len(rows)


def test_a_row_with_passages_is_used_twice_where_that_is_sound() -> None:
    rows = people(25, 12, passages=True)
    found = rounds(rows)
    forms = Counter(item.row.completion_id for item in (*found.train, *found.heldout))
    liked = {r.completion_id for r in rows if r.label}
    assert {id_ for id_, times in forms.items() if times == 2} == liked & set(forms)
    once = rounds([*people(25, 12, passages=True, by_heart=False)])
    assert {item.prompt[0]["content"][:8] for item in once.train} == {"Passages"}


def test_whole_questions_are_held_out_in_all_their_forms() -> None:
    found = rounds(people(25, 12, passages=True))
    held = {question_key(item.row) for item in found.heldout}
    assert held
    assert not held & {question_key(item.row) for item in found.train}
    assert len(found.heldout) == pytest.approx(0.15 * 270, abs=6)


@pytest.mark.parametrize(
    "asked",
    [
        "What is the waiting period of Travel Shield?",
        "what is the  WAITING period of travel shield",
        "Ｗhat is the waiting period of Travel Shield?",
    ],
)
def test_nothing_near_a_protected_question_is_trained_on(asked: str) -> None:
    rows = [*people(25, 12), row(999, "person-1", question=asked)]
    found = rounds(rows, protected=["What is the waiting period of Travel Shield?"])
    assert found.left_out["close to a protected question"] == 1
    everything = (*found.train, *found.heldout, *found.judge, *found.check)
    assert "id-00999" not in ids(everything)


def test_another_question_is_not_near() -> None:
    near = Protected(["What is the waiting period of Travel Shield?"], 0.8)
    assert not near("What is the deductible of Travel Shield?")
    assert not near("What is the waiting period of Home Guard?")
    assert not Protected([], 0.8)("anything")
    assert near("WHAT is the waiting period of Travel Shield")


def test_similarity_is_exactly_jaccards() -> None:
    random = Random(0)
    texts = ["".join(random.choice("ab ") for _ in range(14)) for _ in range(300)]
    protected = texts[:50]
    near = Protected(protected, 0.5)
    sets = [grams(normalise(text)) for text in protected]
    for text in texts:
        mine = grams(normalise(text))
        expected = any(len(mine & other) >= 0.5 * len(mine | other) for other in sets)
        assert near(text) == expected


def saying_the_same(rows: list[UnpairedPreference], part: str, labels: list[bool]) -> Curated:
    """Let as many people of one part as there are labels judge the very same answer."""
    before = rounds(rows)
    trained = (item.row for item in before.train if isinstance(item.row, UnpairedPreference))
    asked = {"train": trained, "judge": before.judge, "check": before.check}[part]
    first = {r.person: r for r in sorted(asked, key=lambda r: r.completion_id)}
    said = {"question": turns("Same?"), "prompt": turns("Same?"), "completion": turns("x", "a")}
    same = {
        r.completion_id: replace(r, label=label, **said)
        for r, label in zip(first.values(), labels, strict=False)
    }
    return rounds([same.get(r.completion_id, r) for r in rows])


def same(found: Any) -> list[bool]:
    rows = [getattr(item, "row", item) for item in found]
    return [r.label for r in rows if r.question[0]["content"] == "Same?"]


def test_the_majority_counts_once_and_a_draw_not_at_all() -> None:
    rows = people(25, 12)
    found = saying_the_same(rows, "train", [False, True, True])
    assert same((*found.train, *found.heldout)) == [True]
    assert found.left_out == {"duplicate": 1, "outvoted": 1}
    draw = saying_the_same(rows, "train", [False, True])
    assert same((*draw.train, *draw.heldout)) == []
    assert draw.left_out == {"people disagree": 2}


def test_judge_and_check_keep_every_vote() -> None:
    for part in ("judge", "check"):
        found = saying_the_same(people(25, 12), part, [False, True])
        assert len(found.judge) == len(found.check) == 60
        assert sorted(same(getattr(found, part))) == [False, True]
        assert found.left_out == {}


def test_a_thumb_says_more_than_a_comparison() -> None:
    rows = people(25, 12)
    again = row(0, "person-0", False, origin="comparison")
    found = rounds([again, *rows])
    assert found.left_out == {"said in another way too": 1}
    everything = [getattr(i, "row", i) for i in (*found.train, *found.heldout, *found.judge)]
    everything += found.check
    assert next(r for r in everything if r.completion_id == "id-00000").origin == "vote"


def test_one_person_does_not_fill_a_round() -> None:
    rows = people(25, 12)
    loud = sorted({item.row.person for item in rounds(rows).train})[0]
    many = [row(1000 + n, loud, n % 2 == 0) for n in range(500)]
    for seed in range(30):
        found = rounds(rows + many, seed=seed)
        if loud in {item.row.person for item in found.train}:
            break
    by_person = Counter(item.row.person for item in (*found.train, *found.heldout))
    before = sum(by_person.values()) + found.left_out["more than one person's share"]
    assert by_person[loud] <= 2 / found.people["train"] * before
    newest = [i.row.created for i in (*found.train, *found.heldout) if i.row.person == loud]
    assert min(newest) > 1000, "the newest are kept"


def test_a_round_takes_the_newest_rows() -> None:
    found = rounds(people(25, 12), rules=Rules(rows_max=50, judged_max=10))
    assert len(found.train) + len(found.heldout) == 50
    assert len(found.judge) == len(found.check) == 10
    assert found.left_out == {"older than the newest rows": 180 - 50 + 2 * 50}


def test_dpo_trains_on_pairs_and_still_judges_single_answers() -> None:
    pairs = tuple(pair(n, f"person-{n % 25}") for n in range(250))
    found = rounds(people(25, 4), method="dpo", pairs=pairs)
    assert all(isinstance(item.row, PreferencePair) for item in found.train)
    assert all(isinstance(r, UnpairedPreference) for r in found.judge)
    trained = {item.row.person for item in (*found.train, *found.heldout)}
    assert not trained & {r.person for r in (*found.judge, *found.check)}
    assert found.left_out["vote without a pair"] > 0
    assert shortage(found) is None


def test_pairs_on_which_people_disagree_are_settled_too() -> None:
    said = {"prompt": turns("Q?"), "question": turns("Q?")}
    turned = {"chosen": turns("bad", "assistant"), "rejected": turns("good", "assistant")}
    pairs = (pair(1, "a", **said), pair(2, "b", **said, **turned))
    found = rounds([], method="dpo", pairs=pairs, rules=Rules(shares=(1, 0, 0)))
    assert found.left_out == {"people disagree": 2}


def test_the_same_rows_give_the_same_round_in_any_order() -> None:
    rows = people(25, 12, passages=True)
    shuffled = rows[:]
    Random(3).shuffle(shuffled)
    assert rounds(rows) == rounds(shuffled)
    assert rounds(rows) != rounds(rows, seed=2)


def test_too_little_is_said_in_words() -> None:
    assert "training rows" in str(shortage(rounds(people(6, 2))))
    one_sided = [row(n, f"person-{n % 25}", True) for n in range(300)]
    assert "disliked" in str(shortage(rounds(one_sided)))
    assert shortage(rounds(people(25, 12))) is None


@pytest.mark.parametrize(("liked", "disliked"), [(60, 120), (100, 100), (300, 31), (7, 200)])
def test_class_weights_stay_in_ktos_bounds(liked: int, disliked: int) -> None:
    weights = class_weights(liked, disliked)
    assert 1 in weights, "only one side is changed"
    assert 1 <= weights.desirable * liked / (weights.undesirable * disliked) <= 4 / 3
    assert class_weights(0, 5) == (1, 1)


def ordered(rows: list[tuple[int, bool, bool]], seed: int = 0) -> list[tuple[int, bool, bool]]:
    return interleave(
        rows,
        label=lambda r: r[1],
        question=lambda r: str(r[0]),
        long=lambda r: r[2],
        batch=16,
        rng=Random(seed),
    )


def test_batches_are_mixed_of_one_length_and_ask_nothing_twice() -> None:
    random = Random(1)
    rows = [(n % 200, random.random() < 0.3, n % 2 == 0) for n in range(321)]
    found = ordered(rows)
    assert len(found) == 320, "a last batch of one is dropped"
    batches = [found[i : i + 16] for i in range(0, 320, 16)]
    of_one_length = [len({r[2] for r in batch}) == 1 for batch in batches]
    assert sum(of_one_length) >= 18
    share = sum(r[1] for r in found) / 320
    for batch in batches:
        assert len({r[0] for r in batch}) == 16
        assert abs(sum(r[1] for r in batch) - 16 * share) <= 3
    assert Counter(found) <= Counter(rows)
    assert ordered(rows) == found
    assert ordered(rows, seed=1) != found


def test_a_question_asked_by_everybody_is_spread_as_far_as_it_goes() -> None:
    found = ordered([(0, n % 2 == 0, False) for n in range(40)])
    assert len(found) == 40
    assert ordered([]) == []
    assert ordered([(0, True, True)]) == []
