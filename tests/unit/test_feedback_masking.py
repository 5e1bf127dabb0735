"""What is personal is found and masked, what only looks like it is not."""

import time
from pathlib import Path

import pytest

from benchmarks.masking import GOAL, tally
from benchmarks.personal_lines import lines
from benchmarks.personal_texts import labelled
from demo.questions import ABSENT_THINGS, ask, templates
from demo.world import LANGUAGES, facts
from feedback.masking import mask
from feedback.personal import find_personal
from feedback.personal_checks import (
    is_card,
    is_day,
    is_dialled,
    is_iban,
    is_registered,
    may_be_registered,
)
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


def test_in_lines_of_many_contexts_too() -> None:
    result = tally(lines("development"))
    for kind in KINDS:
        assert result.found[kind] > 40
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
        ("a (at) example [dot] com, a@example.com", "[EMAIL_1], [EMAIL_1]"),
        ("공일공 2345 6789? 010-2345-6789", "공일공 2345 6789? [PHONE_1]"),
        ("공일공 이삼사오 육칠팔구, 010-2345-6789", "[PHONE_1], [PHONE_1]"),
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
        # Days at a bank are no account,
        "우리은행에서 2024-01-15에",
        "계좌 개설일은 2024-01-15",
        "account: 2024-01-15",
        "신한 20240115 가입",
        "bank account: 15-01-2024",
        # amounts and counts neither, nor what stands behind a word that is also a bank's name.
        "국민 50000000명",
        "우리 12345678",
        "계좌 보장금액 10000000만원",
        "계좌 금액: 25000000",
        "account: 25000000 KRW",
        "은행 계좌 12345678건",
        "손익은 +10000000원",
        "growth of +25000000 users",
        "claims +15000000 over +1 (2023-01-15)",
        "보험금 +10 000 000 원",
        # What has an @ may be a file or a repository.
        "user@2x.png",
        "logo@3x.WEBP",
        "git@github.com:org/repo",
        "ssh://git@git.example.com/org/repo",
        # Four numbers may be a mask or a version.
        "255.255.255.0",
        "subnet mask 192.0.0.0",
        "OpenSSL 1.2.3.4",
        "펌웨어 2.4.1.10",
        "pip install claims==1.2.3.4",
        # A label makes no secret of words and names.
        "password: see-section-4 below",
        "token: tokenizer-v2.json",
        "token=llama-3.1-8b-instruct",
        "비밀번호: my-policy-2024.",
        "secret: xxxxxxxxxxxx1",
        # Nobody gets mail there, and what looks like an address is a version, a path, a product.
        "admin@localhost.local",
        "pkg@1.2.beta",
        "scp report.pdf user@host.example.com:/srv",
        "scores = q @ k.transpose(-2, -1)",
        "getty@tty1.service",
        "dotnet 8.0.1.2",
        "w[1::2] = 1",
        "token: gpt-4o-mini-2024",
        "password=hashlib.sha256(data)",
        "+82 2024-01-15",
        "토스 12345678번",
        "하나 110-123-456",
        "3.157 750 248 0398 e5",
        # Numbers of things.
        "증권번호 110-234-567890, 우리은행 대리점",
        "제2024-00123호, 모델명 M12345678",
        "Article 12.3.4.5, contract no. 302-1234-5678-91",
    ],
)
def test_what_only_looks_like_it_stays(text: str) -> None:
    assert mask([text]) == ((text,), ())


@pytest.mark.parametrize(
    ("text", "piece"),
    [
        ("우리 12345678 계좌로 보내 주세요", "12345678"),
        ("국민 123456-01-123456 입니다", "123456-01-123456"),
        ("계좌 12345678 명의는 홍길동", "12345678"),
        ("계좌가 12345678일 때", "12345678"),
        ("my account 12345678 won't open", "12345678"),
        ("+14155550132", "+14155550132"),
        ("+44 (0)20 7946 0958", "+44 (0)20 7946 0958"),
        ("+390612345678", "+390612345678"),
        ("git@example.com", "git@example.com"),
        ("접속 10.20.30.40", "10.20.30.40"),
        ("password: Summer2024!", "Summer2024!"),
        ("tom at firm dot co dot uk", "tom at firm dot co dot uk"),
        ("tom 골뱅이 naver.com", "tom 골뱅이 naver.com"),
        ("공일공-이삼사오-육칠팔구", "공일공-이삼사오-육칠팔구"),
        ("postgres://app:s3cr3t@db/claims", "s3cr3t"),
        ("비번 Rlagksmf92! 입니다", "Rlagksmf92!"),
        ("secret=550e8400-e29b-41d4-a716-446655440000", "550e8400-e29b-41d4-a716-446655440000"),
    ],
)
def test_what_is_personal_stays_so_next_to_its_likes(text: str, piece: str) -> None:
    assert found(text) == [piece]


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
    assert is_day("2024-02-29")
    assert is_day("20240229")
    assert is_day("29-02-2024")
    assert not is_day("2023-02-29")
    assert not is_day("302-12-123456")
    assert is_dialled("14155550132")
    assert is_dialled("821023456789")
    assert not is_dialled("10000000000")
    assert not is_dialled("25000000")
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
        "token=a-1.",
        "계좌 12345678 ",
        "+1 (415) ",
        "a dot ",
        "a at b dot ",
        "공일공",
        "비번 a1b2c3d4 ",
        "://a:",
    ],
)
def test_no_text_takes_long(piece: str) -> None:
    # Four times the text takes four times as long; time that grows by the square, sixteen times.
    assert _seconds(piece, 200_000) < 8 * _seconds(piece, 50_000) + 0.05


def _seconds(piece: str, length: int) -> float:
    """Return the least of three: what else the machine does can only add to it."""
    text = piece * (length // len(piece))
    taken = []
    for _ in range(3):
        find_personal.cache_clear()
        began = time.thread_time()
        find_personal(text)
        taken.append(time.thread_time() - began)
    return min(taken)
