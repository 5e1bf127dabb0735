"""Whose votes are set aside, and that nobody has more than a share."""

from collections import Counter
from random import Random

import pytest

from benchmarks.trust import measure, simulated
from tests.curation_kit import pair, people, rounds, row
from training.agreement import agreements, share
from training.curation import Rules
from training.preferences import UnpairedPreference
from training.shares import ShareRules, level, thinned, within_share
from training.trust import TrustRules, doubts
from training.voters import as_json, lines

RULES = TrustRules()


def aside(rows: list[UnpairedPreference]) -> dict[str, set[str]]:
    found = doubts(rows, RULES)
    return {
        reason: {r.person for r in rows if found.about(r) == reason}
        for r in rows
        if (reason := found.about(r))
    }


@pytest.mark.parametrize("seed", range(200))
def test_nobody_has_more_than_a_share_and_nothing_is_cut_without_need(seed: int) -> None:
    rng = Random(seed)
    weights = sorted(
        (rng.choice((1, 2, 5, 40, 300)) for _ in range(rng.randint(1, 30))), reverse=True
    )
    share = max(rng.choice((0.01, 0.05, 0.3)), 2 / len(weights))
    most = level(weights, share)
    total = sum(min(w, most) for w in weights)
    assert most <= share * total + 1e-9 or most >= weights[0]
    if most < weights[0]:
        more = most * 1.01
        assert more > share * sum(min(w, more) for w in weights)
        assert most >= 1, "everybody may say something"


def test_the_first_rows_win_and_a_row_in_two_forms_weighs_two() -> None:
    rows = [row(n, "loud") for n in range(100)] + [row(n, f"p{n}") for n in range(100, 150)]
    kept, cut = within_share(rows, lambda r: r.person, lambda r: 2, 0.05)
    loud = [r for r in kept if r.person == "loud"]
    assert loud == rows[: len(loud)]
    assert len(loud) / len(kept) <= 0.05
    assert (len(loud) + 1) / (len(kept) + 1) > 0.05
    assert len(kept) + len(cut) == len(rows)


def test_nothing_is_set_aside_where_people_vote_as_people_do() -> None:
    assert aside(people(25, 12)) == {}


def test_a_burst_is_set_aside_and_the_rest_of_the_person_is_not() -> None:
    fast = [row(n, "bot", n % 2 == 0, created=1000 + n * 0.2, on_page=True) for n in range(40)]
    slow = [row(100 + n, "bot", n % 2 == 0, on_page=True) for n in range(30)]
    assert {id(r) for r in [*fast, *slow] if doubts([*fast, *slow], RULES).about(r)} == {
        id(r) for r in fast
    }
    alike = [row(n, "import", n % 2 == 0, created=5.0, on_page=True) for n in range(500)]
    assert aside(alike) == {}, "one stamp is one judgement"


def test_a_backend_that_passes_on_its_days_votes_is_no_burst() -> None:
    synced = [row(n, "ada", n % 2 == 0, created=1000 + n * 0.01) for n in range(200)]
    assert aside(synced) == {}


def test_a_vote_faster_than_reading_is_set_aside_where_time_is_known() -> None:
    text = "long " * 200
    votes = [row(1, took=1.0, text=text), row(2, took=30.0, text=text), row(3, text=text)]
    assert [doubts(votes, RULES).about(r) for r in votes] == [
        "voted faster than reading",
        None,
        None,
    ]


def test_one_way_voters_are_set_aside_unless_everybody_is_like_them() -> None:
    rows = people(20, 12) + [row(900 + n, "fan", True) for n in range(15)]
    assert aside(rows) == {"votes all one way": {"fan"}}
    assert aside(people(20, 12) + [row(900 + n, "fan", True) for n in range(6)]) == {}
    assert aside([row(n, f"p{n % 20}", True) for n in range(400)]) == {}


def test_who_votes_the_opposite_is_found_without_their_own_votes() -> None:
    rows, hostile = simulated(1, votes=600, users=30, share=0.2)
    found = agreements(rows)
    assert found.of.keys() == {r.person for r in rows}
    assert found.contrary == hostile
    assert min(found.of[p].estimate for p in found.of.keys() - hostile) > 0.5
    assert agreements(Random(1).sample(rows, len(rows))) == found


