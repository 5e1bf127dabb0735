"""The rules by which personal data is found: a pattern and a check each.

Patterns are bounded and start only where no run of their characters goes on, so the time is linear
in the text; the checks are in feedback/personal_context.py.

Resident numbers given out since October 2020 have no check digit: a date that exists and the dash
must do.

Not personal: companies' hotlines (15xx, 16xx, 18xx, 080) and a machine's own addresses.

Invariant: what stands behind the label of something else is personal only in a form of its own.
"""

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from feedback import personal_context as context
from feedback.personal_checks import is_iban

KINDS = ("EMAIL", "PHONE", "RESIDENT", "ALIEN", "CARD", "ACCOUNT", "PASSPORT", "IP", "KEY")


class Rule(NamedTuple):
    """How one sort of personal data is found."""

    kind: str
    pattern: re.Pattern[str]
    holds: Callable[[str, int, int], bool]
    """Whether text[start:end], which the pattern matched, is what it looks like."""


_FREE = r"(?<![0-9A-Za-z+*])(?<![0-9A-Za-z]-)(?<![0-9]\.)"  # no number goes on before,
_END = r"(?![0-9*]|[-.,][0-9])"  # nor behind,
_CELL = r"(?![0-9*]|-[0-9])"  # but for another column of a table

RULES: Mapping[str, Rule] = {
    # In this order: what an earlier rule has found is not looked at by a later one.
    "private key": Rule(
        "KEY",
        re.compile(
            r"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY-----"
            r"(?:(?:[^-]|-(?!-)){1,20000}-----END (?:[A-Z0-9]+ ){0,3}PRIVATE KEY-----"
            r"|(?:\s{1,4}[A-Za-z0-9+/=]{16,80}){0,200})"
        ),
        context.always,
    ),
    "key by its prefix": Rule(
        "KEY",
        re.compile(
            r"(?<![A-Za-z0-9_-])(?:sk-(?=[A-Za-z_-]*[0-9])[A-Za-z0-9_-]{20,200}|[srp]k_(?:live|test)_[A-Za-z0-9]{10,99}"
            r"|gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{22,255}|glpat-[A-Za-z0-9_-]{20,99}"
            r"|A(?:KIA|SIA)[A-Z0-9]{16}|AIza[A-Za-z0-9_-]{35}|xox[abprs]-[A-Za-z0-9-]{10,250}"
            r"|hf_[A-Za-z0-9]{30,99}|npm_[A-Za-z0-9]{36}|whsec_[A-Za-z0-9+/]{16,99}"
            r"|SG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{30,64}|[0-9]{8,10}:AA[A-Za-z0-9_-]{32,34})"
            r"(?![A-Za-z0-9_])"
        ),
        context.always,
    ),
    "JSON web token": Rule(
        "KEY",
        re.compile(
            r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,2000}\.[A-Za-z0-9_-]{8,4000}\.[A-Za-z0-9_-]{16,1000}"
        ),
        context.always,
    ),
    "password in a URL": Rule(
        "KEY", re.compile(r"://[^\s:/@]{1,64}:(?P<it>[^\s:/@<>{}$]{3,100})@"), context.always
    ),
    "named secret": Rule(
        "KEY",
        re.compile(
            r"(?:(?i:\bbearer\s|(?:(?:api|access|secret|private)[ _-]?key|secret|token|\bpwd"
            r"|passwo?r?d)[\"']?(?:\s?[:=]\s?|\sis\s))"
            r"|(?:비밀번호|비번|암호|패스워드|토큰|시크릿|(?:API|비밀|개인|인증|접근|시크릿)\s?키)"
            r"[\"']?(?:은|는|이|가)?(?:\s?[:=]\s?|\s))[\"']?"
            r"(?P<it>[A-Za-z0-9._~+/=!@#$%^&*-]{8,500})"
        ),
        context.secret,
    ),
    "e-mail": Rule(
        "EMAIL",
        re.compile(
            r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]{1,64}"
            r"(?:@|\s?[(\[]at[)\]]\s?|\s(?:골뱅이|@)\s)"
            r"(?:[A-Za-z0-9-]{1,63}(?:\.|\s?[(\[]dot[)\]]\s?|\sdot\s)){1,8}"
            r"[A-Za-z]{2,24}(?![A-Za-z0-9-])"
        ),
        context.mailbox,
    ),
    "e-mail in words": Rule(
        "EMAIL",
        re.compile(
            r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]{1,64}(?: dot [A-Za-z0-9]{1,30}){0,3} at "
            r"(?:[A-Za-z0-9-]{1,63}(?:\s?[(\[]dot[)\]]\s?| dot )){1,4}"
            r"[A-Za-z]{2,24}(?![A-Za-z0-9-])"
        ),
        context.always,
    ),
    "resident number": Rule(
        "RESIDENT",
        re.compile(_FREE + r"[0-9]{6}(?: ?- ?| )?[1-4](?:[0-9]{6}|\*{6})" + _CELL),
        context.registered,
    ),
    "alien number": Rule(
        "ALIEN",
        re.compile(_FREE + r"[0-9]{6}(?: ?- ?| )?[5-8](?:[0-9]{6}|\*{6})" + _CELL),
        context.registered,
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
        context.card,
    ),
    "mobile phone": Rule(
        "PHONE",
        re.compile(
            _FREE + r"(?:(?:\+|00)?82[ .-]\(?0?\)?|\+82\(?0?\)?|0)1[016789]"
            r"[ .-]?[0-9]{3,4}[ .-]?[0-9]{4}(?![0-9]|-[0-9])"
        ),
        context.mobile,
    ),
    "landline": Rule(
        "PHONE",
        re.compile(
            _FREE
            + r"(?:\(?AREA\)[ .-]?|AREA[ .-])[0-9]{3,4}[ .-][0-9]{4}(?![0-9]|-[0-9])".replace(
                "AREA", r"0(?:2|3[1-3]|4[1-4]|5[1-5]|6[1-4]|70|50[2-8])"
            )
        ),
        context.not_other,
    ),
    "phone with its country": Rule(
        "PHONE",
        re.compile(
            r"(?<![A-Za-z0-9+])\+[1-9](?:[0-9]{0,2}[ .(-][0-9 .()-]{5,18}[0-9]|[0-9]{7,14})"
            r"(?![0-9])"
        ),
        context.international,
    ),
    "account by its label": Rule(
        "ACCOUNT",
        re.compile(
            _FREE
            + r"(?:[0-9]{2,6}(?:-[0-9]{2,7}){1,3}|[0-9]{3,6} [0-9]{2,6} [0-9]{5,7}|[0-9]{8,17})"
            r"(?![0-9]|[-,][0-9])"
        ),
        context.account,
    ),
    "North American phone": Rule(
        "PHONE",
        re.compile(
            _FREE + r"(?<![0-9] )(?:1[ -])?(?:\([2-9][0-9]{2}\) ?[2-9][0-9]{2}[ .-]"
            r"|[2-9][0-9]{2}(?P<dash>[ .-])[2-9][0-9]{2}(?P=dash))[0-9]{4}(?![0-9]|-[0-9])"
        ),
        context.domestic,
    ),
    "passport by its label": Rule(
        "PASSPORT",
        re.compile(
            r"(?<![A-Za-z0-9-])(?:[A-Z][0-9]{3}[A-Z][0-9]{4}|[A-Z]{1,2}[0-9]{6,8}|[0-9]{9})"
            r"(?![A-Za-z0-9]|-[0-9])"
        ),
        context.passport,
    ),
    "IPv4": Rule(
        "IP",
        re.compile(
            r"(?<![A-Za-z0-9_.])(?<![A-Za-z]/)(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![A-Za-z0-9_]|\.[0-9])"
        ),
        context.address,
    ),
    "IPv6": Rule(
        "IP",
        re.compile(
            r"(?<![A-Za-z0-9_:.])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{1,4}(?![A-Za-z0-9_:])"
        ),
        context.address,
    ),
}
