"""The policy terms as Markdown: six articles that state facts among others that every policy has.

A fact's article is a lead sentence and then the sentence that states the value, so that the
article's number, which retrieval puts behind the text, stands right behind what it proves.
Invariant: `demo/documents/` is exactly what `render` returns; write it with `python -m
demo.terms`.
"""

from dataclasses import dataclass
from pathlib import Path
from random import Random

from demo.world import LANGUAGES, PRODUCTS, Bilingual, Language, article_name, facts_of

DOCUMENTS = Path(__file__).parent / "documents"


@dataclass(frozen=True)
class Article:
    """One numbered article in both languages."""

    number: int
    heading: Bilingual
    body: Bilingual


PURPOSE = (
    Bilingual("Purpose", "목적"),
    Bilingual(
        "These terms set out the rights and duties of the customer and of Hanbit.",
        "이 약관은 고객과 한빛의 권리와 의무를 정합니다.",
    ),
)

BOILERPLATE = (
    (
        Bilingual("Definitions", "용어의 정의"),
        Bilingual(
            "The customer is the person who concludes the contract. The insured is the person "
            "or thing that is covered.",
            "고객은 계약을 맺은 사람을 말합니다. 피보험자는 보장을 받는 사람 또는 물건을 말합니다.",
        ),
    ),
    (
        Bilingual("Duty to disclose", "계약 전 알릴 의무"),
        Bilingual(
            "Before the contract is concluded, the customer answers all questions of the "
            "application truthfully.",
            "고객은 계약을 맺기 전에 청약서의 질문에 사실대로 답해야 합니다.",
        ),
    ),
    (
        Bilingual("Duty to notify", "계약 후 알릴 의무"),
        Bilingual(
            "The customer tells Hanbit without delay when the address or the use of the "
            "insured object changes.",
            "고객은 주소나 보험 대상의 용도가 바뀌면 바로 한빛에 알려야 합니다.",
        ),
    ),
    (
        Bilingual("Payment procedure", "보험금 지급 절차"),
        Bilingual(
            "Hanbit examines every claim with care. It pays into the account that the "
            "customer has named.",
            "한빛은 모든 청구를 신중하게 심사합니다. 보험금은 고객이 지정한 계좌로 지급합니다.",
        ),
    ),
    (
        Bilingual("Required papers", "제출 서류"),
        Bilingual(
            "A claim needs the claim form, proof of identity and proof of the loss.",
            "보험금을 청구할 때는 청구서와 신분증과 손해 증명 서류를 제출합니다.",
        ),
    ),
    (
        Bilingual("Duty to reduce the loss", "손해 방지 의무"),
        Bilingual(
            "When a loss occurs, the customer does what is reasonable to keep it small.",
            "사고가 나면 고객은 손해를 줄이기 위해 노력해야 합니다.",
        ),
    ),
    (
        Bilingual("Other insurance", "다른 보험과의 관계"),
        Bilingual(
            "If the same loss is insured elsewhere, each insurer pays its proportional part.",
            "같은 손해를 보장하는 다른 보험이 있으면 각 회사가 비율에 따라 나누어 지급합니다.",
        ),
    ),
    (
        Bilingual("Personal data", "개인정보 보호"),
        Bilingual(
            "Hanbit uses personal data only to perform this contract and protects it as the "
            "law demands.",
            "한빛은 개인정보를 계약을 이행하는 데에만 쓰고 법에 따라 보호합니다.",
        ),
    ),
    (
        Bilingual("Settlement of disputes", "분쟁의 조정"),
        Bilingual(
            "Both sides may ask the financial supervisory service to settle a dispute.",
            "분쟁이 생기면 양쪽은 금융감독원에 조정을 신청할 수 있습니다.",
        ),
    ),
)

GOVERNING_LAW = (
    Bilingual("Governing law", "준거법"),
    Bilingual(
        "This contract is governed by the law of the Republic of Korea.",
        "이 계약에는 대한민국 법을 적용합니다.",
    ),
)


def articles(product: Bilingual) -> tuple[Article, ...]:
    """Return the articles of a product's policy: the purpose first, the governing law last."""
    stated = {fact.number: fact for fact in facts_of(product)}
    rng = Random(product.en)
    last = max(10, max(stated) + 1)
    others = iter(rng.sample(BOILERPLATE, len(BOILERPLATE)))
    found: list[Article] = []
    for number in range(1, last + 1):
        if number in stated:
            attribute = stated[number].attribute
            body = Bilingual(stated[number].stated("en").text, stated[number].stated("ko").text)
            heading = Bilingual(attribute.name.en.capitalize(), attribute.name.ko)
        elif number in (1, last):
            heading, body = PURPOSE if number == 1 else GOVERNING_LAW
        else:
            heading, body = next(others)
        found.append(Article(number, heading, body))
    return tuple(found)


def render(product: Bilingual, language: Language) -> str:
    """Render one policy as Markdown."""
    lines = [f"# {product.of(language)}"]
    for article in articles(product):
        name, heading = article_name(article.number, language), article.heading.of(language)
        title = f"{name}. {heading}" if language == "en" else f"{name} ({heading})"
        lines += [f"## {title}", article.body.of(language)]
    return "\n\n".join(lines) + "\n"


def path_of(product: Bilingual, language: Language) -> Path:
    """Return where a policy is stored."""
    return DOCUMENTS / language / f"{product.en.lower().replace(' ', '-')}.md"


def write() -> None:
    """Write all policies to `demo/documents/`."""
    for language in LANGUAGES:
        (DOCUMENTS / language).mkdir(parents=True, exist_ok=True)
        for product in PRODUCTS:
            path_of(product, language).write_text(render(product, language), encoding="utf-8")


if __name__ == "__main__":
    write()
