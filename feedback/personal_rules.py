"""The rules by which personal data is found: a pattern and a check each.

A check is a check digit, a date that exists, or a label in front. Numbers that prove themselves (a
card by Luhn's formula) count anywhere; the others count where a label says so, or where none says
that they are a policy's, an order's or a version's. Patterns are bounded and start only where no
run of their characters goes on, so the time is linear in the text.

Resident numbers given out since October 2020 have no check digit: a date that exists and the dash
must do.

Not personal: companies' hotlines (15xx, 16xx, 18xx, 080) and a machine's own addresses.

Invariant: what stands behind the label of something else is personal only in a form of its own.
"""

import re
from collections.abc import Callable, Mapping
from ipaddress import ip_address
from typing import NamedTuple

from feedback.personal_checks import is_card, is_iban, is_registered, may_be_registered

KINDS = ("EMAIL", "PHONE", "RESIDENT", "ALIEN", "CARD", "ACCOUNT", "PASSPORT", "IP", "KEY")


class Rule(NamedTuple):
    """How one sort of personal data is found."""

    kind: str
    pattern: re.Pattern[str]
    holds: Callable[[str, int, int], bool]
    """Whether text[start:end], which the pattern matched, is what it looks like."""


# What may stand between a label and its number: "no.", "번호는", "is", a colon or a bracket.
_TAIL = r"(?:\s*(?:numbers?|no\.?|nr\.?|id|#|번호|명))?[\s:=#(]*(?:is|은|는|이|가|의)?[\s:=(]*$"
_OTHER = re.compile(
    r"(?:polic(?:y|ies)|claim|order|invoice|case|contract|serial|receipt|isbn|model|ticket|product"
    r"|booking|reference|tracking|증권|접수|주문|계약|사건|영수증|제품|상품|모델|문서|송장"
    r"|(?:customer|member(?:ship)?|application|employee|user)\s*(?=num|no|id|#)"
    # ..번호, of whatever but these.
    r"|(?<!전화)(?<!대폰)(?<!드폰)(?<!락처)(?<!계좌)(?<!통장)(?<!카드)(?<!여권)(?<!등록)(?<!주민)(?<!제)(?<!내)"
    r"(?<=[가-힣])(?=번호))" + _TAIL,
    re.IGNORECASE,
)
_REGISTER = re.compile(
    r"(?:주민(?:등록)?|등록|resident\s+registration|alien\s+registration|\brrn|\barc)" + _TAIL,
    re.IGNORECASE,
)
_BANK = re.compile(
    r"(?:은행|뱅크|농협|수협|신협|새마을금고|우체국|계좌)[^0-9.\n]{0,14}$"
    r"|(?:국민|신한|하나|우리|기업|카카오|토스|케이|새마을)\s?$|(?:\baccount|\ba/c)" + _TAIL,
    re.IGNORECASE,
)
_INTO_ACCOUNT = re.compile(
    r"\)?\s*(?:계좌|(?:으로|로)\s*(?:입금|이체|송금)|[(]?[가-힣]{2,4}(?:은행|뱅크))"
    r"|,?\s*(?:my |our |the )?(?:bank )?account\b",
    re.IGNORECASE,
)
_PASSPORT = re.compile(r"(?:여권|passport)" + _TAIL, re.IGNORECASE)
_PASSPORT_NEAR = re.compile(r"(?:여권|passport)[^0-9.\n]{0,14}$", re.IGNORECASE)
_NUMBERED = re.compile(
    r"(?:\bv|version|release|section|clause|chapter|article|§|버전|약관|제)[\s.:]*$", re.IGNORECASE
)
_CLAUSE = re.compile(r"\s?(?:항|조|절|버전)")


def _always(text: str, start: int, end: int) -> bool:
    return True


def _labelled(label: re.Pattern[str], text: str, start: int) -> bool:
    return label.search(text, max(0, start - 36), start) is not None


def _not_other(text: str, start: int, end: int) -> bool:
    return not _labelled(_OTHER, text, start)


def _mobile(text: str, start: int, end: int) -> bool:
    if not text[start:end].isdigit():
        return True
    return _not_other(text, start, end) and not _labelled(_BANK, text, start)


def _international(text: str, start: int, end: int) -> bool:
    return 8 <= sum(map(str.isdigit, text[start:end])) <= 15


