"""The words of the operator's levers: what they are called, what they do, and what was done.

Invariant: as in `text.py`, a word that is missing in one language does not even start.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from serving.ui.text import Language


@dataclass(frozen=True, kw_only=True)
class LeverWords:
    """The buttons and the form behind them; `{...}` is filled in with `str.format`."""

    actions: Mapping[str, str]
    explain: Mapping[str, str]
    done: Mapping[str, str]
    reason: str
    reason_placeholder: str
    reason_needed: str
    responder: str
    passed: str
    not_passed: str
    force: str
    method: str
    methods: Mapping[str, str]
    confirm: str
    cancel: str
    nothing_below: str
    refused: str


ENGLISH = LeverWords(
    actions={
        "cycle": "Start a cycle", "promote": "Promote …", "rollback": "Roll back …",
        "hold": "Hold …", "resume": "Resume …",
    },
    explain={
        "cycle": "Trains on all eligible feedback, evaluates the result, and promotes it if it"
        " passes the gate and promotion is not on hold.",
        "promote": "The responder you choose answers everybody's next question. {live} becomes the"
        " one that a rollback goes to.",
        "rollback": "{previous} answers everybody's next question; {live} stops being live.",
        "hold": "Nothing is promoted automatically until somebody resumes. You can still promote.",
        "resume": "What passes the gate is promoted automatically again.",
    },
    done={
        "cycle": "Asked for a cycle (request {number}); the worker starts it in a moment.",
        "promote": "{live} is live.", "rollback": "Rolled back: {live} is live.",
        "hold": "Promotion is on hold.", "resume": "Promotion is automatic again.",
    },
    reason="Reason",
    reason_placeholder="Kept in the history, for whoever looks at this later",
    reason_needed="Give a reason: it is kept in the history.",
    responder="Responder",
    passed="passed the gate, or was live before",
    not_passed="has not passed the gate",
    force="Even though it has not passed the gate",
    method="Method",
    methods={"auto": "Automatic", "kto": "KTO", "dpo": "DPO"},
    confirm="Yes, do it",
    cancel="Cancel",
    nothing_below="There is nothing to roll back to.",
    refused="Nothing was changed: {reason}",
)  # fmt: skip

KOREAN = LeverWords(
    actions={
        "cycle": "사이클 시작", "promote": "승격 …", "rollback": "되돌리기 …",
        "hold": "보류 …", "resume": "재개 …",
    },
    explain={
        "cycle": "쓸 수 있는 피드백 전체로 학습하고 결과를 평가합니다. 관문을 통과하고 승격이"
        " 보류되지 않았으면 서비스에 올립니다.",
        "promote": "고른 응답자가 모든 사람의 다음 질문부터 답합니다. 되돌리면 {live}이(가) 다시"
        " 답합니다.",
        "rollback": "{previous}이(가) 모든 사람의 다음 질문부터 답하고, {live}은(는) 내려갑니다.",
        "hold": "누군가 재개할 때까지 자동으로 승격되지 않습니다. 직접 승격할 수는 있습니다.",
        "resume": "관문을 통과하면 다시 자동으로 승격됩니다.",
    },
    done={
        "cycle": "사이클을 요청했습니다(요청 {number}). 곧 시작됩니다.",
        "promote": "이제 {live}이(가) 답합니다.",
        "rollback": "되돌렸습니다. 이제 {live}이(가) 답합니다.",
        "hold": "승격을 보류했습니다.", "resume": "다시 자동으로 승격합니다.",
    },
    reason="이유",
    reason_placeholder="나중에 볼 사람을 위해 이력에 남습니다",
    reason_needed="이유를 적어 주세요. 이력에 남습니다.",
    responder="응답자",
    passed="관문을 통과했거나 서비스된 적 있음",
    not_passed="관문을 통과하지 않음",
    force="관문을 통과하지 않았어도 진행",
    method="방법",
    methods={"auto": "자동", "kto": "KTO", "dpo": "DPO"},
    confirm="네, 진행합니다",
    cancel="취소",
    nothing_below="되돌릴 대상이 없습니다.",
    refused="바뀐 것이 없습니다: {reason}",
)  # fmt: skip

LEVER_WORDS: Mapping[Language, LeverWords] = {"en": ENGLISH, "ko": KOREAN}
