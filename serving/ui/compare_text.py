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
    # Ranking
    count_label: str
    counts: Mapping[int, str]
    """By the number of answers."""
    rank_title: str
    rank_text: str
    rank_waiting: str
    rank_keys: str
    answer: str
    place: str
    ranked_place: str
    save_order: str
    skip: str
    skipped: str
    place_missing: str
    ranked: str
    """`{order}`: best first, `=` between equals."""
    ranked_same: str


ENGLISH = CompareWords(
    page="Compare",
    lead="Ask something. Two answers come side by side, and you say which one is better; or three"
    " or four come, and you put them in order. Only then you see who wrote which. Your choices"
    " teach the next version.",
    to_chat="Back to the chat",
    pair_title="Which answer is better?",
    pair_text="Who wrote which is shown once you have chosen.",
    keys="Keys: ← or 1, → or 2, 3 equally good, 4 both bad",
    choose_first="Judge the answers above first",
    next_title="For example",
    chose={
        "left": "You chose A.",
        "right": "You chose B.",
        "tie": "You found both equally good.",
        "both_bad": "You found both bad.",
    },
    count_label="How many answers",
    counts={2: "Choose from 2", 3: "Rank 3", 4: "Rank 4"},
    rank_title="Put the answers in order: 1 is the best",
    rank_text="Equally good answers get the same place. Who wrote which is shown once you have"
    " saved.",
    rank_waiting="You can rank them as soon as all are finished.",
    rank_keys="Keys: the places from A on, such as 2 1 3; A, B, C, D go to an answer; Enter saves",
    answer="Answer {letter}",
    place="Place of {letter}",
    ranked_place="place {place}",
    save_order="Save the order",
    skip="Skip",
    skipped="Skipped: no order was recorded.",
    place_missing="Give every answer a place first, or skip.",
    ranked="Saved, best first: {order}.",
    ranked_same="Saved, best first: {order}. All were written by {maker}: the same model each"
    " time.",
)

KOREAN = CompareWords(
    page="비교",
    lead="질문을 하면 답변 두 개가 나란히 나오고, 그중 더 나은 쪽을 고르시면 됩니다. 답변을 서너"
    " 개 받아 순위를 매기실 수도 있습니다. 누가 쓴 답변인지는 그다음에 보여 드립니다. 고르신"
    " 결과는 다음 버전의 학습에 쓰입니다.",
    to_chat="대화로 돌아가기",
    pair_title="어느 답변이 더 나은가요?",
    pair_text="누가 썼는지는 고르신 뒤에 알려 드립니다.",
    keys="단축키: ← 또는 1, → 또는 2, 3 비슷함, 4 둘 다 별로",
    choose_first="먼저 위의 답변을 평가해 주세요",
    next_title="예를 들면",
    chose={
        "left": "A를 고르셨습니다.",
        "right": "B를 고르셨습니다.",
        "tie": "비슷하게 좋다고 하셨습니다.",
        "both_bad": "둘 다 별로라고 하셨습니다.",
    },
    count_label="답변 개수",
    counts={2: "2개 중 선택", 3: "3개 순위", 4: "4개 순위"},
    rank_title="답변의 순위를 매겨 주세요 (1위가 가장 좋은 답변)",
    rank_text="비슷하게 좋은 답변에는 같은 순위를 주세요. 누가 썼는지는 저장하신 뒤에 알려"
    " 드립니다.",
    rank_waiting="모든 답변이 끝나면 순위를 매기실 수 있습니다.",
    rank_keys="단축키: A부터 차례로 순위 입력(예: 2 1 3), A~D는 해당 답변으로 이동, Enter는 저장",
    answer="답변 {letter}",
    place="{letter}의 순위",
    ranked_place="{place}위",
    save_order="순위 저장",
    skip="건너뛰기",
    skipped="건너뛰었습니다. 순위는 기록하지 않았습니다.",
    place_missing="모든 답변에 순위를 주시거나 건너뛰어 주세요.",
    ranked="저장했습니다. 좋은 순서대로 {order}입니다.",
    ranked_same="저장했습니다. 좋은 순서대로 {order}입니다. 모두 같은 모델({maker})이 쓴"
    " 답변이었습니다.",
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
