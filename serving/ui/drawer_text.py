"""All words of the drawer with a person's conversations, in English and Korean.

Invariant: as in `text.py`, a word that is missing in one language does not even start.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from serving.ui.text import Language


@dataclass(frozen=True, kw_only=True)
class DrawerWords:
    """The drawer's words; `{...}` is filled in with `str.format`."""

    title: str
    menu: str
    close: str
    search: str
    day: str
    week: str
    older: str
    found: str
    """Over what a search found."""
    none_yet: str
    none_found: str
    more: str
    rename: str
    rename_of: str
    new_title: str
    save: str
    delete: str
    delete_of: str
    sure: str
    keep: str
    compare: str
    mine: str
    forget: str
    """Leads to where everything can be deleted."""
    deleted: str
    gone: str
    """A conversation of somebody else's, or deleted, or never there."""
    wrong_title: str


ENGLISH = DrawerWords(
    title="Conversations",
    menu="Conversations",
    close="Close",
    search="Search conversations",
    day="Last 24 hours",
    week="Last 7 days",
    older="Older",
    found="Found",
    none_yet="Your conversations will be kept here.",
    none_found="Nothing found.",
    more="Search to find older ones.",
    rename="Rename",
    rename_of="Rename “{title}”",
    new_title="New title",
    save="Save",
    delete="Delete",
    delete_of="Delete “{title}”",
    sure="Delete this conversation? It cannot be brought back.",
    keep="Keep",
    compare="Compare answers",
    mine="What became of my votes",
    forget="Delete my data",
    deleted="The conversation was deleted.",
    gone="There is no such conversation of yours.",
    wrong_title="A title has 1 to 200 characters.",
)

KOREAN = DrawerWords(
    title="대화",
    menu="대화 목록",
    close="닫기",
    search="대화 검색",
    day="최근 24시간",
    week="최근 7일",
    older="이전",
    found="검색 결과",
    none_yet="나눈 대화가 여기에 보관됩니다.",
    none_found="찾은 대화가 없습니다.",
    more="더 오래된 대화는 검색해서 찾을 수 있습니다.",
    rename="이름 바꾸기",
    rename_of="“{title}” 이름 바꾸기",
    new_title="새 이름",
    save="저장",
    delete="삭제",
    delete_of="“{title}” 삭제",
    sure="이 대화를 삭제할까요? 되돌릴 수 없습니다.",
    keep="그대로 두기",
    compare="답변 비교하기",
    mine="내 평가는 어떻게 쓰였나",
    forget="내 자료 삭제",
    deleted="대화를 삭제했습니다.",
    gone="그런 대화를 찾을 수 없습니다.",
    wrong_title="이름은 1자에서 200자까지 쓸 수 있습니다.",
)

DRAWER_WORDS: Mapping[Language, DrawerWords] = {"en": ENGLISH, "ko": KOREAN}