def _domestic(text: str, start: int, end: int) -> bool:
    toll_free = text[start:end].lstrip("(")[:3] in {"800", "833", "844", "855", "866", "877", "888"}
    return not toll_free and _not_other(text, start, end)


def _registered(text: str, start: int, end: int) -> bool:
    number = text[start:end]
    return is_registered(_digits(number)) and (not number.isdigit() or _not_other(text, start, end))


def _by_date(text: str, start: int, end: int) -> bool:
    number = text[start:end]
    if not may_be_registered(number.replace(" ", "").replace("-", "")):
        return False
    if number.isdigit():
        return _labelled(_REGISTER, text, start)
    return _not_other(text, start, end)


def _card(text: str, start: int, end: int) -> bool:
    number = text[start:end]
    return is_card(_digits(number)) and (not number.isdigit() or _not_other(text, start, end))


def _account(text: str, start: int, end: int) -> bool:
    count = sum(map(str.isdigit, text[start:end]))
    if not 8 <= count <= 17 or text.startswith("원", end) or text[start:end].count("-") == 1:
        return False
    if _labelled(_OTHER, text, start):
        return False
    return _labelled(_BANK, text, start) or (
        count >= 10 and _INTO_ACCOUNT.match(text, end) is not None
    )


def _passport(text: str, start: int, end: int) -> bool:
    # Nine digits may be anything; a letter among them tells more.
    return _labelled(_PASSPORT if text[start:end].isdigit() else _PASSPORT_NEAR, text, start)


def _address(text: str, start: int, end: int) -> bool:
    if _labelled(_NUMBERED, text, start) or _CLAUSE.match(text, end):
        return False
    try:
        found = ip_address(text[start:end])
    except ValueError:
        return False
    if found.version == 6 and sum(map(bool, text[start:end].split(":"))) < 2:
        return False
    return not (found.is_loopback or found.is_unspecified)


def _secret(text: str, start: int, end: int) -> bool:
    value = text[start:end]
    return any(map(str.isdigit, value)) and any(map(str.isalpha, value))


_FREE = r"(?<![0-9A-Za-z+*])(?<![0-9A-Za-z]-)(?<![0-9]\.)"  # no number goes on before,
_END = r"(?![0-9*]|[-.,][0-9])"  # nor behind
_GAP = r"[ .-]"

