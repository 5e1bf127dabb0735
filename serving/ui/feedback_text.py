"""All words of the operator's feedback page, in English and Korean.

Invariant: as in `text.py`, a word that is missing in one language does not even start.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from serving.ui.text import Language


@dataclass(frozen=True, kw_only=True)
class FeedbackWords:
    """The page's words; `{...}` is filled in with `str.format`."""

    title: str
    lead: str
    board: str
    # Figures
    rates: str
    rates_note: str
    no_rates: str
    languages: Mapping[str, str]
    votes: str
    share: str
    simulated: str
    fewer: str
    """`{count}` series that are not drawn."""
    all_figures: str
    figure_columns: tuple[str, str, str, str, str]
    reasons: str
    no_reasons: str
    liked_for: str
    disliked_for: str
    # Looking for votes
    queue: str
    found: str
    find: str
    clear: str
    any: str
    said: str
    said_words: Mapping[str, str]
    state: str
    states: Mapping[str, str]
    responder: str
    language: str
    reason: str
    person: str
    text: str
    since: str
    until: str
    none_found: str
    next: str
    first: str
    # One vote
    liked: str
    disliked: str
    by: str
    removed: str
    correction: str
    context: str
    earlier: str
    roles: Mapping[str, str]
    passages: str
    beside: str
    relations: Mapping[str, str]
    chosen: Mapping[str, str]
    place: str
    made_with: str
    # Reviews
    reviewed: str
    review: str
    comment: str
    accept: str
    exclude: str
    keep_comment: str
    fix: str
    fix_text: str
    save_fix: str
    undo: str
    explain: str
    done: Mapping[str, str]
    refused: str
    # Export
    export: str
    export_text: str
    format: str
    download: str


ENGLISH = FeedbackWords(
    title="Feedback",
    lead="What people say about the answers, how sure the rates are, and what is made of it.",
    board="Board",
    rates="Liked, over time",
    rates_note="Dots: the share that was liked. Bars: Wilson's interval, where the true share lies"
    " with 95 % confidence. Below: how many votes. {since} to {until}, UTC.",
    no_rates="Nobody has voted in this time.",
    languages={"ko": "Korean", "other": "English, others", "": "unknown"},
    votes="votes: {count}",
    share="{share} liked ({low} – {high})",
    simulated="simulated: {count}",
    fewer="In the figures only, with fewer votes: {count}.",
    all_figures="All figures",
    figure_columns=("From", "Responder", "Language", "Liked, with 95 % interval", "Votes"),
    reasons="Reasons",
    no_reasons="Nobody has named a reason in this time.",
    liked_for="liked",
    disliked_for="disliked",
    queue="Votes",
    found="Find",
    find="Find",
    clear="Show the queue",
    any="All",
    said="Thumb",
    said_words={"disliked": "Down", "liked": "Up"},
    state="State",
    states={"open": "To review", "accept": "Accepted", "fix": "Fixed", "exclude": "Excluded"},
    responder="Responder",
    language="Language",
    reason="Reason",
    person="Person",
    text="Words",
    since="From",
    until="To",
    none_found="Nothing here.",
    next="Older ones",
    first="Back to the newest",
    liked="Liked",
    disliked="Disliked",
    by="by {person}",
    removed="The texts were removed.",
    correction="The person says it should have been",
    context="Context",
    earlier="Before the question",
    roles={"user": "Person", "assistant": "Answer", "system": "System", "tool": "Tool"},
    passages="Passages used ({count})",
    beside="Other answers to it ({count})",
    relations={
        "before": "regenerated into this one", "after": "regenerated from this one",
        "pair": "side by side with this one", "ranking": "ranked with this one",
    },
    chosen={
        "this": "this one was preferred", "other": "the other one was preferred",
        "tie": "equally good", "both_bad": "both bad", "": "not chosen",
    },
    place="place {other}, this one {this}",
    made_with="{status}, {seconds} s, {tokens} tokens",
    reviewed="{state} by {operator}, {when}",
    review="Review",
    comment="Comment",
    accept="Accept",
    exclude="Exclude",
    keep_comment="Save the comment",
    fix="Fix …",
    fix_text="The answer as it should have been",
    save_fix="Save the fix",
    undo="Undo",
    explain="Accept: trained on without doubts about who voted. Fix: your answer is trained on,"
    " this one avoided. Exclude: nothing said of it is trained on. The next cycle reads it.",
    done={
        "accept": "Accepted.", "fix": "Fixed.", "exclude": "Excluded.",
        "comment": "The comment is saved.", "undo": "Taken back.",
    },
    refused="Nothing was changed: {reason}",
    export="Export",
    export_text="What people said, as a file; raw has everything. It holds personal data.",
    format="Format",
    download="Download",
)  # fmt: skip

