"""What texts about people hold, drawn: personal data by its kind, and what only looks like it.

Nothing here is anybody's. Check digits are computed here, apart from the rules that are measured
with these values.

Invariant: a value depends on the generator's state and the language alone.
"""

import base64
import json
import string
from collections.abc import Callable
from random import Random
from typing import Literal

Language = Literal["en", "ko"]


def _digits(rng: Random, count: int, first: str = string.digits) -> str:
    return rng.choice(first) + "".join(rng.choices(string.digits, k=count - 1))


def _token(rng: Random, count: int, alphabet: str = string.ascii_letters + string.digits) -> str:
    return "".join(rng.choices(alphabet, k=count))


def _email(rng: Random) -> str:
    name = rng.choice(("minsu.kim", "j_park", "lee+claims", "Anna.Schmidt", "hong1984", "a.b-c"))
    host = rng.choice(("example.com", "mail.example.co.kr", "hanbit-mail.net", "example.museum"))
    if rng.random() < 0.1:
        return f"{name} (at) {host}"
    return f"{name}{rng.randint(1, 99) if rng.random() < 0.5 else ''}@{host}"


def _phone(rng: Random, language: Language) -> str:
    last, dash = _digits(rng, 4), rng.choice(("-", "-", " ", "."))
    mobile = f"{_digits(rng, 4, '23456789')}{dash}{last}"
    if language == "ko" or rng.random() < 0.4:
        area = rng.choice(("02", "031", "051", "064", "070"))
        return rng.choice(
            (
                f"010{dash}{mobile}",
                f"010{dash}{mobile}",
                f"010{_digits(rng, 8, '23456789')}",
                f"+82{dash}10{dash}{mobile}",
                f"+8210{_digits(rng, 8, '23456789')}",
                f"011-{_digits(rng, 3, '23456789')}-{last}",
                f"{area}-{_digits(rng, 3, '23456789')}-{last}",
                f"({area}) {_digits(rng, 4, '23456789')}-{last}",
                f"0507-{_digits(rng, 4)}-{last}",
            )
        )
    area, middle = _digits(rng, 3, "23456789"), _digits(rng, 3, "23456789")
    return rng.choice(
        (
            f"({area}) {middle}-{last}",
            f"{area}-{middle}-{last}",
            f"+1 {area} {middle} {last}",
            f"+1-{area}-{middle}-{last}",
            f"+44 20 7{_digits(rng, 3)} {last}",
            f"+49 30 {_digits(rng, 4)}{last}",
            f"+33 6 {_digits(rng, 2)} {_digits(rng, 2)} {_digits(rng, 2)} {_digits(rng, 2)}",
            f"+81-90-{_digits(rng, 4)}-{last}",
        )
    )


def _id_number(rng: Random, centuries: str, base: int) -> str:
    """Draw a number of the register; seven of ten carry the check digit of before October 2020."""
    year, month, day = rng.randint(0, 99), rng.randint(1, 12), rng.randint(1, 28)
    century = rng.choice(centuries[:2] if year > 26 else centuries)
    head = f"{year:02}{month:02}{day:02}{century}{_digits(rng, 5)}"
    weighed = sum(
        int(d) * w for d, w in zip(head, (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5), strict=True)
    )
    dash = rng.choice(("-", "-", "-", " - ", ""))
    old_scheme = rng.random() < 0.7 or not dash
    last = (base - weighed % 11) % 10 if old_scheme else rng.randint(0, 9)
    return f"{head[:6]}{dash}{head[6:]}{last}"


def _resident(rng: Random, _: Language) -> str:
    if rng.random() < 0.1:
        number = _id_number(rng, "1234", 11).replace(" ", "").replace("-", "")
        return f"{number[:7]}******".replace(number[:6], f"{number[:6]}-", 1)
    return _id_number(rng, "1234", 11)


def _alien(rng: Random, _: Language) -> str:
    return _id_number(rng, "5678", 13)


def _luhn(head: str) -> str:
    total = 0
    for place, digit in enumerate(reversed(head)):
        doubled = int(digit) * (2 if place % 2 == 0 else 1)
        total += doubled - 9 if doubled > 9 else doubled
    return f"{head}{-total % 10}"


def _card(rng: Random, _: Language) -> str:
    if rng.random() < 0.15:
        number = _luhn("37" + _digits(rng, 12))
        return rng.choice((number, f"{number[:4]}-{number[4:10]}-{number[10:]}"))
    issuer = rng.choice(("4", "51", "55", "2221", "6011", "9410", "35"))
    number = _luhn((issuer + _digits(rng, 14))[:15])
    groups = [number[i : i + 4] for i in range(0, 16, 4)]
    return rng.choice(("-".join(groups), "-".join(groups), " ".join(groups), number))


def _account(rng: Random, language: Language) -> str:
    if language == "en":
        iban = f"{_digits(rng, 10)}{_digits(rng, 8)}"
        check = 98 - int(f"{iban}131400") % 97
        spaced = f"DE{check:02}{iban}"
        return rng.choice(
            (
                spaced,
                " ".join(spaced[i : i + 4] for i in range(0, 22, 4)),
                _digits(rng, 8),
                _digits(rng, 12),
            )
        )
    groups = rng.choice(((3, 6, 5), (3, 2, 6), (6, 2, 6), (4, 2, 7), (3, 4, 4, 2), (14,), (11,)))
    return "-".join(_digits(rng, count) for count in groups)


