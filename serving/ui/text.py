"""Every word that people read on the chat page, in English and Korean.

Invariant: both languages are instances of the same frozen class, so a word that is missing in one
of them does not even start; a test compares the fields that are to be filled in.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Language = Literal["en", "ko"]
LANGUAGES: tuple[Language, ...] = ("en", "ko")


@dataclass(frozen=True, kw_only=True)
class ChatWords:
    """The chat page's words; `{...}` is filled in with `str.format`."""

    language: Language
    new_chat: str
    empty_title: str
    empty_text: str
    example: str
    """A question about a passage: `{document}`, `{heading}`, and Korean's `{particle}`."""
    composer_label: str
    composer_placeholder: str
    choose_first: str
    """In the composer while a pair waits for a choice."""
    footnote: str
    sources: str
    thinking: str
    reading: str
    """An agent has searched, and reads what it found."""
    searched: str
    cut: str
    failed: str
    starting: str
    unavailable: str
    busy: str
    rejected: str
    gone: str
    """Somebody votes on an answer that is not theirs, or no longer exists."""
    not_saved: str
    """The service cannot write at the moment; what the person typed stays."""
    unknown: str
    """The request came without our cookie."""
    nothing_to_send: str
    too_long: str
    about: str
    liked_title: str
    disliked_title: str
    liked_reasons: Mapping[str, str]
    disliked_reasons: Mapping[str, str]
    comment_label: str
    comment_placeholder: str
    correction_label: str
    correction_placeholder: str
    save: str
    close: str
    saved: str
    taken_back: str
    pair_title: str
    pair_text: str
    pair_waiting: str
    answer_a: str
    answer_b: str
    left: str
    right: str
    tie: str
    both_bad: str
    revealed: str
    revealed_same: str
    question_of: str
    answer_of: str
    leaf_back: str
    leaf_on: str
    chose: Mapping[str, str]


ENGLISH = ChatWords(
    language="en",
    new_chat="New conversation",
    empty_title="What would you like to know?",
    empty_text="Answers come from the documents on file, and each one shows where it was found.",
    example="What is the {heading} of {document}?",
    composer_label="Your question",
    composer_placeholder="Ask a question",
    choose_first="Choose one of the two answers first",
    footnote="Answers can be wrong: check the source. Questions, answers and votes are kept, and"
    " teach the next version.",
    sources="Sources ({count})",
    thinking="Looking it up",
    reading="Reading what was found",
    searched="Searched: {query} (passages found: {count})",
    cut="This answer was not finished.",
    failed="No answer came.",
    starting="The model is still starting, which takes a minute or two. Your question is still in"
    " the box: please send it again in a moment.",
    unavailable="The model is not answering at the moment. Your question is still in the box:"
    " please send it again in about {seconds} s.",
    busy="You are sending questions faster than they can be answered. Your question is still in"
    " the box: please send it again in about {seconds} s.",
    rejected="The model could not take this question. It is still in the box, so that you can"
    " change it. ({reason})",
    gone="This answer can no longer be rated.",
    not_saved="It could not be saved just now. Please try again in a moment.",
    unknown="This page needs its cookie to know your conversation: allow cookies and reload.",
    nothing_to_send="Type a question first.",
    too_long="This question is too long: {length} of at most {limit} characters. It is still in"
    " the box.",
    about="About the answer",
    liked_title="Thank you. What was good about it?",
    disliked_title="Thank you. What was wrong with it?",
    liked_reasons={
        "correct": "Correct",
        "cited": "Names its source",
        "clear": "Clear",
        "brief": "To the point",
    },
    disliked_reasons={
        "wrong": "Wrong",
        "no_source": "No source, or the wrong one",
        "unclear": "Unclear",
        "too_long": "Too long",
        "off_topic": "Not what I asked",
    },
    comment_label="Comment",
    comment_placeholder="Anything else? (optional)",
    correction_label="It should have said",
    correction_placeholder="The answer you expected (optional)",
    save="Save",
    close="Close",
    saved="Saved. Thank you.",
    taken_back="Your vote was taken back.",
    pair_title="Two answers this time. Which one is better?",
    pair_text="Who wrote which, and from what, is shown once you have chosen.",
    pair_waiting="You can choose as soon as both are finished.",
    answer_a="Answer A",
    answer_b="Answer B",
    left="A is better",
    right="B is better",
    tie="Equally good",
    both_bad="Both are bad",
    revealed="{choice} A was written by {left}, B by {right}.",
    revealed_same="{choice} Both were written by {left}: the same model twice.",
    question_of="Question {number} of {count}",
    answer_of="Answer {number} of {count}",
    leaf_back="The one before",
    leaf_on="The next one",
    chose={
        "left": "You chose A, and the conversation goes on with it.",
        "right": "You chose B, and the conversation goes on with it.",
        "tie": "You found both equally good; the conversation goes on with A.",
        "both_bad": "You found both bad; the conversation goes on with A.",
    },
)