RULES: Mapping[str, Rule] = {
    # In this order: what an earlier rule has found is not looked at by a later one.
    "private key": Rule(
        "KEY",
        re.compile(
            r"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY-----"
            r"(?:(?:[^-]|-(?!-)){1,20000}-----END (?:[A-Z0-9]+ ){0,3}PRIVATE KEY-----"
            r"|(?:\s{1,4}[A-Za-z0-9+/=]{16,80}){0,200})"
        ),
        _always,
    ),
    "key by its prefix": Rule(
        "KEY",
        re.compile(
            r"(?<![A-Za-z0-9_-])(?:sk-[A-Za-z0-9_-]{20,200}|[srp]k_(?:live|test)_[A-Za-z0-9]{10,99}"
            r"|gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{22,255}|glpat-[A-Za-z0-9_-]{20,99}"
            r"|A(?:KIA|SIA)[A-Z0-9]{16}|AIza[A-Za-z0-9_-]{35}|xox[abprs]-[A-Za-z0-9-]{10,250}"
            r"|hf_[A-Za-z0-9]{30,99}|npm_[A-Za-z0-9]{36})(?![A-Za-z0-9_])"
        ),
        _always,
    ),
    "JSON web token": Rule(
        "KEY",
        re.compile(
            r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,2000}\.[A-Za-z0-9_-]{8,4000}\.[A-Za-z0-9_-]{16,1000}"
        ),
        _always,
    ),
    "named secret": Rule(
        "KEY",
        re.compile(
            r"(?i:\bbearer\s|(?:api[_-]?key|access[_-]?key|secret|token|passwo?r?d|비밀번호)"
            r"[\"']?\s?[:=]\s?[\"']?)(?P<it>[A-Za-z0-9._~+/=!@#$%^&*-]{10,500})"
        ),
        _secret,
    ),
    "e-mail": Rule(
        "EMAIL",
        re.compile(
            r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]{1,64}(?:@|\s?[(\[]at[)\]]\s?)"
            r"(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![A-Za-z0-9-])"
        ),
        _always,
    ),
    "resident number by check digit": Rule(
        "RESIDENT", re.compile(_FREE + r"[0-9]{6}(?: ?- ?| )?[1-4][0-9]{6}" + _END), _registered
    ),
    "resident number by date": Rule(
        "RESIDENT",
        re.compile(_FREE + r"[0-9]{6}(?: ?- ?)?[1-4](?:[0-9]{6}|\*{6})" + _END),
        _by_date,
    ),
    "alien number by check digit": Rule(
        "ALIEN", re.compile(_FREE + r"[0-9]{6}(?: ?- ?| )?[5-8][0-9]{6}" + _END), _registered
    ),
    "alien number by date": Rule(
        "ALIEN",
        re.compile(_FREE + r"[0-9]{6}(?: ?- ?)?[5-8](?:[0-9]{6}|\*{6})" + _END),
        _by_date,
    ),
    "IBAN": Rule(
        "ACCOUNT",
        re.compile(
            r"(?<![A-Za-z0-9])[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?"
            r"(?![A-Za-z0-9])"
        ),
        lambda text, start, end: is_iban(text[start:end].replace(" ", "")),
    ),
    "card": Rule(
        "CARD",
        re.compile(
            _FREE + r"(?:(?:[2-6]|9)[0-9]{3}(?P<a>[ -]?)[0-9]{4}(?P=a)[0-9]{4}(?P=a)[0-9]{4}"
            r"|3[47][0-9]{2}(?P<b>[ -]?)[0-9]{6}(?P=b)[0-9]{5})" + _END
        ),
        _card,
    ),
    "mobile phone": Rule(
        "PHONE",
        re.compile(
            _FREE + r"(?:(?:\+|00)?82[ .-]\(?0?\)?|\+82\(?0?\)?|0)1[016789]"
            r"[ .-]?[0-9]{3,4}[ .-]?[0-9]{4}(?![0-9]|-[0-9])"
        ),
        _mobile,
    ),
    "landline": Rule(
        "PHONE",
        re.compile(
            _FREE
            + r"(?:\(AREA\)[ .-]?|AREA[ .-])[0-9]{3,4}[ .-][0-9]{4}(?![0-9]|-[0-9])".replace(
                "AREA", r"0(?:2|3[1-3]|4[1-4]|5[1-5]|6[1-4]|70|50[2-8])"
            )
        ),
        _not_other,
    ),
    "phone with its country": Rule(
        "PHONE",
        re.compile(
            r"(?<![A-Za-z0-9+])\+[1-9](?:[0-9]{0,2}[ .(-][0-9 .()-]{5,18}[0-9]|[0-9]{7,14})"
            r"(?![0-9])"
        ),
        _international,
    ),
    "account by its label": Rule(
        "ACCOUNT",
        re.compile(
            _FREE + r"(?:[0-9]{2,6}(?:-[0-9]{2,7}){1,3}|[0-9]{8,17})" + r"(?![0-9]|[-,][0-9])"
        ),
        _account,
    ),
    "North American phone": Rule(
        "PHONE",
        re.compile(
            _FREE + r"(?:\([2-9][0-9]{2}\) ?|[2-9][0-9]{2}[ .-])[2-9][0-9]{2}[ .-][0-9]{4}"
            r"(?![0-9]|-[0-9])"
        ),
        _domestic,
    ),
    "passport by its label": Rule(
        "PASSPORT",
        re.compile(
            r"(?<![A-Za-z0-9-])(?:[A-Z][0-9]{3}[A-Z][0-9]{4}|[A-Z]{1,2}[0-9]{6,8}|[0-9]{9})"
            r"(?![A-Za-z0-9]|-[0-9])"
        ),
        _passport,
    ),
    "IPv4": Rule(
        "IP",
        re.compile(r"(?<![A-Za-z0-9_.])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![A-Za-z0-9_]|\.[0-9])"),
        _address,
    ),
    "IPv6": Rule(
        "IP",
        re.compile(
            r"(?<![A-Za-z0-9_:.])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{1,4}(?![A-Za-z0-9_:])"
        ),
        _address,
    ),
}


def _digits(text: str) -> str:
    return re.sub("[^0-9]", "", text)