def _passport(rng: Random, language: Language) -> str:
    if language == "en" and rng.random() < 0.5:
        return rng.choice((_digits(rng, 9), f"C{_digits(rng, 8)}"))
    new = f"{_digits(rng, 3)}{rng.choice(string.ascii_uppercase)}{_digits(rng, 4)}"
    return rng.choice("MSR") + (new if rng.random() < 0.5 else _digits(rng, 8))


def _ip(rng: Random, _: Language) -> str:
    if rng.random() < 0.3:
        groups = [f"{rng.randrange(16**4):x}" for _ in range(8)]
        return rng.choice(
            (":".join(groups), f"2001:db8:{groups[0]}::{groups[1]}", f"fe80::{groups[2]}")
        )
    return ".".join(str(rng.randint(*ends)) for ends in ((1, 126), (0, 255), (0, 255), (1, 254)))


def _key(rng: Random, _: Language) -> str:
    part = (
        base64.urlsafe_b64encode(json.dumps({"sub": _token(rng, 9)}).encode()).decode().rstrip("=")
    )
    body = "\n".join(_token(rng, 64) for _ in range(3))
    return rng.choice(
        (
            f"sk-{_token(rng, 48)}",
            f"sk-proj-{_token(rng, 40)}",
            f"ghp_{_token(rng, 36)}",
            f"github_pat_{_token(rng, 22)}_{_token(rng, 40)}",
            f"AKIA{_token(rng, 16, string.ascii_uppercase + string.digits)}",
            f"AIza{_token(rng, 35)}",
            f"xoxb-{_digits(rng, 11)}-{_token(rng, 24)}",
            f"hf_{_token(rng, 34)}",
            f"eyJhbGciOiJIUzI1NiJ9.{part}.{_token(rng, 43)}",
            f"-----BEGIN RSA PRIVATE KEY-----\n{body}\n-----END RSA PRIVATE KEY-----",
        )
    )


PERSONAL: dict[str, Callable[[Random, Language], str]] = {
    "EMAIL": lambda rng, _: _email(rng),
    "PHONE": _phone,
    "RESIDENT": _resident,
    "ALIEN": _alien,
    "CARD": _card,
    "ACCOUNT": _account,
    "PASSPORT": _passport,
    "IP": _ip,
    "KEY": _key,
}

HARMLESS: dict[str, Callable[[Random], str]] = {
    "policy": lambda rng: rng.choice(
        (
            f"{rng.randint(2015, 2026)}-{_digits(rng, 7)}",
            f"L{_digits(rng, 11)}",
            f"{_digits(rng, 3, '23456789')}-{_digits(rng, 3, '23456789')}-{_digits(rng, 4)}",
            f"{_digits(rng, 6)}-{_digits(rng, 2)}-{_digits(rng, 6)}",
            _digits(rng, 10),
            _digits(rng, 13),
            _digits(rng, 16, "3456"),
        )
    ),
    "won": lambda rng: f"{rng.randint(1, 9999) * 10_000:,}",
    "plain": lambda rng: str(rng.randint(1, 9999) * 10_000),
    "day": lambda rng: rng.choice(
        ("{0}-{1:02}-{2:02}", "{0}.{1:02}.{2:02}", "{0}{1:02}{2:02}")
    ).format(rng.randint(1950, 2026), rng.randint(1, 12), rng.randint(1, 28)),
    "clock": lambda rng: f"{rng.randint(0, 23):02}:{rng.randint(0, 59):02}:{rng.randint(0, 59):02}",
    "article": lambda rng: str(rng.randint(1, 14)),
    "clause": lambda rng: ".".join(str(rng.randint(1, 20)) for _ in range(4)),
    "version": lambda rng: ".".join(str(rng.randint(0, 30)) for _ in range(4)),
    "isbn": lambda rng: f"978{_digits(rng, 10)}",
    "hotline": lambda rng: rng.choice(
        (
            f"15{_digits(rng, 2)}-{_digits(rng, 4)}",
            f"1800-{_digits(rng, 4)}",
            f"080-{_digits(rng, 3)}-{_digits(rng, 4)}",
        )
    ),
    "percent": lambda rng: f"{rng.randint(1, 99)}.{rng.randint(0, 99)}",
    "hash": lambda rng: _token(rng, 40, "0123456789abcdef"),
    "model": lambda rng: f"{rng.choice('MSR')}{_digits(rng, 8)}",
    "count": lambda rng: _digits(rng, rng.randint(8, 9), "123456789"),
    "image": lambda rng: (
        f"{rng.choice(('user', 'logo', 'icon-claim'))}@{rng.randint(2, 3)}x."
        + rng.choice(("png", "jpg", "webp", "svg"))
    ),
    "repository": lambda rng: (
        f"git@{rng.choice(('github.com', 'git.example.com'))}:hanbit/{_token(rng, 6)}"
    ),
    "netmask": lambda rng: f"255.255.{rng.choice((0, 240, 255))}.{rng.choice((0, 128, 255))}",
    "software": lambda rng: rng.choice(("OpenSSL", "PyTorch", "nginx", "firmware", "펌웨어")),
    "words": lambda rng: rng.choice(
        ("see-section-{}", "tokenizer-v{}.json", "our-policy-{}.")
    ).format(rng.randint(1, 99)),
    "mac": lambda rng: ":".join(_token(rng, 2, "0123456789abcdef") for _ in range(6)),
}
