"""Generated texts in English and Korean in which every piece of personal data is known.

Each text is a template with slots. A slot in capitals is personal data, of the kind that it names;
one in small letters only looks like it (benchmarks/personal_values.py draws both). The templates
were written before the rules that are measured with them; to those without personal data, what the
rules had once taken for it was added later.

Invariant: the same seed gives the same texts, and half of them hold nothing personal.
"""

import string
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

from benchmarks.personal_values import HARMLESS, PERSONAL, Language


class Span(NamedTuple):
    """Where personal data stands in a text."""

    start: int
    end: int
    kind: str


@dataclass(frozen=True)
class Labelled:
    """A text and all that is personal in it."""

    text: str
    language: Language
    spans: tuple[Span, ...]


_WITH: dict[Language, dict[str, tuple[str, ...]]] = {
    "en": {
        "EMAIL": (
            "Please send the papers to {EMAIL}.",
            "My e-mail is {EMAIL}, policy {policy}.",
            "Contact: <{EMAIL}>",
        ),
        "PHONE": (
            "Call me at {PHONE} after {clock}.",
            "My number is {PHONE}. The claim is over {won} KRW.",
            "phone:{PHONE}",
            "tel.{PHONE} or after six {PHONE}",
            "My booking is {policy} and my phone {PHONE}.",
            "You can reach her on {PHONE}, not on {hotline}.",
        ),
        "RESIDENT": (
            "My resident registration number is {RESIDENT}.",
            "RRN {RESIDENT}, born in Seoul.",
            "The insured ({RESIDENT}) moved in {day}.",
        ),
        "ALIEN": ("My alien registration number: {ALIEN}.", "ARC {ALIEN}, is that enough?"),
        "CARD": (
            "Charge my card {CARD} with {won} KRW.",
            "Card number {CARD}, valid until 09/28.",
            "I paid with {CARD} on {day}.",
        ),
        "ACCOUNT": (
            "Pay into my account number {ACCOUNT}, please.",
            "Bank account: {ACCOUNT}",
            "Please wire it to {ACCOUNT}, my bank account.",
            "My bank account is {ACCOUNT} and the amount {won} KRW.",
        ),
        "PASSPORT": (
            "My passport number is {PASSPORT}.",
            "Passport: {PASSPORT}, issued {day}.",
            "I lost my passport ({PASSPORT}) abroad.",
            "The number in my passport is {PASSPORT}.",
        ),
        "IP": (
            "I was logged in from {IP} at {clock}.",
            "My IP address is {IP}.",
            "The attack came from {IP}, version {version}.",
        ),
        "KEY": (
            "The app says the key {KEY} is invalid.",
            "Authorization: Bearer {KEY}",
            "export TOKEN={KEY}",
            "I committed this by accident:\n{KEY}\nWhat now?",
        ),
    },
    "ko": {
        "EMAIL": (
            "서류는 {EMAIL}로 보내 주세요.",
            "제 이메일은 {EMAIL}입니다. 증권번호는 {policy}예요.",
            "메일주소:{EMAIL}",
        ),
        "PHONE": (
            "제 번호는 {PHONE}입니다.",
            "{clock} 이후에 {PHONE}으로 전화 주세요.",
            "연락처: {PHONE}, 청구 금액 {won}원",
            "고객센터 {hotline} 말고 {PHONE}로 연락 바랍니다.",
        ),
        "RESIDENT": (
            "주민등록번호는 {RESIDENT}입니다.",
            "피보험자 주민번호 {RESIDENT}, 가입일 {day}",
            "저는 {RESIDENT}이고 {won}원을 청구했습니다.",
        ),
        "ALIEN": ("외국인등록번호는 {ALIEN}입니다.", "등록번호 {ALIEN}로 가입했어요."),
        "CARD": (
            "카드번호 {CARD}로 결제했습니다.",
            "{CARD} 카드로 {won}원이 빠져나갔어요.",
            "법인카드({CARD}) 등록 부탁드립니다.",
        ),
        "ACCOUNT": (
            "국민은행 {ACCOUNT}로 입금해 주세요.",
            "환급 계좌는 {ACCOUNT}입니다.",
            "계좌번호: {ACCOUNT} (예금주 본인)",
            "신한 {ACCOUNT} 홍길동입니다.",
            "{ACCOUNT} 우리은행 부탁드려요.",
            "카카오뱅크 {ACCOUNT} 계좌로 {won}원 부탁해요.",
        ),
        "PASSPORT": (
            "여권번호는 {PASSPORT}입니다.",
            "여권({PASSPORT})을 잃어버렸어요.",
            "여권 번호 {PASSPORT}, 출국일 {day}",
            "여권에 적힌 번호가 {PASSPORT}예요.",
        ),
        "IP": (
            "{IP}에서 접속한 기록이 있어요.",
            "제 아이피는 {IP}입니다.",
            "접속 주소 {IP}, 시각 {clock}",
        ),
        "KEY": (
            "키가 {KEY}인데 오류가 납니다.",
            "토큰은 {KEY}입니다.",
            "실수로 올렸습니다:\n{KEY}\n어떻게 하죠?",
        ),
    },
}

