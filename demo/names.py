"""Invented names of products, so that a document that somebody adds is like those trained on.

Invariant: an invented name is never one of Hanbit's products.
"""

from random import Random

from demo.world import PRODUCTS, Language

# fmt: off
_FIRST: dict[Language, tuple[str, ...]] = {
    "en": (
        "Boat", "Garden", "River", "Mountain", "School", "Office", "Shop", "Factory",
        "Bakery", "Camera", "Phone", "Laptop", "Horse", "Fish", "Forest", "Winter",
        "Summer", "Spring", "Silver", "Golden", "Green", "Blue", "Royal", "City", "Village",
        "Island", "Harbor", "Bridge", "Tower", "Castle", "Sport", "Ski", "Surf", "Tennis",
        "Hiking", "Concert", "Theater", "Museum", "Hotel", "Kitchen", "Solar", "Wind",
        "Energy", "Water", "Train", "Truck", "Taxi", "Scooter", "Drone", "Parcel",
        "Freight", "Crane", "Builder", "Teacher", "Doctor", "Nurse", "Lawyer", "Artist",
        "Writer", "Baker", "Farmer", "Baby", "Child", "Parent", "Couple", "Single",
        "Junior", "Master", "Prime", "Smart", "Easy", "Quick", "Safe", "True", "Bright",
        "Clear", "Happy", "Gadget", "Jewel", "Piano", "Guitar", "Book", "Event", "Party",
        "Rescue", "Legal", "Income", "Job", "Pension", "Eye", "Heart", "Bone", "Skin",
        "Sleep",
    ),
    "ko": (
        "보트", "정원", "리버", "마운틴", "스쿨", "오피스", "가게", "공장", "베이커리",
        "카메라", "휴대폰", "노트북", "승마", "낚시", "숲", "겨울", "여름", "봄날", "실버",
        "골든", "그린", "블루", "로열", "시티", "마을", "섬", "항구", "브리지", "타워", "캐슬",
        "스포츠", "스키", "서핑", "테니스", "등산", "콘서트", "극장", "박물관", "호텔", "주방",
        "태양광", "바람", "에너지", "물", "기차", "트럭", "택시", "스쿠터", "드론", "소포",
        "화물", "크레인", "건설", "교사", "의사", "간호", "법률", "예술", "작가", "농부",
        "아기", "어린이", "부모", "부부", "싱글", "주니어", "마스터", "프라임", "스마트",
        "이지", "퀵", "안심", "참", "밝은", "행복", "보석", "피아노", "기타", "도서", "행사",
        "파티", "구조", "소득", "직장", "연금", "눈", "심장", "뼈", "피부", "수면",
    ),
}
_SECOND: dict[Language, tuple[str, ...]] = {
    "en": (
        "Guard", "Shield", "Care", "Plus", "Cover", "First", "Safe", "Basic", "Secure",
        "Light", "Promise", "Friend", "Health", "Partner", "Keeper", "Anchor", "Umbrella",
        "Wall", "Roof", "Net", "Rock", "Star", "Pro", "Max", "Extra", "Total", "Premium",
        "Classic", "Standard", "Select", "Choice", "Direct", "Assist", "Help", "Aid",
        "Watch", "Protect", "Defender", "Armor", "Haven", "Nest", "Home", "Path", "Bridge",
        "Circle", "Link", "Line", "Pack", "Plan", "Program", "Policy", "Trust", "Value",
        "Saver", "Comfort", "Calm", "Peace", "Balance", "Future", "Life", "Day", "Year",
        "Step", "Start",
    ),
    "ko": (
        "가드", "실드", "케어", "플러스", "커버", "퍼스트", "세이프", "베이직", "시큐어",
        "라이트", "약속", "프렌드", "헬스", "파트너", "지킴이", "앵커", "우산", "월", "지붕",
        "네트", "록", "스타", "프로", "맥스", "엑스트라", "토털", "프리미엄", "클래식",
        "스탠더드", "셀렉트", "초이스", "다이렉트", "어시스트", "도움", "워치", "프로텍트",
        "디펜더", "아머", "둥지", "홈", "길", "서클", "링크", "라인", "팩", "플랜", "프로그램",
        "신뢰", "밸류", "세이버", "컴포트", "평화", "밸런스", "미래", "라이프", "데이", "스텝",
        "스타트", "보험", "보장", "종합", "든든", "튼튼", "온누리",
    ),
}
# fmt: on
_CONSONANTS, _VOWELS = "bdfgklmnprstvz", "aeiou"
_TAKEN = frozenset(name for product in PRODUCTS for name in (product.en, product.ko))


def invented_name(language: Language, rng: Random) -> str:
    """Invent a name: two words, sometimes made-up ones among them, sometimes a number behind."""
    while True:
        first = rng.choice(_FIRST[language]) if rng.random() < 0.65 else _made_up(language, rng)
        second = rng.choice(_SECOND[language]) if rng.random() < 0.9 else _made_up(language, rng)
        name = f"{first} {second}"
        if rng.random() < 0.05:
            name = f"{name} {rng.randint(2, 99)}"
        if name not in _TAKEN:
            return name


def _made_up(language: Language, rng: Random) -> str:
    if language == "ko":
        syllables = "가나다라마바사아자하고노도로모보소오조호기니디리미비시이지히루무부수우주"
        return "".join(rng.sample(syllables, rng.randint(2, 3)))
    word = "".join(rng.choice(_CONSONANTS) + rng.choice(_VOWELS) for _ in range(rng.randint(2, 3)))
    return word.capitalize()
