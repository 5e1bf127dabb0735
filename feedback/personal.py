"""Personal data in a text: where it stands, of which kind, and by which rule it was found.

Invariant: what is found never overlaps; the same text gives the same findings.
"""

import re
from bisect import bisect
from functools import lru_cache
from typing import NamedTuple

from feedback.personal_rules import RULES


class Found(NamedTuple):
    """A piece of personal data: `text[start:end]`."""

    start: int
    end: int
    rule: str
    """The rule's name, e.g. `card`; `RULES` says of which kind it is."""
    identity: str
    """What two spellings of the same thing have in common."""


# Width and dashes as people type them, one character each, so that positions stay.
_FOLD = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_FOLD |= dict.fromkeys((0x2010, 0x2011, 0x2012, 0x2013, 0x2014, 0x2212), ord("-"))
_FOLD |= dict.fromkeys((0x00A0, 0x3000), ord(" "))
_FOLDED = re.compile("[" + "".join(map(chr, _FOLD)) + "]")
# A mobile's number written as it is said.
_SAID = str.maketrans("영공일이삼사오육칠팔구", "00123456789")
_DIGIT = "[영공일이삼사오육칠팔구]"
_SPOKEN = re.compile(rf"[영공]일[영공][ .-]?{_DIGIT}{{3,4}}[ .-]?{_DIGIT}{{4}}")

# The signs of an address, written out or not.
_SIGNS = re.compile(r"\s?[(\[]dot[)\]]\s?|\sdot\s|(?P<at>\s?[(\[]at[)\]]\s?|\s(?:at|골뱅이|@)\s)")

# Without any of these no rule can match; most texts end here.
_WORTH_A_LOOK = re.compile(
    r"@|[(\[]at[)\]]|[ (\[]dot[ )\]]|골뱅이|[0-9](?:[ .()+-]{0,3}[0-9*]){3}|[A-Z][0-9]{3}[A-Z]"
    r"|[0-9A-Fa-f]:[0-9A-Fa-f:]|-----BEGIN|(?:sk|pk|rk|gh[pousr]|hf|npm|pat|whsec)[_-]|xox|AKIA|ASIA"
    r"|AIza|eyJ|(?i:bearer\s|(?:key|secret|token|passwo?r?d|pwd)[\"']?(?:\s?[:=]|\sis\s))"
    r"|비밀번호|비번|암호|패스워드|토큰|시크릿|[I밀인증근릿]\s?키"
)


@lru_cache(maxsize=4096)
def find_personal(text: str) -> tuple[Found, ...]:
    """Return what is personal in a text, in the order in which it stands there."""
    if _FOLDED.search(text):
        text = text.translate(_FOLD)
    if "일" in text:
        text = _SPOKEN.sub(lambda said: said.group().translate(_SAID), text)
    if not _WORTH_A_LOOK.search(text):
        return ()
    found: list[Found] = []
    for name, rule in RULES.items():
        for match in rule.pattern.finditer(text):
            start, end = match.span("it" if "it" in match.re.groupindex else 0)
            at = bisect(found, start, key=lambda other: other.start)
            # What is found does not overlap, so only its neighbours can be in the way.
            if any(
                start < other.end and other.start < end for other in found[max(0, at - 1) : at + 1]
            ):
                continue
            if rule.holds(text, start, end):
                found.insert(at, Found(start, end, name, _identity(rule.kind, text[start:end])))
    return tuple(found)


def _identity(kind: str, value: str) -> str:
    if kind == "KEY":
        return value
    if kind == "EMAIL":
        return _SIGNS.sub(lambda sign: "@" if sign["at"] else ".", value.casefold())
    if kind == "IP":
        return value.casefold()
    bare = re.sub(r"[^0-9A-Za-z*]", "", value).upper()
    if kind == "PHONE":
        # +82 10 and 010 are the same phone.
        return re.sub(r"^(?:00)?820?(?=1)", "0", bare)
    return bare
