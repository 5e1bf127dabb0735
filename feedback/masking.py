"""Personal data masked: a placeholder such as `[EMAIL_1]` stands for it in all of a conversation.

The model still learns that there was an address and what one does with it, not whose it was.

Invariant: the same thing has the same placeholder, however it is spelled, and two things never
share one; a text that is masked already stays as it is.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from feedback.personal import Found, find_personal
from feedback.personal_rules import KINDS, RULES

_PLACEHOLDER = re.compile(rf"\[({'|'.join(KINDS)})_([0-9]{{1,6}})\]")


class Masked(NamedTuple):
    """Texts without what was personal in them."""

    texts: tuple[str, ...]
    rules: tuple[str, ...]
    """The rule that found it, once for each thing that was masked."""


def mask(texts: Sequence[str], public: str = "") -> Masked:
    """Mask the texts of one conversation, numbering what is found in the order of its appearance.

    Args:
        texts: All that belongs together: questions, answers, what was rejected.
        public: What is found in here is nobody's secret, and stays however it is spelled.
    """
    findings: list[Sequence[Found]] = [find_personal(text) for text in texts]
    if any(findings) and public:
        known = {(RULES[each.rule].kind, each.identity) for each in find_personal(public)}
        findings = [
            [each for each in found if (RULES[each.rule].kind, each.identity) not in known]
            for found in findings
        ]
    if not any(findings):
        return Masked(tuple(texts), ())
    used = _written(texts)
    names: dict[tuple[str, str], str] = {}
    rules: list[str] = []
    masked = []
    for text, found in zip(texts, findings, strict=True):
        pieces, at = [], 0
        for each in found:
            kind = RULES[each.rule].kind
            if (kind, each.identity) not in names:
                names[kind, each.identity] = _fresh(kind, used[kind])
                rules.append(each.rule)
            pieces += [text[at : each.start], names[kind, each.identity]]
            at = each.end
        masked.append("".join((*pieces, text[at:])))
    return Masked(tuple(masked), tuple(rules))


def placeholders(*texts: str) -> frozenset[str]:
    """Return the placeholders that stand in texts."""
    return frozenset(each.group() for text in texts for each in _PLACEHOLDER.finditer(text))


def _written(texts: Iterable[str]) -> defaultdict[str, set[int]]:
    """Return the numbers of placeholders that somebody, or an earlier model, wrote out."""
    used: defaultdict[str, set[int]] = defaultdict(set)
    for text in texts:
        for kind, number in _PLACEHOLDER.findall(text):
            used[kind].add(int(number))
    return used


def _fresh(kind: str, used: set[int]) -> str:
    number = next(n for n in range(1, len(used) + 2) if n not in used)
    used.add(number)
    return f"[{kind}_{number}]"
