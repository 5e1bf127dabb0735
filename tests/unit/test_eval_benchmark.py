"""The benchmark of the gate in small: its claims hold, and writing a section harms no other."""

from pathlib import Path

import pytest

from benchmarks.gate import Truth, e_lond, naive_rate, rate_of, sequences, single_gates
from benchmarks.results import machine, table, write_section


def test_a_candidate_without_an_advantage_is_rarely_promoted() -> None:
    # Equal to live, and so much better than the baseline that only one comparison can hold it.
    assert rate_of(Truth(0.5, 0.85), 0.05, runs=120, seed=1) <= 0.05 + 3 * 0.02


def test_a_much_better_candidate_is_usually_promoted() -> None:
    assert rate_of(Truth(0.85, 0.85), 0.0245, runs=60, seed=1) >= 0.7


def test_a_candidate_that_is_less_often_right_is_not_promoted_for_its_style() -> None:
    assert rate_of(Truth(0.85, 0.85, -0.1, 0.2), 0.05, runs=40, seed=1) == 0


def test_peeking_promotes_noise_many_times_as_often() -> None:
    assert naive_rate(500, 500, seed=1) > 0.2


def test_a_long_run_of_gates_errs_no_more_often_than_set_and_still_finds() -> None:
    none = sequences(e_lond, 0.0, Truth(), runs=10, gates=20, seed=1)
    assert none.any_false <= 0.05
    some = sequences(e_lond, 0.4, Truth(0.75, 0.85), runs=4, gates=20, seed=1)
    assert some.false_share <= 0.05
    assert some.found_late > 0.5


def test_the_table_has_a_row_for_each_kind_of_candidate() -> None:
    assert single_gates(1, 1).count("\n") == 10


def test_a_section_replaces_itself_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "RESULTS.md"
    write_section("Gate", table(["a", "b"], [[1, 2]]), path)
    write_section("Other", "other text", path)
    write_section("Gate", "new text", path)
    text = path.read_text(encoding="utf-8")
    assert text.count("## Gate") == text.count("## Other") == text.count("new text") == 1
    assert "| 1 | 2 |" not in text
    assert text.index("## Gate") < text.index("## Other")
    assert machine() in text
    assert "\n\n\n" not in text
    before = text
    write_section("Gate", "new text", path)
    assert path.read_text(encoding="utf-8") == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("word", ["cores", "GiB", "Python"])
def test_the_machine_is_described(word: str) -> None:
    assert word in machine()
