"""Every word on the operator's page, in English and Korean.

Invariant: as in `text.py`, both languages are instances of one frozen class. What the loop itself
wrote down (reasons of stages and checks) is shown as it was recorded.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from serving.ui.text import Language


@dataclass(frozen=True, kw_only=True)
class OperatorWords:
    """The operator's page; `{...}` is filled in with `str.format`."""

    language: Language
    page: str
    forbidden: str
    ago: str
    units: tuple[str, str, str, str]
    """Days, hours, minutes, seconds."""
    gap: str
    """Between a number and its unit."""
    none: str
    by: str
    # One glance
    fine: tuple[str, str]
    running: tuple[str, str]
    down: tuple[str, str]
    partly: tuple[str, str]
    on_hold: tuple[str, str]
    cycle_failed: tuple[str, str]
    awaiting: tuple[str, str]
    # Cards
    live: str
    previous: str
    previous_text: str
    knew_forgotten: str
    """Of an adapter that learned from a person who has been forgotten since."""
    candidate: str
    candidate_text: str
    promotion: str
    automatic: str
    automatic_text: str
    held: str
    engines: str
    engines_ready: str
    no_engine: str
    to_feedback: str
    feedback_text: str
    """Beside the number of votes. Counts stand behind their words, which then need no plural."""
    # Sections
    cycle_title: str
    cycle_number: str
    no_cycle: str
    rows_used: str
    earlier: str
    stages: Mapping[str, str]
    states: Mapping[str, str]
    outcomes: Mapping[str, str]
    gate_title: str
    no_gate: str
    verdicts: Mapping[str, str]
    marks: Mapping[bool | None, str]
    check_columns: tuple[str, str, str]
    checks: Mapping[str, str]
    """By the beginning of a check's name; what follows it is a responder."""
    win_chart: str
    win_value: str
    reference_chart: str
    points: str
    votes_title: str
    no_votes: str
    vote_columns: tuple[str, str, str, str, str]
    simulated: str
    simulated_all: str
    interval_note: str
    history_title: str
    kinds: Mapping[str, str]
    forced: str


ENGLISH = OperatorWords(
    language="en",
    page="Operator",
    forbidden="Only operators see this page. Log in at /operator/login, then reload.",
    ago="{time} ago",
    units=("d", "h", "min", "s"),
    gap="\N{NO-BREAK SPACE}",
    none="none",
    by="by {actor}",
    fine=("All is well", "{live} is answering, live for {time}."),
    running=("All is well, and a cycle is running", "{live} is answering. Stage: {stage}."),
    down=("No engine is answering", "People get no answers at the moment. {detail}"),
    partly=("Some engines are not ready", "Answering: {ready} of {total}. {detail}"),
    on_hold=("Promotion is on hold", "{reason} ({actor}, {time} ago)"),
    cycle_failed=("The last cycle failed", "{reason} {live} is still answering."),
    awaiting=("A candidate waits for your decision", "{adapter} passed the gate. {reason}"),
    live="Live",
    previous="Previous",
    previous_text="a rollback goes here",
    knew_forgotten="learned from a person who was forgotten; a newer one should follow",
    candidate="Candidate",
    candidate_text="published {time} ago",
    promotion="Promotion",
    automatic="Automatic",
    automatic_text="what passes the gate goes live",
    held="On hold",
    engines="Engines",
    engines_ready="{ready} of {total} ready",
    no_engine="no engine has reported",
    to_feedback="Feedback",
    feedback_text="Comparisons: {comparisons} · rankings: {rankings} · corrections: {corrections}"
    " · answers given: {completions}",
    cycle_title="Latest cycle",
    cycle_number="Cycle {number}",
    no_cycle="No cycle has run yet. One starts by itself when there is enough new feedback, or here"
    " by hand.",
    rows_used="Dataset {hash}",
    earlier="Earlier cycles",
    stages={
        "collect": "Collect", "curate": "Curate", "train": "Train", "judge": "Fit the judge",
        "publish": "Publish", "load": "Load", "evaluate": "Evaluate", "decide": "Decide",
        "promote": "Promote",
    },
    states={
        "waiting": "waiting", "running": "running", "done": "done", "failed": "failed",
        "interrupted": "interrupted", "left_out": "not reached",
    },
    outcomes={
        "promoted": "Promoted", "rejected": "Rejected", "pending": "Undecided", "canary": "Canary",
        "awaiting": "Awaiting approval", "skipped": "Skipped", "failed": "Failed",
        "running": "Running",
    },
    gate_title="Gate",
    no_gate="No candidate has reached the gate yet.",
    verdicts={"promote": "may go live", "reject": "rejected", "pending": "undecided"},
    marks={True: "passed", False: "failed", None: "open"},
    check_columns=("Check", "What was found", "Figures"),
    checks={
        "new": "Something new", "suite": "Reference questions", "service": "Service",
        "judge": "Judge is usable", "preferred to ": "Preferred to ",
        "as often right as ": "As often right as ",
    },
    win_chart="Comparisons won, with 95 % interval",
    win_value="{candidate} against {other}",
    reference_chart="Right answers to reference questions: difference in points",
    points="points",
    votes_title="Votes",
    no_votes="Nobody has voted yet.",
    vote_columns=("Responder", "Liked, with 95 % interval", "Votes", "People", "Answers given"),
    simulated="{count} simulated",
    simulated_all="Votes given by simulated people: {count} of {total}.",
    interval_note="Wilson's interval: where the true rate lies with 95 % confidence.",
    history_title="History",
    kinds={
        "setup": "Set up", "promotion": "Promoted", "rollback": "Rolled back", "hold": "Held",
        "resume": "Resumed",
    },
    forced="without having passed the gate",
)  # fmt: skip