KOREAN = ChatWords(
    language="ko",
    new_chat="새 대화",
    empty_title="무엇이 궁금하신가요?",
    empty_text="등록된 문서에서 답을 찾고, 어디에서 찾았는지 함께 보여 드립니다.",
    example="{document}의 {heading}{particle} 알려 주세요.",
    composer_label="질문",
    composer_placeholder="질문을 입력하세요",
    choose_first="먼저 두 답변 중 하나를 골라 주세요",
    footnote="답변이 틀릴 수 있으니 출처를 확인하세요. 질문, 답변, 평가는 저장되어 다음 버전의"
    " 학습에 쓰입니다.",
    sources="출처 ({count})",
    thinking="찾아보는 중",
    reading="찾은 내용을 읽는 중",
    searched="검색: {query} (문서 {count}건)",
    cut="답변이 끝까지 작성되지 않았습니다.",
    failed="답변을 받지 못했습니다.",
    starting="모델이 아직 준비 중이며 1~2분 정도 걸립니다. 질문은 입력창에 그대로 있으니 잠시 뒤에"
    " 다시 보내 주세요.",
    unavailable="지금은 모델이 응답하지 않습니다. 질문은 입력창에 그대로 있습니다. 약"
    " {seconds}초 뒤에 다시 보내 주세요.",
    busy="질문이 너무 빠르게 이어지고 있습니다. 질문은 입력창에 그대로 있습니다. 약"
    " {seconds}초 뒤에 다시 보내 주세요.",
    rejected="모델이 이 질문을 처리하지 못했습니다. 고쳐 보내실 수 있도록 입력창에"
    " 그대로 두었습니다. ({reason})",
    gone="이 답변은 더 이상 평가할 수 없습니다.",
    not_saved="지금은 저장하지 못했습니다. 잠시 뒤에 다시 시도해 주세요.",
    unknown="대화를 알아보려면 쿠키가 필요합니다. 쿠키를 허용하고 새로 고쳐 주세요.",
    nothing_to_send="먼저 질문을 입력해 주세요.",
    too_long="질문이 너무 깁니다. {length}자이며 최대 {limit}자까지 가능합니다. 입력창에 그대로"
    " 있습니다.",
    about="평가할 답변",
    liked_title="감사합니다. 어떤 점이 좋았나요?",
    disliked_title="감사합니다. 어떤 점이 아쉬웠나요?",
    liked_reasons={
        "correct": "정확해요",
        "cited": "출처를 밝혀요",
        "clear": "이해하기 쉬워요",
        "brief": "간결해요",
    },
    disliked_reasons={
        "wrong": "틀렸어요",
        "no_source": "출처가 없거나 달라요",
        "unclear": "이해하기 어려워요",
        "too_long": "너무 길어요",
        "off_topic": "질문과 달라요",
    },
    comment_label="의견",
    comment_placeholder="더 하실 말씀이 있나요? (선택)",
    correction_label="이렇게 답했어야 해요",
    correction_placeholder="바른 답변 (선택)",
    save="저장",
    close="닫기",
    saved="저장했습니다. 감사합니다.",
    taken_back="평가를 취소했습니다.",
    pair_title="이번에는 답변이 두 개입니다. 어느 쪽이 더 나은가요?",
    pair_text="누가 무엇을 보고 썼는지는 고르신 뒤에 알려 드립니다.",
    pair_waiting="두 답변이 모두 끝나면 고르실 수 있습니다.",
    answer_a="답변 A",
    answer_b="답변 B",
    left="A가 더 좋아요",
    right="B가 더 좋아요",
    tie="비슷하게 좋아요",
    both_bad="둘 다 별로예요",
    revealed="{choice} 답변 A는 {left}, 답변 B는 {right}의 답변이었습니다.",
    revealed_same="{choice} 두 답변 모두 같은 모델({left})이 쓴 것이었습니다.",
    question_of="질문 {number}/{count}",
    answer_of="답변 {number}/{count}",
    leaf_back="이전 것",
    leaf_on="다음 것",
    chose={
        "left": "A를 고르셨습니다. 대화는 이 답변으로 이어집니다.",
        "right": "B를 고르셨습니다. 대화는 이 답변으로 이어집니다.",
        "tie": "비슷하게 좋다고 하셨습니다. 대화는 A로 이어집니다.",
        "both_bad": "둘 다 별로라고 하셨습니다. 대화는 A로 이어집니다.",
    },
)

WORDS: Mapping[Language, ChatWords] = {"en": ENGLISH, "ko": KOREAN}


def language_of(accept_language: str) -> Language:
    """Return the language to write in, by an Accept-Language header; English when in doubt."""
    best, weight = "en", 0.0
    for part in accept_language.split(","):
        tag, _, parameter = part.partition(";")
        primary = tag.strip().lower().split("-")[0]
        match = re.fullmatch(r"\s*q=([01](?:\.\d{0,3})?)\s*", parameter) if parameter else None
        quality = float(match[1]) if match else (0.0 if parameter else 1.0)
        if primary in LANGUAGES and quality > weight:
            best, weight = primary, quality
    return "ko" if best == "ko" else "en"
