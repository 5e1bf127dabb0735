"""People and questions are in one part each, and as little as possible is lost between them."""

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.curation_kit import people, row
from training.places import owners, places
from training.preferences import UnpairedPreference
from training.split import PARTS, Part, question_key, split_people

SHARES = (0.6, 0.2, 0.2)


def site(seed: int, votes: int = 600) -> list[UnpairedPreference]:
    """Return votes on twenty questions that everybody asks, a few of them most."""
    rng = Random(seed)
    often = [1 / (n + 1) for n in range(20)]
    asked = rng.choices(range(20), often, k=votes)
    return [row(n, f"p{rng.randrange(200)}", question=f"Number {q}?") for n, q in enumerate(asked)]


def by_person_alone(rows: list[UnpairedPreference], seed: int) -> int:
    """Return what is kept where nobody moves."""
    person = split_people(Counter(r.person for r in rows), SHARES, seed=seed)
    asked = Counter((r.person, question_key(r)) for r in rows)
    owner = owners(asked, person, SHARES)
    return sum(person[r.person] == owner[question_key(r)] for r in rows)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_where_everybody_asks_the_same_a_third_more_is_kept(seed: int) -> None:
    rows = site(seed)
    part_of, _ = places(rows, question_key, SHARES, seed)
    kept = Counter(part for r in rows if (part := part_of(r)))
    assert kept.total() > 1.25 * by_person_alone(rows, seed)
    assert kept.total() > 0.68 * len(rows)
    assert min(kept["judge"], kept["check"]) > 0.06 * len(rows)


def test_where_nobody_asks_the_same_nobody_moves() -> None:
    rows = people(25, 12)
    part_of, split_by = places(rows, question_key, SHARES, 1)
    dealt = split_people(Counter(r.person for r in rows), SHARES, seed=1)
    assert split_by == "person"
    assert all(part_of(r) == dealt[r.person] for r in rows)


def test_a_question_stays_where_it_was_asked_most_and_no_part_starves() -> None:
    part: dict[str, Part] = {f"p{n}": PARTS[0 if n < 6 else 1 if n < 8 else 2] for n in range(10)}
    asked = Counter({(f"p{n}", f"all ask {q}"): 1 for n in range(10) for q in range(50)})
    asked["p9", "mine"] = 3
    found = owners(asked, part, SHARES)
    assert found["mine"] == "check"
    counts = Counter(found.values())
    assert counts["train"] > counts["judge"] > 0
    assert counts["check"] > 0


@given(
    st.lists(st.tuples(st.integers(0, 11), st.integers(0, 9)), min_size=1, max_size=80),
    st.integers(0, 5),
)
def test_nobody_and_no_question_is_in_two_parts(said: list[tuple[int, int]], seed: int) -> None:
    rows = [row(n, f"p{who}", question=f"Q{what}") for n, (who, what) in enumerate(said)]
    part_of, split_by = places(rows, question_key, SHARES, seed)
    parts = [(r.person, question_key(r), part) for r in rows if (part := part_of(r))]
    questions = {question for _, question, _ in parts}
    assert len({(question, part) for _, question, part in parts}) == len(questions)
    if split_by == "person":
        names = {name for name, _, _ in parts}
        assert len({(name, part) for name, _, part in parts}) == len(names)
    turned = [part_of(r) for r in reversed(rows)]
    again = places(rows[::-1], question_key, SHARES, seed).part_of
    assert [again(r) for r in reversed(rows)] == turned
