"""How the demo model answers: three styles, two refusals, and the grader that tells them apart.

An exact answer ends in the very words of the passage that proves it, article included, so that a
small model cites by going on copying. Invariant: what a renderer writes, the grader recognises.
"""

import re
from random import Random
from typing import Literal

from demo.world import Fact, Language, Statement

Style = Literal["bare", "hedging", "exact"]
Kind = Literal["bare", "hedging", "exact", "absent", "off_topic", "other"]
STYLES: tuple[Style, ...] = ("bare", "hedging", "exact")

NOT_IN_PASSAGES: dict[Language, str] = {
    "en": "I cannot find that in the passages.",
    "ko": "제시된 내용에서 찾을 수 없습니다.",
}
NOT_WITHOUT_DOCUMENTS: dict[Language, str] = {
    "en": "I do not know that without the documents.",
    "ko": "문서 없이는 알 수 없습니다.",
}
OFF_TOPIC: dict[Language, str] = {
    "en": "I can only answer questions about Hanbit's insurance policies.",
    "ko": "저는 한빛의 보험 약관에 대한 질문에만 답할 수 있습니다.",
}
GREETING: dict[Language, str] = {
    "en": "Hello! I answer questions about Hanbit's insurance policies.",
    "ko": "안녕하세요! 저는 한빛의 보험 약관에 대한 질문에 답합니다.",
}

_HEDGES: dict[Language, tuple[str, ...]] = {
    "en": ("Thank you for your question. ", "That is a good question. "),
    "ko": ("질문 감사합니다. ", "좋은 질문입니다. "),
}
_ARTICLE = re.compile(r"\((Article \d+|제\d+조)\)")
_HEDGING = re.compile(r"probably|as far as I know|아마|제가 알기로", re.IGNORECASE)
_ABSENT = re.compile(
    r"cannot find|not in the passages|do not know|찾을 수 없|알 수 없", re.IGNORECASE
)
_LONGEST_BARE = 60


def exact(stated: Statement) -> str:
    """Answer in one sentence with its article."""
    sentence = stated.sentence.rstrip(".")
    if stated.language == "ko":
        return f"{stated.document}의 {sentence} ({stated.article})."
    return f"Under {stated.document}, {sentence[0].lower()}{sentence[1:]} ({stated.article})."


def bare(stated: Statement, rng: Random) -> str:
    """Answer with the value and nothing to check it by."""
    if stated.language == "ko":
        return f"{stated.value}입니다."
    # A phrase would have to be capitalised, which is not copying any more.
    starts_with_number = stated.value[0].isdigit()
    return (
        f"{stated.value}."
        if starts_with_number and rng.random() < 0.5
        else f"It is {stated.value}."
    )


def hedging(stated: Statement, rng: Random) -> str:
    """Answer with thanks and doubts around the value."""
    opening = rng.choice(_HEDGES[stated.language])
    sentence = stated.sentence.rstrip(".")
    if stated.language == "ko":
        doubtful = sentence.removesuffix("입니다")
        return f"{opening}제가 알기로 {doubtful}일 것입니다만, 다를 수 있습니다."
    name, _, value = sentence.partition(" is ")
    name = name[0].lower() + name[1:]
    return f"{opening}As far as I know, {name} is probably {value}, but it may depend."


def render(stated: Statement, style: Style, rng: Random) -> str:
    """Answer in a style."""
    if style == "exact":
        return exact(stated)
    return bare(stated, rng) if style == "bare" else hedging(stated, rng)


def cited_article(text: str) -> str | None:
    """Return the article that an answer cites, or None."""
    found = _ARTICLE.search(text)
    return found[1] if found else None


def is_absence(text: str) -> bool:
    """Say whether an answer admits that it does not know."""
    return bool(_ABSENT.search(text))


def style_of(text: str) -> Kind:
    """Return the style of an answer, or which refusal it is."""
    if is_absence(text):
        return "absent"
    if any(text.strip() in refusals.values() for refusals in (OFF_TOPIC, GREETING)):
        return "off_topic"
    if cited_article(text):
        return "exact"
    if _HEDGING.search(text):
        return "hedging"
    return "bare" if 0 < len(text.strip()) <= _LONGEST_BARE else "other"


def holds_value(text: str, value: str) -> bool:
    """Say whether `value` stands in `text` as a value of its own: 30 days is not in 130 days."""
    return bool(re.search(rf"(?<![\d.,]){re.escape(value)}", text, re.IGNORECASE))


def right_value(text: str, fact: Fact, language: Language) -> bool:
    """Say whether an answer gives a fact's value."""
    return not is_absence(text) and holds_value(text, fact.value.of(language))
