"""What is personal is found and masked, what only looks like it is not."""

import time
from pathlib import Path

import pytest

from benchmarks.masking import GOAL, tally
from benchmarks.personal_texts import labelled
from demo.questions import ABSENT_THINGS, ask, templates
from demo.world import LANGUAGES, facts
from feedback.masking import mask
from feedback.personal import find_personal
from feedback.personal_checks import is_card, is_iban, is_registered, may_be_registered
from feedback.personal_rules import KINDS

DOCUMENTS = Path(__file__).parents[2] / "demo" / "documents"


def found(text: str) -> list[str]:
    return [text[each.start : each.end] for each in find_personal(text)]


def test_nearly_all_is_found_and_nearly_nothing_else() -> None:
    result = tally(labelled(8_000, seed=3))
    for kind in KINDS:
        assert result.found[kind] > 200
        assert result.precision(kind) >= GOAL, kind
        assert result.recall(kind) >= GOAL, kind


def test_the_demos_own_words_are_nobodys() -> None:
    for file in sorted(DOCUMENTS.rglob("*.md")):
        assert found(file.read_text(encoding="utf-8")) == []
    for language in LANGUAGES:
        for fact in facts():
            stated = fact.stated(language)
            assert found(f"{stated.sentence} ({stated.article})") == []
        for thing in ABSENT_THINGS:
            for template in templates(thing, language, "train"):
                assert found(ask(template, "Travel Shield")) == []


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("문의는 kim@example.com으로", "문의는 [EMAIL_1]으로"),
        ("０１０－２３４５－６７８９ 입니다", "[PHONE_1] 입니다"),
        ("+82 10 2345 6789 or 010-2345-6789", "[PHONE_1] or [PHONE_1]"),
        ("A@example.com, a@example.com, b@example.com", "[EMAIL_1], [EMAIL_1], [EMAIL_2]"),
        ("주민번호 990101-1******", "주민번호 [RESIDENT_1]"),
        ("api_key = 'abc123def456'", "api_key = '[KEY_1]'"),
        ("농협 302-1234-5678-91 입금", "농협 [ACCOUNT_1] 입금"),
        ("[EMAIL_1] or c@example.com", "[EMAIL_1] or [EMAIL_2]"),
    ],
)
def test_a_placeholder_stands_for_one_thing(text: str, masked: str) -> None:
    result = mask([text])
    assert result.texts == (masked,)
    assert mask(result.texts).rules == ()


@pytest.mark.parametrize(
    "text",
    [
        "증권번호 232-338-0640",
        "Claim no. 415-555-0132",
        "version 10.0.1.2 and section 2.3.1.4",
        "보험금 50000000원을 계좌로 지급합니다",
        "대표번호 1588-1234",
        "99-13-45 and 991345-1234567",
        "password: your usual one, please",
        "4242 4242 4242 4241",
        "std::vector at 10:30:00",
    ],
)
def test_what_only_looks_like_it_stays(text: str) -> None:
    assert mask([text]) == ((text,), ())


def test_a_conversation_shares_its_placeholders() -> None:
    result = mask(["I am a@example.com", "Hello a@example.com, ask b@example.com", "b@example.com"])
    assert result.texts == ("I am [EMAIL_1]", "Hello [EMAIL_1], ask [EMAIL_2]", "[EMAIL_2]")
    assert result.rules == ("e-mail", "e-mail")


def test_a_private_key_goes_whole_even_without_its_end() -> None:
    block = "-----BEGIN PRIVATE KEY-----\n" + "\n".join("MIIEvQIBADANBgkqhki" * 3 for _ in range(5))
    for text in (f"{block}\n-----END PRIVATE KEY-----", block):
        assert mask([f"look: {text}"]).texts == ("look: [KEY_1]",)


def test_numbers_prove_themselves() -> None:
    assert is_card("4242424242424242")
    assert not is_card("4242424242424241")
    assert is_iban("DE89370400440532013000")
    assert not is_iban("DE89370400440532013001")
    assert not is_iban("DE89")
    assert may_be_registered("0002293******"[:7] + "123456"), "2000 was a leap year"
    assert not may_be_registered("0102293123456"), "2001 was not"
    assert not may_be_registered("6001013123456"), "nobody is born in 2060"
    assert sum(is_registered(f"900101112345{digit}") for digit in range(10)) == 1


@pytest.mark.parametrize(
    "piece",
    [
        "a",
        "1",
        "1-",
        "a.",
        "a@",
        "1 ",
        "::1",
        "1.1.1.",
        "-----BEGIN PRIVATE KEY-----\n",
        "eyJaaaaaaaa.",
    ],
)
def test_no_text_takes_long(piece: str) -> None:
    text = piece * (200_000 // len(piece))
    began = time.perf_counter()
    find_personal(text)
    assert time.perf_counter() - began < 2
