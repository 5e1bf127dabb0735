"""The rate of turned choices is estimated from repeats, and DPO's smoothing follows it."""

from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from tests.curation_kit import pair, people, rounds
from training.dataset import measured, write_dataset
from training.flips import FEWEST, MOST, Flips, flips
from training.preferences import PreferencePair


def shown(number: int, turned: bool, again: int = 0) -> PreferencePair:
    """Return a pair as it was decided; shown again it has another time stamp."""
    first = pair(number, f"person-{number % 25}", created=number + again * 10_000.0)
    if not turned:
        return first
    return replace(
        first, chosen=first.rejected, rejected=first.chosen,
        chosen_id=first.rejected_id, rejected_id=first.chosen_id,
    )  # fmt: skip


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.25])
def test_the_estimate_finds_the_rate_that_choices_are_turned_with(rate: float) -> None:
    rng = Random(1)
    said = [
        shown(number, rng.random() < rate, again) for number in range(4_000) for again in range(2)
    ]
    found = flips(rng.sample(said, len(said)))
    assert found.repeats == 4_000
    assert found.rate is not None
    assert found.rate.low - 1e-9 <= rate <= found.rate.high
    assert found.label_smoothing == pytest.approx(rate, abs=0.02)


def test_other_people_questions_and_answers_are_no_repeats() -> None:
    one = pair(1, "ada")
    others = [
        replace(one, person="bob"),
        replace(one, question=pair(2).question),
        replace(one, rejected=({"role": "assistant", "content": "worse"},)),
        replace(one, origin="ranking"),
    ]
    assert flips([one, *others]) == Flips(0, 0)
    assert flips([one, replace(one, created=9.0)]) == Flips(1, 0)


def test_too_few_repeats_smooth_nothing_and_too_many_turns_are_bounded() -> None:
    assert Flips(0, 0).rate is None
    assert Flips(FEWEST - 1, 10).label_smoothing == 0.0
    assert Flips(FEWEST, 0).label_smoothing == 0.0
    assert 0 < Flips(FEWEST, 2).label_smoothing < 0.1
    assert Flips(100, 90).label_smoothing == MOST


def test_the_manifest_keeps_it_and_a_dpo_job_gets_it(tmp_path: Path) -> None:
    pairs = tuple(
        shown(number, turned=again == 1 and number % 4 == 0, again=again)
        for number in range(250)
        for again in range(2)
    )
    found = rounds(people(25, 4), method="dpo", pairs=pairs)
    assert found.flips.repeats > FEWEST
    assert 0.05 < found.flips.label_smoothing < 0.2
    path = write_dataset(tmp_path, found, {}).path
    assert measured(path, "dpo") == {"label_smoothing": found.flips.label_smoothing}
    assert measured(path, "kto") == {}
    # A choice that was turned is none; the same one twice counts once.
    trained = {form.row.created % 10_000 for form in (*found.train, *found.heldout)}
    assert len(trained) == len(found.train) + len(found.heldout)
    assert not {created for created in trained if created % 4 == 0}
