"""Whether an answer is right, decided from its text alone; and the shape of the judge of the rest.

A fact is right when its value is in the answer and no other value of the same unit contradicts it.
A question that the documents do not answer is right when the answer admits that. Article and
language are reported apart and never required: votes may teach a style, not what is true.
Invariant: the same text always scores the same.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from eval.suite import ABSENT, OPEN, Message, Sample


class Scorer(Protocol):
    """The judge: says how likely people are to like an answer."""

    def score(self, answers: list[tuple[Sequence[Message], str]]) -> list[float]:
        """Return one probability for each (prompt, answer)."""
        ...


@dataclass(frozen=True)
class ReferenceScore:
    """One answer against its reference."""

    right: bool
    article_right: bool | None
    """None: the sample names no article."""
    language_right: bool | None
    """None: it cannot be told, as in `28 %`."""


# How answers admit that the documents do not say it. Data, so that another domain can pass its own.
ABSENCE: Mapping[str, tuple[str, ...]] = {
    "en": (
        r"\b(can ?not|can't|could ?(no|n')t|did ?(no|n')t|unable to) (find|locate|see)\b",
        r"\b(is|are|was|were) ?(not|n't) (in|given|stated|mentioned|specified|contained|covered|"
        r"found|available|included|listed) ?(in|by|from|within)? ?(the|these|our|any|your)? ?"
        r"(provided |available )?"
        r"(documents?|passages?|policy|policies|terms|articles?|context)\b",
        r"\b(documents?|passages?|policy|policies|terms|articles?|context) "
        r"(do|does|did) ?(not|n't) "
        r"(say|state|mention|contain|hold|specify|cover|give|include|provide|tell|answer)\b",
        r"\b(no|not any) (information|mention|answer|statement)\b",
        r"\b(do|does) ?(not|n't) (know|have (that|this|the|any|enough) information)\b",
    ),
    "ko": (
        r"찾을 ?수 ?(가 )?없",
        r"찾지 ?못",
        r"확인할 ?수 ?(가 )?없",
        r"확인되지 ?않",
        r"알 ?수 ?(가 )?없",
        r"(나와|적혀|쓰여|명시되어|기재되어|언급되어|포함되어|규정되어) ?있지 ?않",
        r"(명시|기재|언급|포함|규정)되지 ?않",
        r"(정보|내용|답|답변|규정|언급)(이|가|은|는|도)? ?없",
        r"(문서|자료|약관|조항)(에|에는|에서|에서는)? ?없",
    ),
}

# What people write behind a number, and what it counts.
_UNITS: Mapping[str, str] = {
    "day": "day", "days": "day", "일": "day",
    "week": "week", "weeks": "week", "주": "week", "주일": "week",
    "month": "month", "months": "month", "개월": "month", "달": "month",
    "year": "year", "years": "year", "년": "year",
    "hour": "hour", "hours": "hour", "시간": "hour",
    "percent": "percent", "per cent": "percent", "%": "percent", "퍼센트": "percent",
    "krw": "krw", "won": "krw", "원": "krw", "₩": "krw",
    "dollar": "usd", "dollars": "usd", "usd": "usd", "달러": "usd", "$": "usd",
    "euro": "eur", "euros": "eur", "eur": "eur", "유로": "eur", "€": "eur",
}  # fmt: skip
_SCALES: Mapping[str, int] = {
    "hundred": 10**2, "thousand": 10**3, "million": 10**6, "billion": 10**9,
    "백": 10**2, "천": 10**3, "만": 10**4, "백만": 10**6, "천만": 10**7, "억": 10**8,
}  # fmt: skip


def _either(words: Mapping[str, object]) -> str:
    # Longest first, so that "days" is not read as "day" and "백만" not as "백".
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


_NUMBER = r"\d+(?:,\d{3})*(?:\.\d+)?(?!\d)"
_PART = re.compile(rf"({_NUMBER})\s?({_either(_SCALES)})?")
# Korean amounts come in parts ("1억 2,000만 원"). A Latin unit ends at the end of a word ("10
# dayshift" is no duration); a Korean one takes particles.
_QUANTITY = re.compile(
    rf"(?P<before>[$€₩]|krw|usd|eur)?\s?(?<![\d.,])"
    rf"(?P<amount>(?:{_NUMBER}\s?[백천만억]+\s?)*{_NUMBER}(?:\s?(?:{_either(_SCALES)}))?)"
    rf"(?:\s?-?(?P<unit>(?:{_either(_UNITS)})(?![a-z])))?"
)
# "10 to 28 days", "10~28일": the first number has the second one's unit.
_JOINED = re.compile(r"\s?(?:-|–|~|to|or|and|에서|또는|혹은|이나|내지)\s?")


def score_reference(
    sample: Sample, text: str, absence: Mapping[str, Sequence[str]] = ABSENCE
) -> ReferenceScore:
    """Score one answer to a sample that is not open.

    Raises:
        ValueError: the sample has no reference to compare with.
    """
    value = normalised(sample.value or "")
    if sample.kind == OPEN or (sample.kind != ABSENT and not value):
        raise ValueError(
            f"sample {sample.id!r} has no reference: only a judge can score its answers"
        )
    answer = normalised(text)
    asked = normalised(" ".join(m["content"] for m in sample.messages if m["role"] == "user"))
    if sample.kind == ABSENT:
        right = admits_absence(answer, absence) and not quantities(answer) - quantities(asked)
    else:
        right = _states(value, answer, asked, sample.rivals)
    article = _contains(answer, normalised(sample.article)) if sample.article else None
    return ReferenceScore(right, article, _in_language(text, sample.language))


def normalised(text: str) -> str:
    """Return the text with one form for each character, small letters and single spaces."""
    plain = unicodedata.normalize("NFKC", text).casefold().replace("’", "'")
    return " ".join(plain.split())


def quantities(text: str) -> set[tuple[Decimal, str]]:
    """Return the (amount, unit) pairs in a normalised text; a bare number is none."""
    found = set()
    following: tuple[int, str] | None = (
        None  # where the quantity behind this one starts, and its unit
    )
    for match in reversed(list(_QUANTITY.finditer(text))):
        unit = match["unit"] or match["before"]
        if not unit and following and _JOINED.fullmatch(text, match.end(), following[0]):
            unit = following[1]
        following = (match.start(), unit) if unit else None
        if unit:
            found.add((_amount(match["amount"]), _UNITS[unit]))
    return found


def admits_absence(answer: str, patterns: Mapping[str, Sequence[str]] = ABSENCE) -> bool:
    """Say whether a normalised answer admits, in any language, that the documents are silent."""
    return any(re.search(p, answer) for language in patterns.values() for p in language)


def _states(value: str, answer: str, asked: str, rivals: Sequence[str]) -> bool:
    wanted = quantities(value)
    if wanted:
        units = {unit for _, unit in wanted}
        given = {quantity for quantity in quantities(answer) if quantity[1] in units}
        # What the question itself says may be taken up ("not 10 days but 28"): it is no
        # contradiction.
        return wanted <= given and given - wanted <= quantities(asked)
    others = (normalised(rival) for rival in rivals)
    return _contains(answer, value) and not any(
        _contains(answer, other) and not _contains(asked, other) and other not in value
        for other in others
    )


def _amount(text: str) -> Decimal:
    parts = (
        Decimal(number.replace(",", "")) * (_SCALES[scale] if scale else 1)
        for number, scale in _PART.findall(text)
    )
    return sum(parts, Decimal(0)).normalize()


def _contains(text: str, words: str) -> bool:
    """Say whether the words stand in the text, not inside a longer word or number."""
    # Behind Korean words, and behind a Latin name in Korean text, a particle may follow.
    after = r"(?![a-z0-9_])" if words[-1:].isascii() else ""
    return re.search(r"(?<!\w)" + re.escape(words) + after, text) is not None


def _in_language(text: str, language: str) -> bool | None:
    hangul = sum("가" <= character <= "힣" for character in text)
    latin = sum(character.isascii() and character.isalpha() for character in text)
    if language not in ("ko", "en") or not hangul + latin:
        return None
    return (hangul >= latin) == (language == "ko")
