"""All words of the page on what became of a person's votes, in English and Korean.

Invariant: as in `text.py`, a word that is missing in one language does not even start.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from serving.ui.text import Language


@dataclass(frozen=True, kw_only=True)
class MineWords:
    """The page's words; `{...}` is filled in with `str.format`."""

    title: str
    lead: str
    none_yet: str
    to_chat: str
    older: str
    hidden: str
    """Instead of a question whose conversation was deleted."""
    liked: str
    disliked: str
    correction: str
    ranking: str
    outcomes: Mapping[str, str]
    waiting: str
    waiting_text: str
    trained: str
    trained_live: str
    trained_text: str
    """`{adapters}` names them."""
    trained_live_text: str
    judge: str
    judge_text: str
    left_out: str
    reasons: Mapping[str, str]
    other: str
    """A reason that this page has no words for: `{reason}`."""
    forget: str
    forget_text: str
    forget_sure: str
    forgotten: str
    """`{erasure}` is the number to name when asking an operator for the proof."""


ENGLISH = MineWords(
    title="What became of my votes",
    lead="Every vote, choice and correction of yours, the newest first, and what the service has"
    " done with it.",
    none_yet="You have not voted yet. Use the thumbs under an answer, or compare two answers.",
    to_chat="Back to the chat",
    older="Show older ones",
    hidden="A conversation that you deleted",
    liked="You liked the answer",
    disliked="You did not like the answer",
    correction="You wrote what it should have said",
    ranking="You ranked the answers",
    outcomes={
        "left": "You chose answer A",
        "right": "You chose answer B",
        "tie": "You found both answers equally good",
        "both_bad": "You found both answers bad",
    },
    waiting="Waiting",
    waiting_text="The next training will read it.",
    trained="Used",
    trained_live="Used and live",
    trained_text="{adapters} learned from it; that version does not answer people at the moment.",
    trained_live_text="{adapters} learned from it, and answers people now.",
    judge="Held out",
    judge_text="It is kept out of training, to judge fairly whether a new version is better.",
    left_out="Left out",
    reasons={
        "remainder": "It was alone in the last batch; the next training reads it again.",
        "tools": "A program had offered tools with the question.",
        "unsourced": "The agent had found no passages for this answer.",
        "incomplete": "The answer had not been finished.",
        "protected": "The question is too close to one that new versions are tested with.",
        "apart": "Others asked nearly the same, and their votes have another task this time.",
        "refused": "You said that your words must not train. The chat's menu changes that.",
        "unasked": "You have not agreed to training. You can do so in the chat's menu.",
        "outdated": "You agreed to an earlier text. The chat's menu has the present one.",
        "masked": "The answer held personal data that the question did not hold.",
        "duplicate": "The same had been said of the same already.",
        "empty": "The answer was empty.",
        "evaluation": "The answer was made for a test.",
        "excluded": "We read this answer and your word on it, and decided not to teach with it."
        " Thank you for it all the same.",
        "share": "No single person teaches the model too much: your share was reached.",
        "crowded": "No single question teaches the model too much: its share was reached.",
        "burst": "Very many votes came within a few seconds.",
        "hasty": "The vote came faster than the answer can be read.",
        "oneway": "Votes that are all the same tell no good answer from a bad one.",
        "contrary": "These votes mostly say the opposite of what everybody else's say.",
        "length": "The answer is longer than the model may learn from.",
        "neighbours": "The people of one network have one share together: it was reached.",
        "blocked": "The operators of this service decided not to use it.",
        "thinned": "Others often see it differently, so only some of these votes were drawn.",
        "older": "There was enough that is newer.",
        "outvoted": "Most people said the opposite.",
        "disputed": "People disagree about this answer.",
        "repeated": "You said it in another way too, and that was used.",
        "tie": "Two equally good answers teach no difference.",
        "unpaired": "This training learned from pairs only, and there was none for it.",
        "heldout": "The training looked at it only to see when to stop.",
    },
    other="Reason: {reason}.",
    forget="Delete my conversations and votes",
    forget_text="Deletes all your conversations, votes, choices and corrections, and what was"
    " made of them for training. A version of the model that has learned from them cannot unlearn"
    " it; the next one is trained without them. This cannot be taken back.",
    forget_sure="Delete all of it for good",
    forgotten="Your conversations and votes are deleted. What was made of them follows within"
    " seconds. To ask an operator for the proof, name {erasure}.",
)