def test_coin_flips_accuse_nobody() -> None:
    rng = Random(2)
    for _ in range(10):
        rows = [
            row(n, f"p{n % 20}", rng.random() < 0.5, text=f"{rng.choice('abc')} x")
            for n in range(400)
        ]
        assert not agreements(rows).contrary
    few = agreements([row(n, f"p{n % 3}", n % 2 == 0) for n in range(90)])
    assert (few.of, few.contrary) == ({}, frozenset())


def flippers(seed: int) -> list[UnpairedPreference]:
    """Thirty people of one taste with one slip in twenty, of whom three flip a coin."""
    rng = Random(seed)
    rows = []
    for n in range(1_200):
        good, person = rng.random() < 0.5, n % 30
        liked = rng.random() < 0.5 if person < 3 else good != (rng.random() < 0.05)
        rows.append(row(n, f"p{person}", liked, text=f"{'exact' if good else 'vague'} words {n}"))
    return rows


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_who_flips_a_coin_weighs_little_and_others_weigh_all(seed: int) -> None:
    found = agreements(flippers(seed))
    weights = {f"p{n}": found.weight(f"p{n}") for n in range(30)}
    assert max(weights[f"p{n}"] for n in range(3)) < 0.7
    assert sum(weights[f"p{n}"] for n in range(3, 30)) > 26.5
    assert found.weight("a stranger") == 1.0
    assert agreements(people(2, 20)).weight("person-0") == 1.0


def test_two_camps_are_two_tastes() -> None:
    rows, hostile = simulated(1, votes=1_500, users=60, share=0.4)
    found = agreements(rows)
    assert not found.contrary
    assert {found.weight(person) for person in hostile} == {1.0}


def test_as_many_rows_are_drawn_as_a_word_is_worth_whatever_their_order() -> None:
    rows = [*people(3, 20), row(500, "rare")]
    worth = {"person-0": 1.0, "person-1": 0.51, "person-2": 0.0, "rare": 0.2}
    kept, out = thinned(rows, worth.__getitem__)
    assert Counter(r.person for r in kept) == {
        "person-0": 20, "person-1": 11, "person-2": 1, "rare": 1
    }  # fmt: skip
    assert sorted(map(id, [*kept, *out])) == sorted(map(id, rows))
    again, _ = thinned(rows[::-1], worth.__getitem__)
    assert again == kept[::-1]
    newest = sorted(r.created for r in rows if r.person == "person-1")[9:]
    assert {r.created for r in kept if r.person == "person-1"} != set(newest)


def test_what_is_not_drawn_is_counted_and_its_voter_reported() -> None:
    found = rounds(flippers(1), rules=Rules(shares=(1, 0, 0), most=ShareRules(1, 1, 1)))
    flips = [voter for voter in found.voters if voter.person in ("p0", "p1", "p2")]
    assert all(voter.weight < 0.7 and voter.capped >= 12 for voter in flips)
    assert found.left_out["votes that others share less"] == sum(v.capped for v in found.voters)
    assert any("weighs" in line for line in lines(as_json(found.voters, named=True)))


def test_a_stern_person_of_the_common_taste_is_not_contrary() -> None:
    rng = Random(3)
    rows = []
    for n in range(600):
        good = rng.random() < (0.05 if n % 20 == 0 else 0.6)
        rows.append(row(n, f"p{n % 20}", good, text=f"{'exact' if good else 'vague'} words {n}"))
    assert aside(rows).get("votes against everybody else's") is None


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_fifth_of_adversaries_teaches_at_most_half_of_its_share(seed: int) -> None:
    found = measure(seed, votes=300, users=25, share=0.2)
    assert found.of > 0
    assert found.rows <= found.votes / 2
    assert found.wrongly == 0
    assert found.lost < 0.02
    assert len(found.names) == found.found


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_who_only_flips_a_coin_teaches_less_than_their_votes(seed: int) -> None:
    found = measure(seed, votes=1_500, users=60, share=0.2, coin=True)
    assert found.rows < 0.65 * found.votes
    assert found.wrongly == 0
    assert found.lost < 0.02


