"""The model card says what was measured, target by target."""

from dataclasses import replace

from demo.model_card import KINDS, TARGETS, Score, render, style_shares

BUILT = {
    "workers": 2,
    "minutes": 60.2,
    "steps": 6000,
    "tokens": 15_000_000,
    "parameters": 4_300_000,
}
GOOD = Score(
    count=200,
    right=0.985,
    citing=70,
    cited=0.9,
    exact_and_right=0.34,
    styles={"bare": 0.3, "hedging": 0.3, "exact": 0.35, "absent": 0.05},
)


def card(score: Score) -> str:
    scores = dict.fromkeys(KINDS, score)
    return render(BUILT, scores, scores)


def test_every_target_has_its_line_and_its_count() -> None:
    text = card(GOOD)
    for target in TARGETS:
        assert f"| {target.name} |" in text
    assert "| 98.5% | 200 | reached |" in text
    assert "| 90.0% | 70 | reached |" in text
    assert "short" not in text


def test_what_is_missed_is_called_short() -> None:
    assert "| 60.0% | 200 | short |" in card(replace(GOOD, right=0.6))


def test_a_style_that_takes_over_is_called_short() -> None:
    assert "short" in card(replace(GOOD, styles={"bare": 0.1, "hedging": 0.2, "exact": 0.7}))


def test_shares_are_of_the_answers_in_a_style() -> None:
    shares = style_shares(replace(GOOD, styles={"bare": 0.2, "exact": 0.2, "absent": 0.6}))
    assert shares == [0.5, 0.0, 0.5]


def test_card_says_how_it_was_built() -> None:
    assert "4.3 million parameters, 6,000 steps, 15.0 million tokens, 60 minutes" in card(GOOD)


def test_what_was_particular_about_a_training_is_said() -> None:
    scores = dict.fromkeys(KINDS, GOOD)
    assert "Trained twice." in render(BUILT, scores, scores, note="Trained twice.")
    assert "Trained twice." not in card(GOOD)
