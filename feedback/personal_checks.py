"""Numbers that prove themselves: check digits, dates and countries' codes.

Invariant: pure arithmetic on digits; a number of the wrong length proves nothing.
"""

import re
from datetime import date

_WEIGHTS = (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)
_CENTURY = {"1": 1900, "2": 1900, "5": 1900, "6": 1900, "3": 2000, "4": 2000, "7": 2000, "8": 2000}
_LATEST = 2049
"""Nobody was born later; without a bound any two digits would be a year of this century."""

_DAY = re.compile(
    r"(?P<year>[0-9]{4})(?P<dash>-?)(?P<month>[0-9]{2})(?P=dash)(?P<day>[0-9]{2})"
    r"|(?P<first>[0-9]{2})-(?P<second>[0-9]{2})-(?P<last>[0-9]{4})"
)
_YEARS = range(1900, 2100)
# Countries' codes (ITU-T E.164) with what a number there can begin with and how long it is.
_DIALLED = re.compile(
    r"1[2-9][0-9]{2}[2-9][0-9]{6}|7[3-9][0-9]{9}"
    r"|(?:2[07]|3[0-46]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58])[1-9][0-9]{6,11}"
    # There the zero of the trunk is dialled from abroad too.
    r"|(?:39|225|24[12])[0-9]{7,11}"
    r"|(?:21[1368]|2[2-6][0-9]|29[01789]|35[0-9]|37[0-8]|38[0-35-79]|42[013]|5[09][0-9]|67[02-9]"
    r"|68[0-35-9]|69[0-2]|85[02356]|88[06]|96[0-8]|97[0-7]|99[2-68])[1-9][0-9]{5,9}"
)


def is_day(number: str) -> bool:
    """Say whether a number is a day since 1900: 2024-01-15, 20240115 or 15-01-2024."""
    match = _DAY.fullmatch(number)
    if match is None:
        return False
    year = int(match["year"] or match["last"])
    pair = (match["month"] or match["first"], match["day"] or match["second"])
    orders = (pair,) if match["year"] else (pair, pair[::-1])
    return year in _YEARS and any(_exists(year, int(month), int(day)) for month, day in orders)


def _exists(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


def is_dialled(number: str) -> bool:
    """Say whether digits begin with a country's code and go on as a phone's number there can."""
    return len(number) <= 15 and _DIALLED.fullmatch(number) is not None


def may_be_registered(number: str) -> bool:
    """Say whether a number of the Korean register begins with a date of birth that exists.

    Args:
        number: Thirteen characters; the last six may be asterisks.
    """
    if len(number) != 13 or number[6] not in _CENTURY:
        return False
    year = _CENTURY[number[6]] + int(number[:2])
    return year <= _LATEST and _exists(year, int(number[2:4]), int(number[4:6]))


def is_registered(number: str) -> bool:
    """Say whether the check digit of before October 2020 is right too, 13 digits given."""
    if not number.isdigit() or not may_be_registered(number):
        return False
    base = 11 if number[6] in "1234" else 13
    weighed = sum(int(digit) * weight for digit, weight in zip(number, _WEIGHTS, strict=False))
    return (base - weighed % 11) % 10 == int(number[12])


def is_card(number: str) -> bool:
    """Say whether Luhn's formula (ISO/IEC 7812-1) holds for a card's digits."""
    total = 0
    for place, digit in enumerate(reversed(number)):
        doubled = int(digit) * (1 + place % 2)
        total += doubled - 9 if doubled > 9 else doubled
    return 13 <= len(number) <= 19 and total % 10 == 0


def is_iban(number: str) -> bool:
    """Say whether an account's number of 15 to 34 characters is 1 modulo 97 (ISO 13616)."""
    if not (15 <= len(number) <= 34 and number.isalnum()):
        return False
    return int("".join(str(int(sign, 36)) for sign in number[4:] + number[:4])) % 97 == 1