def test_what_is_set_aside_is_counted_and_its_voter_reported() -> None:
    rows = people(25, 12) + [row(900 + n, f"fan-{n // 20}", True) for n in range(60)]
    found = rounds(rows)
    used = len(found.train) + len(found.heldout) + len(found.judge) + len(found.check)
    assert used + sum(found.left_out.values()) == len(rows)
    fans = [voter for voter in found.voters if voter.person.startswith("fan")]
    assert fans
    for fan in fans:
        assert (fan.trained, fan.share, fan.set_aside) == (0, 0.0, 20)
        assert fan.reason == "votes all one way"
    assert sum(voter.share for voter in found.voters) == pytest.approx(1.0)
    assert found.left_out["votes all one way"] == 20 * len(fans)


def test_who_votes_one_way_still_has_a_word_in_comparisons_and_corrections() -> None:
    votes = [row(900 + n, "fan", True) for n in range(15)]
    others = [row(950 + n, "fan", n % 2 == 0, origin="comparison") for n in range(4)]
    rows = [*people(20, 12), *votes, *others]
    found = doubts(rows, RULES)
    assert {id(r) for r in rows if found.about(r)} == {id(r) for r in votes}


def test_who_corrects_what_they_dislike_is_not_one_way() -> None:
    disliked = [row(900 + n, "stern", False) for n in range(15)]
    corrected = [row(900 + n, "stern", True, origin="correction", text="Yes") for n in range(15)]
    assert aside([*people(20, 12), *disliked]) == {"votes all one way": {"stern"}}
    assert aside([*people(20, 12), *disliked, *corrected]) == {}


def test_pairs_of_who_votes_one_way_are_used() -> None:
    answers = people(25, 4) + [row(900 + n, "fan", True) for n in range(20)]
    pairs = tuple(pair(n, "fan" if n < 20 else f"person-{n % 25}") for n in range(250))
    trained = set()
    for seed in range(6):
        found = rounds(answers, method="dpo", pairs=pairs, seed=seed)
        assert {voter.reason for voter in found.voters} == {None}
        trained |= {form.row.person for form in (*found.train, *found.heldout)}
    assert "fan" in trained


def test_one_question_does_not_fill_a_round() -> None:
    rows = people(25, 12)
    first = {form.row.person for form in rounds(rows).train}
    same = [
        row(5_000 + n, person, n % 2 == 0, question="The same as everybody?", text=f"a{n}")
        for n, person in enumerate(sorted(first) * 20)
    ]
    found = rounds([*rows, *same])
    asked = [f.row.question[0]["content"] for f in (*found.train, *found.heldout)]
    assert found.left_out["more than one question's share"] > 100
    assert asked.count("The same as everybody?") <= 0.06 * len(asked)


def test_the_kept_report_names_nobody_and_the_shown_one_says_all() -> None:
    found = rounds(people(25, 12) + [row(900 + n, f"fan-{n // 20}", True) for n in range(60)])
    assert "person-" not in str(as_json(found.voters, named=False))
    report = as_json(found.voters, named=True)
    shown = "\n".join(lines(report, most=2))
    assert "set aside: votes all one way" in shown
    assert len(shown.splitlines()) < len(report)
    assert share(0, 10).low == 0.0
    assert share(10, 10).estimate == 1.0


def test_a_hundred_cookies_of_one_address_block_have_one_share() -> None:
    honest = people(30, 10)
    farm = [row(5_000 + n, f"web-{n % 100}", n % 2 == 0, block="b1") for n in range(300)]
    alone = [row(9_000 + n, f"home-{n}", n % 2 == 0, block=f"h{n}") for n in range(30)]
    rows = [*honest, *farm, *alone]
    found = rounds(rows, rules=Rules(shares=(1, 0, 0)))
    used = [form.row for form in (*found.train, *found.heldout)]
    mine = sum(r.block == "b1" for r in used)
    assert 0 < mine <= 0.051 * (len(used) + 2)
    assert found.left_out["more than one address block's share"] == 300 - mine
    assert sum(r.person.startswith("home") for r in used) == 30
    free = rounds(rows, rules=Rules(shares=(1, 0, 0), most=ShareRules(block=1)))
    assert "more than one address block's share" not in free.left_out
