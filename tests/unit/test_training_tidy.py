"""What looks the same is spelled the same, and nothing that shows is lost."""

import unicodedata
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from feedback.types import Completion, Vote
from tests.curation_kit import people, rounds, row
from training.curation import Rules
from training.preferences import unpaired
from training.tidy import tidy

TEXT = st.text(st.sampled_from("aé한ㄱ각e\u0301\u1100\u1161\u200b\ufeff\u00ad \t\r\n\x00\x07-"))


@given(TEXT)
def test_doing_it_twice_changes_nothing_and_what_shows_stays(text: str) -> None:
    once = tidy(text)
    assert tidy(once) == once
    assert unicodedata.is_normalized("NFC", once)

    def shown(each: str) -> str:
        invisible = dict.fromkeys(map(ord, "\u200b\ufeff\u00ad\x00\x07 \t\r\n"))
        return unicodedata.normalize("NFC", each.translate(invisible))

    assert shown(once) == shown(text)


def test_lines_and_spaces_within_them_stay() -> None:
    said = "\ufeff a  b \r\n\tc\u00a0\u2028\n\nd \n"
    assert tidy(said) == "a  b\n\tc\n\n\nd"
    family = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
    assert tidy(family) == family


def test_two_spellings_of_an_answer_are_one() -> None:
    text = "면책기간은 90일입니다."
    answers = [
        Completion(
            id=f"c{n}", conversation="c", person=f"p{n}", responder="base", sampling={},
            messages=({"role": "user", "content": asked},), text=said, status="complete",
        )
        for n, (asked, said) in enumerate(
            [("얼마?", text), tuple(unicodedata.normalize("NFD", t) for t in ("얼마? ", text))]
        )
    ]  # fmt: skip
    one, other = unpaired((Vote(c.id, c.person, True, (), "", 1.0, 1.0), c) for c in answers)
    assert (one.prompt, one.question, one.completion) == (
        other.prompt, other.question, other.completion
    )  # fmt: skip


def test_too_long_an_answer_is_left_out() -> None:
    rows = people(25, 12)
    long = replace(rows[7], completion=({"role": "assistant", "content": "long " * 400},))
    found = rounds([*rows[:7], long, *rows[8:]], rules=Rules(longest=1_000))
    assert found.left_out == {"answer too long": 1}
    assert "answer too long" not in rounds([*rows, row(999)], rules=Rules(longest=1_000)).left_out
