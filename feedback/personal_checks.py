"""Numbers that prove themselves: check digits and dates.

Invariant: pure arithmetic on digits; a number of the wrong length proves nothing.
"""

from datetime import date

_WEIGHTS = (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)
_CENTURY = {"1": 1900, "2": 1900, "5": 1900, "6": 1900, "3": 2000, "4": 2000, "7": 2000, "8": 2000}
_LATEST = 2049
"""Nobody was born later; without a bound any two digits would be a year of this century."""


def may_be_registered(number: str) -> bool:
    """Say whether a number of the Korean register begins with a date of birth that exists.

    Args:
        number: Thirteen characters; the last six may be asterisks.
    """
    if len(number) != 13 or number[6] not in _CENTURY:
        return False
    year = _CENTURY[number[6]] + int(number[:2])
    try:
        date(year, int(number[2:4]), int(number[4:6]))
    except ValueError:
        return False
    return year <= _LATEST


def is_registered(number: str) -> bool:
    """Say whether the check digit of before October 2020 is right too, 13 digits given."""
    if not may_be_registered(number):
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
