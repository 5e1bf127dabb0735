"""What people read when they are asked whether their words may train, in English and Korean.

Whoever changes what a text means raises `feedback.consent.VERSION`: everybody is asked anew.
Invariant: as in `text.py`, a word that is missing in one language does not even start.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from serving.ui.text import Language


@dataclass(frozen=True, kw_only=True)
class ConsentWords:
    """The question's words."""

    title: str
    kept: str
    used: str
    changed: str
    silent: Mapping[str, str]
    """What happens without an answer, by what the operator demands."""
    yes: str
    no: str
    later: str
    close: str
    now: Mapping[bool | None, str]
    """What the person's answer is at present."""
    saved: Mapping[bool | None, str]
    entry: str
    """Leads here from the drawer."""
    footnote: str
    """Under the chat where people are asked."""


ENGLISH = ConsentWords(
    title="May your conversations help to improve the answers?",
    kept="Kept in any case: your questions, the answers, your votes and corrections.",
    used="They can also train and test the next versions of the model.",
    changed="Change your mind at any time in the menu: it counts from the next training on."
    " Versions that exist by then keep what they have learned.",
    silent={
        "ask": "Without an answer they do; with a no they do not.",
        "required": "They do so only with your yes.",
    },
    yes="Yes",
    no="No",
    later="Not now",
    close="Close",
    now={
        True: "Your answer now: yes.",
        False: "Your answer now: no.",
        None: "You have not answered yet.",
    },
    saved={
        True: "Thank you. Your conversations may help from the next training on.",
        False: "Saved. From the next training on, nothing of yours is used.",
        None: "Fine. You find the question in the menu whenever you like.",
    },
    entry="My conversations and training",
    footnote="Answers can be wrong: check the source. Questions, answers and votes are kept;"
    " the menu says what they may teach.",
)

KOREAN = ConsentWords(
    title="나누신 대화를 더 나은 답변을 만드는 데 써도 될까요?",
    kept="항상 보관하는 것: 질문과 답변, 남겨 주신 평가와 수정.",
    used="다음 버전의 모델을 학습하고 시험하는 데에도 쓸 수 있습니다.",
    changed="언제든 메뉴에서 바꾸실 수 있고, 다음 학습부터 반영됩니다. 그때까지 만들어진 버전이"
    " 배운 내용은 남습니다.",
    silent={
        "ask": "답하지 않으시면 쓰이고, 거절하시면 쓰이지 않습니다.",
        "required": "동의하신 경우에만 쓰입니다.",
    },
    yes="네",
    no="아니요",
    later="나중에",
    close="닫기",
    now={
        True: "현재 답변: 동의",
        False: "현재 답변: 거절",
        None: "아직 답하지 않으셨습니다.",
    },
    saved={
        True: "감사합니다. 다음 학습부터 대화가 쓰일 수 있습니다.",
        False: "저장했습니다. 다음 학습부터 대화가 쓰이지 않습니다.",
        None: "알겠습니다. 이 질문은 언제든 메뉴에서 다시 보실 수 있습니다.",
    },
    entry="내 대화와 학습",
    footnote="답변이 틀릴 수 있으니 출처를 확인하세요. 질문, 답변, 평가는 저장되며, 다음 버전의"
    " 학습에 쓸지는 메뉴에서 정하실 수 있습니다.",
)

CONSENT_WORDS: Mapping[Language, ConsentWords] = {"en": ENGLISH, "ko": KOREAN}