KOREAN = MineWords(
    title="내 평가는 어떻게 쓰였나",
    lead="내가 남긴 평가, 선택, 수정과 그것이 어떻게 쓰였는지를 최근 것부터 보여 드립니다.",
    none_yet="아직 평가하신 것이 없습니다. 답변 아래의 엄지를 누르거나 두 답변을 비교해 보세요.",
    to_chat="대화로 돌아가기",
    older="더 오래된 것 보기",
    hidden="삭제한 대화",
    liked="답변이 좋다고 하셨습니다",
    disliked="답변이 아쉽다고 하셨습니다",
    correction="바른 답변을 써 주셨습니다",
    ranking="답변의 순위를 매기셨습니다",
    outcomes={
        "left": "답변 A를 고르셨습니다",
        "right": "답변 B를 고르셨습니다",
        "tie": "두 답변이 비슷하게 좋다고 하셨습니다",
        "both_bad": "두 답변 모두 별로라고 하셨습니다",
    },
    waiting="대기 중",
    waiting_text="다음 학습 때 읽습니다.",
    trained="학습에 쓰임",
    trained_live="쓰였고 운영 중",
    trained_text="{adapters}의 학습에 쓰였습니다. 이 버전은 지금 답변에 쓰이고 있지 않습니다.",
    trained_live_text="{adapters}의 학습에 쓰였고, 지금 이 버전이 답변하고 있습니다.",
    judge="심사용",
    judge_text="새 버전이 더 나은지 공정하게 심사하려고 학습에서 따로 떼어 두었습니다.",
    left_out="제외됨",
    reasons={
        "remainder": "마지막 묶음에 혼자 남았습니다. 다음 학습에서 다시 읽습니다.",
        "tools": "프로그램이 질문과 함께 도구를 제공했습니다.",
        "unsourced": "에이전트가 근거 문단을 찾지 못한 답변이었습니다.",
        "incomplete": "답변이 끝까지 작성되지 않았습니다.",
        "protected": "새 버전을 시험하는 질문과 너무 비슷합니다.",
        "apart": "다른 분도 거의 같은 질문을 하셨고, 그 평가가 이번에는 다른 역할을 맡았습니다.",
        "refused": "학습에 쓰지 말라고 하셨습니다. 대화 화면의 메뉴에서 바꾸실 수 있습니다.",
        "unasked": "학습에 동의하지 않으셨습니다. 대화 화면의 메뉴에서 동의하실 수 있습니다.",
        "outdated": "이전 안내문에 동의하셨습니다. 새 안내문은 대화 화면의 메뉴에 있습니다.",
        "masked": "질문에 없는 개인정보가 답변에 들어 있었습니다.",
        "duplicate": "같은 내용이 이미 있었습니다.",
        "empty": "답변이 비어 있었습니다.",
        "evaluation": "시험용으로 만든 답변이었습니다.",
        "excluded": "답변과 남겨 주신 의견을 직접 살펴보고 학습에는 쓰지 않기로 했습니다. 의견을"
        " 남겨 주셔서 고맙습니다.",
        "share": "한 사람이 너무 많이 가르치지 않도록 정한 몫을 채웠습니다.",
        "crowded": "한 질문이 너무 많이 가르치지 않도록 정한 몫을 채웠습니다.",
        "burst": "몇 초 사이에 너무 많은 평가가 들어왔습니다.",
        "hasty": "답변을 읽을 수 있는 시간보다 빨리 평가하셨습니다.",
        "oneway": "모두 같은 평가로는 좋은 답변과 아쉬운 답변을 가릴 수 없습니다.",
        "contrary": "다른 분들의 평가와 대부분 반대였습니다.",
        "length": "답변이 학습에 쓸 수 있는 길이보다 깁니다.",
        "neighbours": "같은 네트워크의 분들이 함께 쓰는 몫을 채웠습니다.",
        "blocked": "이 서비스의 운영자가 쓰지 않기로 했습니다.",
        "thinned": "다른 분들의 평가와 자주 달라 일부만 뽑아 썼습니다.",
        "older": "더 최근 것이 충분했습니다.",
        "outvoted": "대부분의 사람이 반대로 평가했습니다.",
        "disputed": "이 답변에 대한 사람들의 의견이 갈립니다.",
        "repeated": "다른 방식으로도 말씀하셔서 그것을 썼습니다.",
        "tie": "비슷하게 좋은 두 답변에서는 차이를 배울 수 없습니다.",
        "unpaired": "이번 학습은 짝지은 답변에서만 배웠는데 짝이 없었습니다.",
        "heldout": "학습을 언제 멈출지 살피는 데만 쓰였습니다.",
    },
    other="이유: {reason}.",
    forget="내 대화와 평가 모두 삭제하기",
    forget_text="내 대화, 평가, 선택, 수정과 그것으로 만든 학습 자료를 모두 삭제합니다. 이미 배운"
    " 모델 버전에서 지울 수는 없지만, 다음 버전은 이 자료 없이 학습합니다. 되돌릴 수 없습니다.",
    forget_sure="모두 영구히 삭제",
    forgotten="대화와 평가를 삭제했습니다. 그것으로 만든 학습 자료도 곧 삭제됩니다. 증명서가"
    " 필요하면 운영자에게 {erasure} 번호를 알려 주세요.",
)

MINE_WORDS: Mapping[Language, MineWords] = {"en": ENGLISH, "ko": KOREAN}