KOREAN = FeedbackWords(
    title="피드백",
    lead="사람들이 답변을 어떻게 평가하는지, 그 비율이 얼마나 확실한지, 어떻게 쓰일지 봅니다.",
    board="운영 현황",
    rates="기간별 좋아요 비율",
    rates_note="점은 좋아요 비율, 막대는 실제 비율이 95 % 신뢰도로 놓이는 윌슨 구간, 아래 숫자는"
    " 평가 수입니다. {since}부터 {until}까지, UTC.",
    no_rates="이 기간에는 평가가 없습니다.",
    languages={"ko": "한국어", "other": "영어 등", "": "알 수 없음"},
    votes="평가 {count}개",
    share="좋아요 {share} ({low} – {high})",
    simulated="그중 가상 {count}개",
    fewer="평가가 적은 {count}개는 수치에만 있습니다.",
    all_figures="전체 수치",
    figure_columns=("시작", "응답자", "언어", "좋아요 비율과 95 % 구간", "평가"),
    reasons="이유",
    no_reasons="이 기간에 이유를 고른 사람이 없습니다.",
    liked_for="좋아요",
    disliked_for="아쉬워요",
    queue="평가",
    found="찾기",
    find="찾기",
    clear="검토할 것 보기",
    any="전체",
    said="엄지",
    said_words={"disliked": "아쉬워요", "liked": "좋아요"},
    state="상태",
    states={"open": "검토 대기", "accept": "인정함", "fix": "고침", "exclude": "제외함"},
    responder="응답자",
    language="언어",
    reason="이유",
    person="사람",
    text="단어",
    since="시작일",
    until="종료일",
    none_found="해당하는 평가가 없습니다.",
    next="더 오래된 것",
    first="최근 것으로",
    liked="좋아요",
    disliked="아쉬워요",
    by="{person}",
    removed="내용이 삭제되었습니다.",
    correction="이 사람이 쓴 바른 답변",
    context="맥락",
    earlier="질문 이전의 대화",
    roles={"user": "사람", "assistant": "답변", "system": "시스템", "tool": "도구"},
    passages="사용한 문단 ({count})",
    beside="같은 질문의 다른 답변 ({count})",
    relations={
        "before": "이 답변 전에 있던 답변", "after": "이 답변을 다시 생성한 것",
        "pair": "이 답변과 나란히 비교", "ranking": "이 답변과 함께 순위",
    },
    chosen={
        "this": "이 답변이 선택됨", "other": "다른 답변이 선택됨", "tie": "비슷하게 좋음",
        "both_bad": "둘 다 별로", "": "선택하지 않음",
    },
    place="{other}위, 이 답변은 {this}위",
    made_with="{status}, {seconds}초, {tokens}토큰",
    reviewed="{state} · {operator} · {when}",
    review="검토",
    comment="메모",
    accept="인정",
    exclude="제외",
    keep_comment="메모 저장",
    fix="고치기 …",
    fix_text="바른 답변",
    save_fix="고친 답변 저장",
    undo="취소",
    explain="인정: 누가 평가했는지 의심하지 않고 학습합니다. 고치기: 써 주신 답변을 배우고 이"
    " 답변은 피합니다. 제외: 이 답변에 대한 것은 학습하지 않습니다. 다음 사이클이 읽습니다.",
    done={
        "accept": "인정했습니다.", "fix": "고쳤습니다.", "exclude": "제외했습니다.",
        "comment": "메모를 저장했습니다.", "undo": "취소했습니다.",
    },
    refused="바뀐 것이 없습니다: {reason}",
    export="내보내기",
    export_text="사람들이 말한 것을 파일로 받습니다. raw에는 모두 들어 있습니다. 개인정보가"
    " 포함됩니다.",
    format="형식",
    download="내려받기",
)  # fmt: skip

FEEDBACK_WORDS: Mapping[Language, FeedbackWords] = {"en": ENGLISH, "ko": KOREAN}
