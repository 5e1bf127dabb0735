"""Korean particles that fit the word before them, so that generated sentences read right.

A particle has one form behind a final consonant and one behind a vowel. Templates write both
(`은/는`) and `resolve` keeps the one that fits. Invariant: text without such a pair is unchanged.
"""

import re

_PAIR = re.compile(r"(.)([)\"']?)(은/는|이/가|을/를|과/와|으로/로)")

# How a digit is read decides: 0 영, 1 일, 3 삼, 6 육, 7 칠, 8 팔 end in a consonant.
_DIGITS_WITH_FINAL = frozenset("013678")
_FIRST_SYLLABLE, _LAST_SYLLABLE = 0xAC00, 0xD7A3
_RIEUL = 8  # the index of the final ㄹ, behind which 로 is used


def final_consonant(character: str) -> int:
    """Return the index of the final consonant that ends `character` when read, 0 for none."""
    code = ord(character)
    if _FIRST_SYLLABLE <= code <= _LAST_SYLLABLE:
        return (code - _FIRST_SYLLABLE) % 28
    if character in "178":  # 일, 칠, 팔
        return _RIEUL
    return 1 if character in _DIGITS_WITH_FINAL else 0


def resolve(text: str) -> str:
    """Keep of every written pair of particles the one that fits the character before it."""
    return _PAIR.sub(_fitting, text)


def _fitting(match: re.Match[str]) -> str:
    before, closing, pair = match.groups()
    closed, opened = pair.split("/")
    final = final_consonant(before)
    if pair == "으로/로":
        return before + closing + (opened if final in (0, _RIEUL) else closed)
    return before + closing + (closed if final else opened)
