"""A quotation is found by hashes; what is short, other or under another key is not."""

import json

import pytest

from feedback.fingerprints import Fingerprints

KEY, OTHER = b"k" * 16, b"o" * 16
ASKED = "How long must my cousin Zebedee wait in the policy that I took out last May?"
KOREAN = "지난 오월에 가입한 보험에서 제 사촌 제베디는 얼마나 오래 기다려야 합니까?"


@pytest.mark.parametrize("text", [ASKED, KOREAN, "Zebedee-4711-x", f"First line.\n{ASKED}"])
@pytest.mark.parametrize("around", ["{}", "passages: none\nQ: {}\nA:", '{{"asked": "{}"}}'])
def test_a_quotation_is_found_whatever_stands_around_it(text: str, around: str) -> None:
    assert Fingerprints.of(KEY, [text]).quoted(around.format(f"\n{text}\n")) == 1


@pytest.mark.parametrize(
    "text",
    [
        "my phone is 01012345678",
        "제 주민번호는 900101-1234567",
        "I live at X\nmy name is Zed Quill",
    ],
)
@pytest.mark.parametrize("around", ["ERROR asked: {} and then failed", "it said '{}'", "{}"])
def test_a_short_text_is_found_within_a_longer_line(text: str, around: str) -> None:
    line = around.format(text.replace("\n", "\\n"))
    assert Fingerprints.of(KEY, [text]).quoted(line) == 1
    assert Fingerprints.of(KEY, [text]).quoted("ERROR my phone is broken, I live at Y") == 0


@pytest.mark.parametrize("text", ["", "yes", "네", "!?", "a b"])
def test_what_is_everybodys_is_not_looked_for(text: str) -> None:
    assert Fingerprints.of(KEY, [text]).to_json() == []


def test_other_words_are_not_found_and_capitals_do_not_matter() -> None:
    texts = Fingerprints.of(KEY, [ASKED, KOREAN])
    assert texts.quoted("How long must my cousin Zebedee wait for his train to Dover?") == 0
    assert texts.quoted(ASKED.upper() + "\n" + KOREAN) == 2


def test_the_record_holds_no_word_and_says_nothing_under_another_key() -> None:
    texts = Fingerprints.of(KEY, [ASKED])
    record = json.loads(json.dumps(texts.to_json()))
    assert "zebedee" not in json.dumps(record).lower()
    assert Fingerprints.from_json(KEY, record).quoted(ASKED) == 1
    assert Fingerprints.from_json(OTHER, record).quoted(ASKED) == 0
