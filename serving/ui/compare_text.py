"""The words of the page for comparing, in English and Korean; the rest is the chat page's.

Invariant: as in `text.py`, a word that is missing in one language does not even start.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from serving.ui import text
from serving.ui.text import ChatWords, Language


@dataclass(frozen=True, kw_only=True)
class CompareWords:
    """What is said differently where people come to compare."""

    page: str
    lead: str
    to_chat: str
    pair_title: str
    pair_text: str
    keys: str
    choose_first: str
    next_title: str
    chose: Mapping[str, str]


ENGLISH = CompareWords(
    page="Compare",
    lead="Ask something. Two answers come side by side, and you say which one is better; only then"
    " you see who wrote which. Your choices teach the next version.",
    to_chat="Back to the chat",
    pair_title="Which answer is better?",
    pair_text="Who wrote which is shown once you have chosen.",
    keys="Keys: ← or 1, → or 2, 3 equally good, 4 both bad",
    choose_first="Choose one of the answers above first",
    next_title="For example",
    chose={
        "left": "You chose A.",
        "right": "You chose B.",
        "tie": "You found both equally good.",
        "both_bad": "You found both bad.",
    },
)

KOREAN = CompareWords(
    page="비교",
    lead="질문을 하면 답변 두 개가 나란히 나옵니다. 더 나은 쪽을 고르면 누가 쓴 답변인지 보여"
    " 드립니다. 고르신 결과는 다음 버전의 학습에 쓰입니다.",
    to_chat="대화로 돌아가기",
    pair_title="어느 답변이 더 나은가요?",
    pair_text="누가 썼는지는 고르신 뒤에 알려 드립니다.",
    keys="단축키: ← 또는 1, → 또는 2, 3 비슷함, 4 둘 다 별로",
    choose_first="먼저 위의 답변 중 하나를 골라 주세요",
    next_title="예를 들면",
    chose={
        "left": "A를 고르셨습니다.",
        "right": "B를 고르셨습니다.",
        "tie": "비슷하게 좋다고 하셨습니다.",
        "both_bad": "둘 다 별로라고 하셨습니다.",
    },
)

COMPARE_WORDS: Mapping[Language, CompareWords] = {"en": ENGLISH, "ko": KOREAN}


def _said(words: ChatWords, here: CompareWords) -> ChatWords:
    return replace(
        words, pair_title=here.pair_title, pair_text=here.pair_text, chose=here.chose,
        choose_first=here.choose_first,
    )  # fmt: skip


PAIR_WORDS: Mapping[Language, ChatWords] = {
    language: _said(text.WORDS[language], here) for language, here in COMPARE_WORDS.items()
}
"""The chat page's words as they are said here."""
