"""What the slots of the labelled lines are filled with: personal data in the forms people type.

Apart from `personal_values.py`, in which the forms that the rules were first written for are drawn,
so that neither set leans on the other. Nothing here is anybody's.

Invariant: a value depends on the generator's state alone; numbers that carry a check digit have a
right one.
"""

import string
from collections.abc import Callable
from random import Random

_NAMES = ("minjun", "soyeon", "d.park", "kim_hy", "ana.ruiz", "j-lee", "tom", "oh.jh", "mueller")
_HOSTS = ("gmail.com", "naver.com", "daum.net", "outlook.com", "snu.ac.kr", "firm.co.uk", "x.io")
_ACCOUNTS = (
    *((6, 2, 6), (3, 3, 6), (4, 3, 6), (3, 6, 5)),
    *((3, 4, 4, 2), (4, 2, 7), (3, 6, 2, 3), (3, 2, 6)),
)
"""Groups of digits by which Korean banks write their accounts."""
_HANGUL = dict(zip(string.digits, "공일이삼사오육칠팔구", strict=True))
_HEX, _ALNUM = "0123456789abcdef", string.ascii_letters + string.digits
_WIDE = {ord(digit): ord(digit) + 0xFEE0 for digit in string.digits + "-"}


def _digits(rng: Random, count: int, first: str = "123456789") -> str:
    return rng.choice(first) + "".join(rng.choices(string.digits, k=count - 1))


def _drawn(rng: Random, count: int, alphabet: str = _ALNUM) -> str:
    return "".join(rng.choices(alphabet, k=count))


def _grouped(rng: Random, groups: tuple[int, ...], dash: str = "-") -> str:
    return dash.join(_digits(rng, count) for count in groups)


def _email(rng: Random) -> str:
    name = rng.choice(_NAMES) + rng.choice(("", "", str(rng.randint(1, 2005))))
    address = f"{name}@{rng.choice(_HOSTS)}"
    return address.upper() if rng.random() < 0.1 else address


def _email_spelled(rng: Random) -> str:
    name, host = _email(rng).lower().split("@")
    dotted = host.replace(".", rng.choice((" dot ", "[dot]", "(dot)")))
    return rng.choice(
        (
            f"{name} at {dotted}",
            f"{name}[at]{dotted}",
            f"{name} (at) {host}",
            f"{name}[at]{host}",
            f"{name} 골뱅이 {host}",
            f"{name} @ {host}",
        )
    )


def _phone_ko(rng: Random) -> str:
    middle, last = _digits(rng, 4, "23456789"), _digits(rng, 4)
    area = rng.choice(("02", "031", "032", "051", "053", "064"))
    mobile = f"010-{middle}-{last}"
    return rng.choice(
        (
            mobile,
            mobile,
            mobile.replace("-", ""),
            mobile.replace("-", " "),
            mobile.replace("-", "."),
            mobile.translate(_WIDE),
            f"010-{middle}{last}",
            f"+82 10-{middle}-{last}",
            f"+82 (0)10 {middle} {last}",
            f"{area}-{middle[:3]}-{last}",
            f"{area}){middle}-{last}",
            f"{area}-{middle}-{last}",
            f"070-{middle}-{last}",
            "-".join("".join(_HANGUL[d] for d in part) for part in mobile.split("-")),
        )
    )


def _phone_en(rng: Random) -> str:
    area = rng.choice(("212", "415", "646", "503", "312", "617"))
    middle, last = _digits(rng, 3, "23456789"), _digits(rng, 4)
    return rng.choice(
        (
            f"({area}) {middle}-{last}",
            f"{area}-{middle}-{last}",
            f"{area}.{middle}.{last}",
            f"{area} {middle} {last}",
            f"1-{area}-{middle}-{last}",
            f"+1 ({area}) {middle}-{last}",
            f"+1{area}{middle}{last}",
            f"+44 79{_digits(rng, 2)} {_digits(rng, 6)}",
            f"+44 (0)20 7{middle} {last}",
            f"+49 170 {_digits(rng, 7)}",
            f"+61 4{_digits(rng, 2)} {_digits(rng, 3)} {_digits(rng, 3)}",
            f"+65 9{middle} {last}",
            f"+82 10 {_digits(rng, 4, '23456789')} {last}",
        )
    )


