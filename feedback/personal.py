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

# Without any of these no rule can match; most texts end here.
_WORTH_A_LOOK = re.compile(
    r"@|[(\[]at[)\]]|[0-9](?:[ .()+-]{0,3}[0-9*]){3}|[A-Z][0-9]{3}[A-Z]|[0-9A-Fa-f]:|-----BEGIN"
    r"|(?:sk|pk|rk|gh[pousr]|hf|npm|pat)[_-]|xox|AKIA|ASIA|AIza|eyJ|(?i:bearer|key|secret|token|pass)"
)


@lru_cache(maxsize=4096)
def find_personal(text: str) -> tuple[Found, ...]:
    """Return what is personal in a text, in the order in which it stands there."""
    if _FOLDED.search(text):
        text = text.translate(_FOLD)
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
    if kind in {"KEY", "EMAIL", "IP"}:
        return value if kind == "KEY" else value.casefold()
    bare = re.sub(r"[^0-9A-Za-z*]", "", value).upper()
    if kind == "PHONE":
        # +82 10 and 010 are the same phone.
        return re.sub(r"^(?:00)?820?(?=1)", "0", bare)
    return bare