KOREAN = OperatorWords(
    language="ko",
    page="운영",
    forbidden="운영자만 볼 수 있는 페이지입니다. /operator/login에서 로그인한 뒤 새로 고쳐 주세요.",
    ago="{time} 전",
    units=("일", "시간", "분", "초"),
    gap="",
    none="없음",
    by="{actor}",
    fine=("모두 정상입니다", "{live}이(가) {time}째 답하고 있습니다."),
    running=("정상이며 사이클이 진행 중입니다", "{live}이(가) 답하고 있습니다. 단계: {stage}."),
    down=("응답하는 엔진이 없습니다", "지금은 사람들이 답을 받지 못합니다. {detail}"),
    partly=("일부 엔진이 준비되지 않았습니다", "{total}개 중 {ready}개가 응답합니다. {detail}"),
    on_hold=("승격이 보류되었습니다", "{reason} ({actor}, {time} 전)"),
    cycle_failed=("지난 사이클이 실패했습니다", "{reason} {live}이(가) 계속 답하고 있습니다."),
    awaiting=("후보가 결정을 기다립니다", "{adapter}이(가) 관문을 통과했습니다. {reason}"),
    live="서비스 중",
    previous="이전",
    previous_text="되돌리면 이것이 답합니다",
    knew_forgotten="삭제를 요청한 사람의 자료로 배웠습니다. 새 버전으로 바꿔 주세요",
    candidate="후보",
    candidate_text="{time} 전에 게시됨",
    promotion="승격",
    automatic="자동",
    automatic_text="관문을 통과하면 서비스됩니다",
    held="보류 중",
    engines="엔진",
    engines_ready="{total}개 중 {ready}개 준비됨",
    no_engine="보고한 엔진이 없습니다",
    to_feedback="피드백",
    feedback_text="비교 {comparisons}개 · 순위 {rankings}개 · 교정 {corrections}개"
    " · 답변 {completions}개",
    cycle_title="최근 사이클",
    cycle_number="사이클 {number}",
    no_cycle="아직 실행된 사이클이 없습니다. 새 피드백이 충분히 모이면 저절로 시작하며, 여기서 직접"
    " 시작할 수도 있습니다.",
    rows_used="데이터셋 {hash}",
    earlier="이전 사이클",
    stages={
        "collect": "수집", "curate": "선별", "train": "학습", "judge": "심판 학습",
        "publish": "게시", "load": "적재", "evaluate": "평가", "decide": "판정",
        "promote": "승격",
    },
    states={
        "waiting": "대기", "running": "진행 중", "done": "완료", "failed": "실패",
        "interrupted": "중단됨", "left_out": "도달하지 않음",
    },
    outcomes={
        "promoted": "승격됨", "rejected": "거절됨", "pending": "미정", "canary": "카나리",
        "awaiting": "승인 대기", "skipped": "건너뜀", "failed": "실패", "running": "진행 중",
    },
    gate_title="관문",
    no_gate="아직 관문에 도달한 후보가 없습니다.",
    verdicts={"promote": "서비스 가능", "reject": "거절", "pending": "미정"},
    marks={True: "통과", False: "실패", None: "미정"},
    check_columns=("항목", "확인한 내용", "수치"),
    checks={
        "new": "새로운 응답자", "suite": "기준 문제", "service": "서비스 상태",
        "judge": "심판 사용 가능", "preferred to ": "선호도 우위: ",
        "as often right as ": "정답률 비교: ",
    },
    win_chart="이긴 비교의 비율과 95 % 구간",
    win_value="{candidate} 대 {other}",
    reference_chart="기준 문제 정답률 차이(포인트)",
    points="포인트",
    votes_title="평가",
    no_votes="아직 평가가 없습니다.",
    vote_columns=("응답자", "좋아요 비율과 95 % 구간", "평가", "사람", "답변 수"),
    simulated="가상 {count}",
    simulated_all="평가 {total}개 중 {count}개는 가상 사용자가 남긴 것입니다.",
    interval_note="윌슨 구간: 실제 비율이 95 % 신뢰도로 놓이는 범위입니다.",
    history_title="이력",
    kinds={
        "setup": "설치", "promotion": "승격", "rollback": "되돌림", "hold": "보류",
        "resume": "재개",
    },
    forced="관문을 통과하지 않음",
)  # fmt: skip

OPERATOR_WORDS: Mapping[Language, OperatorWords] = {"en": ENGLISH, "ko": KOREAN}