def _registered(rng: Random, centuries: str, base: int) -> str:
    """Draw a number of the register, one in four by the rule of since October 2020."""
    year = rng.randint(0, 99)
    century = rng.choice(centuries[2:] if year <= 24 else centuries[:2])
    head = f"{year:02}{rng.randint(1, 12):02}{rng.randint(1, 28):02}{century}{_digits(rng, 5)}"
    weighed = sum(int(d) * (2 + place % 8) for place, d in enumerate(head))
    digit = (base - weighed % 11) % 10
    form = rng.randint(0, 7)
    if form == 0:
        return f"{head[:6]}-{century}******"
    if form <= 2:
        return f"{head[:6]}-{head[6:]}{rng.randint(0, 9)}"
    return f"{head[:6]}{rng.choice(('-', '-', ' - ', ''))}{head[6:]}{digit}"


def _luhn(head: str) -> str:
    doubled = [int(d) * (2 - place % 2) for place, d in enumerate(reversed(head))]
    return f"{head}{-sum(d - 9 if d > 9 else d for d in doubled) % 10}"


def _card(rng: Random) -> str:
    if rng.random() < 0.2:
        number = _luhn(rng.choice(("34", "37")) + _digits(rng, 12))
        return f"{number[:4]} {number[4:10]} {number[10:]}" if rng.random() < 0.5 else number
    number = _luhn((rng.choice(("4", "52", "54", "6011", "2720", "9490")) + _digits(rng, 14))[:15])
    return rng.choice(("-", " ", "")).join(number[at : at + 4] for at in range(0, 16, 4))


def _iban(rng: Random) -> str:
    country, body = rng.choice(
        (
            ("DE", _digits(rng, 18)),
            ("GB", f"{_drawn(rng, 4, string.ascii_uppercase)}{_digits(rng, 14)}"),
            ("NL", f"{_drawn(rng, 4, string.ascii_uppercase)}{_digits(rng, 10)}"),
            ("ES", _digits(rng, 20)),
        )
    )
    rest = int("".join(str(int(sign, 36)) for sign in f"{body}{country}00")) % 97
    number = f"{country}{98 - rest:02}{body}"
    grouped = " ".join(number[at : at + 4] for at in range(0, len(number), 4))
    return rng.choice((number, grouped))


def _account_ko(rng: Random) -> str:
    groups = rng.choice(_ACCOUNTS)
    return rng.choice((_grouped(rng, groups), _grouped(rng, groups), _digits(rng, sum(groups))))


def _passport(rng: Random) -> str:
    return rng.choice(
        (
            f"M{_digits(rng, 8)}",
            f"M{_digits(rng, 3)}{rng.choice(string.ascii_uppercase)}{_digits(rng, 4)}",
            f"S{_digits(rng, 8)}",
            _digits(rng, 9),
            f"E{_digits(rng, 8)}",
            f"T{rng.choice('KRZ')}{_digits(rng, 7)}",
        )
    )


def _ip(rng: Random) -> str:
    if rng.random() < 0.2:
        groups = [f"{rng.randrange(16**4):x}" for _ in range(7)]
        return rng.choice(
            (f"2a02:{':'.join(groups)}", f"2001:{groups[0]}:{groups[1]}::{groups[2]}")
        )
    first = rng.choice((rng.randint(11, 126), rng.randint(128, 223)))
    rest = (rng.randint(0, 255), rng.randint(0, 255), rng.randint(1, 254))
    public = ".".join(map(str, (first, *rest)))
    return rng.choice((public, public, f"192.168.{rest[1]}.{rest[2]}", f"10.{rest[0]}.{rest[1]}.7"))


def _key(rng: Random) -> str:
    return rng.choice(
        (
            f"sk-{_drawn(rng, 48)}",
            f"sk-ant-api03-{_drawn(rng, 60)}",
            f"gho_{_drawn(rng, 36)}",
            f"AKIA{_drawn(rng, 16, string.ascii_uppercase + string.digits)}",
            f"AIza{_drawn(rng, 35)}",
            f"xoxp-{_digits(rng, 12)}-{_drawn(rng, 24)}",
            f"hf_{_drawn(rng, 34)}",
            f"glpat-{_drawn(rng, 20)}",
            f"rk_live_{_drawn(rng, 24)}",
            f"SG.{_drawn(rng, 22)}.{_drawn(rng, 43)}",
        )
    )


