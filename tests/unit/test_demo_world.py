"""The fictional insurer: particles, facts, and documents that say what the world says."""

import re
from random import Random

import pytest

from demo import terms
from demo.korean import resolve
from demo.world import ATTRIBUTES, LANGUAGES, PRODUCTS, facts, facts_of


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("트래블 실드은/는", "트래블 실드는"),
        ("면책기간은/는", "면책기간은"),
        ("사이버 세이프이/가", "사이버 세이프가"),
        ("팜 일드을/를", "팜 일드를"),
        ("자기부담금을/를", "자기부담금을"),
        ("서울으로/로", "서울로"),
        ("부산으로/로", "부산으로"),
        ("제주으로/로", "제주로"),
        ("플랜 3은/는", "플랜 3은"),
        ("플랜 2은/는", "플랜 2는"),
        ("플랜 7으로/로", "플랜 7로"),
        ("플랜 10으로/로", "플랜 10으로"),
        ("두 조항(제3조)을/를", "두 조항(제3조)를"),
    ],
)
def test_particle_fits_the_word_before_it(written: str, read: str) -> None:
    assert resolve(written) == read


def test_text_without_pairs_is_unchanged() -> None:
    assert resolve("면책기간은 30일입니다.") == "면책기간은 30일입니다."


def test_seventy_percent_of_the_facts_are_known_by_heart() -> None:
    known = sum(fact.known for fact in facts())
    assert len(facts()) == len(PRODUCTS) * len(ATTRIBUTES) == 108
    assert known == 76


def test_every_product_states_every_attribute_in_an_article_of_its_own() -> None:
    for product in PRODUCTS:
        own = facts_of(product)
        assert {fact.attribute.key for fact in own} == {attribute.key for attribute in ATTRIBUTES}
        assert len({fact.number for fact in own}) == len(ATTRIBUTES)


def test_values_are_the_same_in_both_languages() -> None:
    for fact in facts():
        if fact.attribute.key in ("deductible", "coverage_limit"):
            english = int(re.sub(r"\D", "", fact.value.en)) * (
                1_000_000 if "million" in fact.value.en else 1
            )
            assert english == int(re.sub(r"\D", "", fact.value.ko)) * 10_000
        elif fact.attribute.key != "main_exclusion":
            assert re.findall(r"\d+", fact.value.en) == re.findall(r"\d+", fact.value.ko)


def test_drawn_values_vary_widely() -> None:
    rng = Random(0)
    for attribute in ATTRIBUTES:
        assert len({attribute.draw(rng).en for _ in range(200)}) > 30


def test_documents_in_the_repository_are_what_is_rendered() -> None:
    for language in LANGUAGES:
        expected = {terms.path_of(product, language) for product in PRODUCTS}
        assert set((terms.DOCUMENTS / language).iterdir()) == expected
        for product in PRODUCTS:
            stored = terms.path_of(product, language).read_text(encoding="utf-8")
            assert stored == terms.render(product, language), "run `python -m demo.terms`"


def test_documents_state_every_fact_last_in_its_article() -> None:
    heading = {"en": r"## Article (\d+)\. (.+)", "ko": r"## 제(\d+)조 \((.+)\)"}
    for language in LANGUAGES:
        for product in PRODUCTS:
            text = terms.render(product, language)
            parts = re.split(heading[language], text)
            assert parts[0].strip() == f"# {product.of(language)}"
            bodies = {int(parts[i]): parts[i + 2].strip() for i in range(1, len(parts), 3)}
            assert list(bodies) == list(range(1, len(bodies) + 1))
            assert 10 <= len(bodies) <= 14
            for fact in facts_of(product):
                assert bodies[fact.number].endswith(fact.stated(language).sentence)