_WITHOUT: dict[Language, tuple[str, ...]] = {
    "en": (
        "My policy number is {policy}, signed on {day}.",
        "Claim no. {policy}: the limit is {won} KRW (Article {article}).",
        "Order {policy} was paid on {day} at {clock}.",
        "Under Article {article}, the waiting period is {article} days.",
        "See section {clause} of the terms, version {version}.",
        "The book is ISBN {isbn}.",
        "Call the hotline {hotline} between 09:00 and 18:00.",
        "The fee is {percent} percent of {plain} KRW.",
        "Commit {hash} broke the build of v{version}.",
        "Device {mac}, model {model}, serial number {policy}.",
        "It runs on localhost, 127.0.0.1, port 7860.",
        "Does the account manager need my token of trust?",
        "The passport fee is {won} KRW since {day}.",
        "Hanbit pays {plain} KRW into the account that the customer has named.",
        "Booking {policy} is for {day}, tracking number {policy}.",
        "My member ID is {policy}, customer number {policy}.",
        "Invoice {policy}, case number {policy}, due {day}.",
        "Follow us @hanbit or ask std::vector at 10:30 :: 11:00.",
        "My account: {day}, opened at the bank.",
        "The bank account: {count} KRW since {day}.",
        "The claim amount grew by +{count} won, a growth of +{count} users.",
        "The picture {image} is in {repository}, not in {image}.",
        "The netmask is {netmask}; {software} {version} is running.",
        "password: {words} token: {words}",
    ),
    "ko": (
        "증권번호는 {policy}이고 계약일은 {day}입니다.",
        "접수번호 {policy}, 보장한도 {won}원 (제{article}조).",
        "주문번호 {policy}는 {day} {clock}에 결제되었습니다.",
        "트래블 실드의 면책기간은 {article}일입니다 (제{article}조).",
        "약관 {clause}항과 버전 {version}을 확인해 주세요.",
        "책의 ISBN은 {isbn}입니다.",
        "고객센터는 {hotline}, 평일 09:00부터 18:00까지입니다.",
        "수수료는 {plain}원의 {percent}퍼센트입니다.",
        "모델명 {model}, 제품번호 {policy}의 수리비는 얼마인가요?",
        "보험금은 고객이 지정한 계좌로 {plain}원을 지급합니다.",
        "여권 발급 수수료는 {won}원이고 {day}부터입니다.",
        "생년월일은 {day}이고 우편번호는 06236입니다.",
        "카드 할인은 {percent}%이며 {day}까지입니다.",
        "계약번호 {policy}의 은행 이체일은 매월 {article}일입니다.",
        "회의는 {clock}, 서버는 127.0.0.1:7860입니다.",
        "우리은행 대출 약정번호 {policy}, 지점 휴무일 {day}",
        "회원번호 {policy}, 고객번호는 {policy}입니다.",
        "예약번호 {policy} 확인 부탁드려요.",
        "사건번호 {policy}, 영수증 번호 {policy}",
        "우리은행에서 {day}에 가입했고 계좌 개설일은 {day}입니다.",
        "국민 {count}명 가운데 하나 {count}건, 우리 {count}",
        "계좌 보장금액 {count}만원, 손익은 +{count}원입니다.",
        "그림 {image}은 {repository}에 있습니다.",
        "넷마스크는 {netmask}이고 {software} {version}을 씁니다.",
        "비밀번호: {words} token={words}",
    ),
}  # fmt: skip


def labelled(count: int, seed: int) -> Iterator[Labelled]:
    """Yield texts, half of them with personal data, every kind and language as often as others."""
    rng = Random(f"{seed} personal texts")
    kinds, languages = list(PERSONAL), tuple(_WITH)
    for number in range(count):
        language = languages[number // 2 % 2]
        if number % 2:
            template = rng.choice(_WITHOUT[language])
        else:
            template = rng.choice(_WITH[language][kinds[number // 4 % len(kinds)]])
        yield _filled(template, language, rng)


def _filled(template: str, language: Language, rng: Random) -> Labelled:
    text, spans = "", []
    for literal, slot, _, _ in string.Formatter().parse(template):
        text += literal
        if slot in PERSONAL:
            value = PERSONAL[slot](rng, language)
            spans.append(Span(len(text), len(text) + len(value), slot))
            text += value
        elif slot:
            text += HARMLESS[slot](rng)
    return Labelled(text, language, tuple(spans))