def _pem(rng: Random) -> str:
    lines = "\n".join(_drawn(rng, 64) for _ in range(4))
    name = rng.choice(("", "RSA ", "EC ", "OPENSSH "))
    return f"-----BEGIN {name}PRIVATE KEY-----\n{lines}\n-----END {name}PRIVATE KEY-----"


def _password(rng: Random) -> str:
    """Draw a word somebody remembers with figures and a sign, or what a program drew."""
    word = rng.choice(("Sunrise", "baduk", "Haneul", "giraffe", "Wolke"))
    sign = rng.choice("!@#$*")
    return rng.choice(
        (
            f"{word}{_digits(rng, 4)}{sign}",
            f"{sign}{word}_{_digits(rng, 5)}",
            _drawn(rng, 14) + "7x",
        )
    )


def _date(rng: Random) -> str:
    year, month, day = rng.randint(1955, 2026), rng.randint(1, 12), rng.randint(1, 28)
    form = rng.choice(
        ("{0}-{1:02}-{2:02}", "{0}.{1:02}.{2:02}", "{2:02}/{1:02}/{0}", "{0}{1:02}{2:02}")
    )
    return form.format(year, month, day)


def _policy(rng: Random) -> str:
    groups = rng.choice(
        ((4, 7), (3, 3, 4), (4, 4, 4, 4), (6, 2, 6), (3, 2, 5), (10,), (13,), (12,))
    )
    return rng.choice(("", "", "HG-", "L")) + _grouped(rng, groups)


def _file(rng: Random) -> str:
    name = rng.choice(("scan", "IMG", "claim_form", "report", "logo@2x", "사진"))
    ending = rng.choice(("jpg", "pdf", "png", "xlsx"))
    return f"{name}_{_date(rng).replace('/', '-')}_{_digits(rng, 6)}.{ending}"


SLOTS: dict[str, Callable[[Random], str]] = {
    "EMAIL": _email,
    "EMAIL_SPELLED": _email_spelled,
    "PHONE_KO": _phone_ko,
    "PHONE_EN": _phone_en,
    "RESIDENT": lambda rng: _registered(rng, "1234", 11),
    "ALIEN": lambda rng: _registered(rng, "5678", 13),
    "CARD": _card,
    "ACCOUNT_KO": _account_ko,
    "ACCOUNT_EN": lambda rng: _digits(rng, rng.randint(8, 12)),
    "IBAN": _iban,
    "PASSPORT": _passport,
    "IP": _ip,
    "KEY": _key,
    "KEY_PEM": _pem,
    "PASSWORD": _password,
    "SECRET": lambda rng: _drawn(rng, 32, rng.choice((_HEX, _ALNUM))),
    "date": _date,
    "time": lambda rng: f"{rng.randint(0, 23):02}:{rng.randint(0, 59):02}:{rng.randint(0, 59):02}",
    "price": lambda rng: (
        f"{rng.randint(1, 99_999) * 1_000:{rng.choice((',', ''))}}"
        + rng.choice((" won", "원", " KRW"))
    ),
    "count": lambda rng: str(rng.randint(1, 10 ** rng.randint(2, 8))),
    "policy": _policy,
    "hotline": lambda rng: (
        rng.choice(("1588-", "1600-", "1899-", "080-123-", "1-800-555-")) + _digits(rng, 4)
    ),
    "software": lambda rng: rng.choice(
        ("dotnet", "PyTorch", "Chrome", "ffmpeg", "iOS", "한글", "PostgreSQL")
    ),
    "version": lambda rng: ".".join(str(rng.randint(0, most)) for most in (24, 12, 30, 60)),
    "file": _file,
    "hash": lambda rng: _drawn(rng, 40, _HEX),
    "uuid": lambda rng: "-".join(_drawn(rng, n, _HEX) for n in (8, 4, 4, 4, 12)),
    "model": lambda rng: f"{rng.choice(('SM-G', 'WF', 'A'))}{_digits(rng, 4)}{rng.choice('NKS')}",
}
