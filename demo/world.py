"""The fictional insurer Hanbit: its products, and what each policy says about six attributes.

Every fact exists in English and Korean with the same article number. 70 % of the facts are known
to the demo model by heart, the others stand in the documents only, so that retrieval has
something to add.
Invariant: the same code gives the same facts, on every machine and in every run.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Literal

Language = Literal["en", "ko"]
LANGUAGES: tuple[Language, Language] = ("en", "ko")
KNOWN_SHARE = 0.7
_SEED = 20260


@dataclass(frozen=True)
class Bilingual:
    """The same words in both languages."""

    en: str
    ko: str

    def of(self, language: Language) -> str:
        """Return the words in one language."""
        return self.en if language == "en" else self.ko


@dataclass(frozen=True)
class Attribute:
    """Something that every policy states, such as its waiting period."""

    key: str
    name: Bilingual
    lead: Bilingual
    """The fixed sentence that opens its article."""
    value: Callable[[int], Bilingual]
    """Its value for a number."""
    usual: tuple[int, ...]
    """The numbers that Hanbit's policies choose from."""
    widest: int
    """The largest number that any policy may have."""

    def draw(self, rng: Random) -> Bilingual:
        """Draw from the whole range: wide, so that a model that is trained on draws must copy."""
        return self.value(rng.randint(1, self.widest))


@dataclass(frozen=True)
class Statement:
    """A fact as one document states it, in one language."""

    document: str
    attribute: Attribute
    value: str
    number: int
    language: Language

    @property
    def article(self) -> str:
        """How it is cited."""
        return article_name(self.number, self.language)

    @property
    def sentence(self) -> str:
        """The sentence that states it, without the document's name."""
        return fact_sentence(self.attribute, self.value, self.language)

    @property
    def text(self) -> str:
        """The body of its article."""
        return f"{self.attribute.lead.of(self.language)} {self.sentence}"


@dataclass(frozen=True)
class Fact:
    """What one product's policy says about one attribute."""

    product: Bilingual
    attribute: Attribute
    value: Bilingual
    number: int
    known: bool

    def stated(self, language: Language) -> Statement:
        """Return the fact as the document in `language` states it."""
        return Statement(
            self.product.of(language),
            self.attribute,
            self.value.of(language),
            self.number,
            language,
        )


def article_name(number: int, language: Language) -> str:
    """Return how article `number` is cited."""
    return f"Article {number}" if language == "en" else f"제{number}조"


def fact_sentence(attribute: Attribute, value: str, language: Language) -> str:
    """State a value the way all documents do; exact answers end in the same words."""
    name = attribute.name.of(language)
    if language == "en":
        return f"The {name} is {value}."
    particle = "은" if attribute.name.ko[-1] in "간금한항" else "는"
    return f"{name}{particle} {value}입니다."


PRODUCTS = tuple(
    Bilingual(*pair)
    for pair in (
        ("Travel Shield", "트래블 실드"),
        ("Home Guard", "홈 가드"),
        ("Dental Plus", "덴탈 플러스"),
        ("Auto Care", "오토 케어"),
        ("Pet Friend", "펫 프렌드"),
        ("Family Health", "패밀리 헬스"),
        ("Driver First", "드라이버 퍼스트"),
        ("Cyber Safe", "사이버 세이프"),
        ("Bike Cover", "바이크 커버"),
        ("Marine Cargo", "마린 카고"),
        ("Student Abroad", "스튜던트 어브로드"),
        ("Golf Day", "골프 데이"),
        ("Fire Basic", "파이어 베이직"),
        ("Rent Secure", "렌트 시큐어"),
        ("Farm Yield", "팜 일드"),
        ("Senior Light", "시니어 라이트"),
        ("Wedding Promise", "웨딩 프라미스"),
        ("Music Stage", "뮤직 스테이지"),
    )
)

# What may be excluded: a cause and what it does to something, to be combined.
_CAUSES = (
    ("flood", "홍수"), ("frost", "동파"), ("hail", "우박"), ("smoke", "연기"), ("mold", "곰팡이"),
    ("rust", "녹"), ("insect", "해충"), ("earthquake", "지진"), ("war", "전쟁"), ("riot", "폭동"),
    ("strike", "파업"), ("nuclear", "원자력"), ("racing", "경주"), ("software", "소프트웨어"),
    ("battery", "배터리"), ("storm", "폭풍"), ("landslide", "산사태"), ("pollution", "오염"),
    ("volcano", "화산"), ("lightning", "낙뢰"), ("transport", "운송"), ("construction", "공사"),
    ("hunting", "사냥"), ("diving", "잠수"), ("climbing", "등반"), ("cosmetic", "미용"),
    ("fungus", "균류"), ("drone", "드론"), ("firework", "불꽃놀이"), ("rental", "대여"),
)  # fmt: skip
_EFFECTS = (
    ("damage", "손해"), ("costs", "비용"), ("accidents", "사고"), ("losses", "손실"),
    ("injuries", "부상"), ("repairs", "수리"),
)  # fmt: skip


def _days(number: int) -> Bilingual:
    return Bilingual(f"{number + 1} days", f"{number + 1}일")


def _weeks(number: int) -> Bilingual:
    return Bilingual(f"{number + 1} weeks", f"{number + 1}주")


def _small_amount(number: int) -> Bilingual:
    return Bilingual(f"{number * 10_000:,} KRW", f"{number}만 원")


def _large_amount(number: int) -> Bilingual:
    return Bilingual(f"{number} million KRW", f"{number * 100:,}만 원")


def _percent(number: int) -> Bilingual:
    return Bilingual(f"{number} percent", f"{number}퍼센트")


def _exclusion(number: int) -> Bilingual:
    effect, cause = divmod(number - 1, len(_CAUSES))
    return Bilingual(*(f"{a} {b}" for a, b in zip(_CAUSES[cause], _EFFECTS[effect], strict=True)))


ATTRIBUTES = (
    Attribute(
        "waiting_period",
        Bilingual("waiting period", "면책기간"),
        Bilingual("Cover does not begin at once.", "보장은 바로 시작되지 않습니다."),
        _days,
        (6, 9, 13, 14, 19, 20, 27, 29, 34, 39, 44, 59, 74, 89, 99, 119, 149, 179),
        364,
    ),
    Attribute(
        "deductible",
        Bilingual("deductible", "자기부담금"),
        Bilingual("You bear a part of each loss.", "손해의 일부는 고객이 부담합니다."),
        _small_amount,
        (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 20, 25, 30, 35, 40, 50),
        99,
    ),
    Attribute(
        "coverage_limit",
        Bilingual("coverage limit", "보장한도"),
        Bilingual("We pay up to a fixed amount.", "회사는 정해진 금액까지 지급합니다."),
        _large_amount,
        (3, 5, 8, 10, 12, 15, 20, 25, 30, 40, 50, 60, 70, 80, 100, 150, 200, 300),
        500,
    ),
    Attribute(
        "claim_deadline",
        Bilingual("claim deadline", "청구기한"),
        Bilingual("Please send your claim in time.", "보험금은 제때 청구해야 합니다."),
        _weeks,
        (2, 3, 4, 5, 7, 8, 9, 11, 12, 15, 17, 19, 23, 25, 29, 35, 47, 51),
        103,
    ),
    Attribute(
        "main_exclusion",
        Bilingual("main exclusion", "주요 면책사항"),
        Bilingual("Some losses are not covered.", "일부 손해는 보장되지 않습니다."),
        _exclusion,
        tuple(range(1, len(_CAUSES) + 1)),
        len(_CAUSES) * len(_EFFECTS),
    ),
    Attribute(
        "cancellation_fee",
        Bilingual("cancellation fee", "해지수수료"),
        Bilingual("You may end this policy early.", "계약은 중도에 해지할 수 있습니다."),
        _percent,
        (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 18, 20, 25),
        60,
    ),
)


@cache
def facts() -> tuple[Fact, ...]:
    """Return every fact of the world, product by product."""
    rng = Random(_SEED)
    count = len(PRODUCTS) * len(ATTRIBUTES)
    known = [index < round(count * KNOWN_SHARE) for index in range(count)]
    rng.shuffle(known)
    found: list[Fact] = []
    for product in PRODUCTS:
        numbers = sorted(rng.sample(range(2, rng.randint(10, 14)), len(ATTRIBUTES)))
        # In another order in every policy: no number gives away its attribute.
        rng.shuffle(numbers)
        for attribute, number in zip(ATTRIBUTES, numbers, strict=True):
            value = attribute.value(rng.choice(attribute.usual))
            found.append(Fact(product, attribute, value, number, known[len(found)]))
    return tuple(found)


def facts_of(product: Bilingual) -> tuple[Fact, ...]:
    """Return the facts of one product in the order of its articles."""
    return tuple(sorted((f for f in facts() if f.product == product), key=lambda f: f.number))
