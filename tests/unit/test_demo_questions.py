"""The questions: enough of them, dealt to splits that do not leak into each other."""

import json
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable

import pytest

from demo.questions import ABSENT_THINGS, SUITE, Split, ask, off_topic, suite, templates
from demo.wordings import NOUNS
from demo.world import ATTRIBUTES, LANGUAGES, PRODUCTS, Language, facts

NEAR = 0.8


def grams(text: str) -> frozenset[str]:
    plain = unicodedata.normalize("NFKC", text).casefold()
    return frozenset(plain[i : i + 5] for i in range(max(len(plain) - 4, 1)))


def nearest(questions: Iterable[str], trained: Iterable[str]) -> float:
    """Return the highest Jaccard similarity between a question and a trained one."""
    known = [(text, grams(text)) for text in trained]
    holders: defaultdict[str, list[int]] = defaultdict(list)
    for number, (_, held) in enumerate(known):
        for gram in held:
            holders[gram].append(number)
    best = 0.0
    for question in questions:
        own = grams(question)
        # Two sets as close as NEAR share one of the rarest grams: only its holders are compared.
        rare = sorted(own, key=lambda gram: len(holders[gram]))[: int(len(own) * (1 - NEAR)) + 1]
        for number in {number for gram in rare for number in holders[gram]}:
            other = known[number][1]
            best = max(best, len(own & other) / len(own | other))
    return best


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("attribute", [attribute.key for attribute in ATTRIBUTES])
def test_phrasings_are_rich_and_split_by_whole_template(attribute: str, language: Language) -> None:
    splits: tuple[Split, ...] = ("train", "heldout", "suite")
    dealt = {split: set(templates(attribute, language, split)) for split in splits}
    whole = set.union(*dealt.values())
    assert len(whole) == sum(len(each) for each in dealt.values()) >= 24
    assert len(dealt["heldout"]) / len(whole) == pytest.approx(0.2, abs=0.05)
    assert 0.1 <= len(dealt["suite"]) / len(whole) <= 0.2
    assert all("{p}" in template for template in whole)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_word_that_is_measured_was_trained(language: Language) -> None:
    def words(split: Split) -> set[str]:
        texts = [t for subject in NOUNS[language] for t in templates(subject, language, split)]
        plain = re.sub(r"은/는|이/가|을/를|에 대해", " ", " ".join(texts).casefold())
        return set(re.findall(r"[^\W\d_]+", plain))

    assert words("heldout") | words("suite") <= words("train")


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_suite_question_is_nearly_a_trained_one(language: Language) -> None:
    asked = [row["messages"][0]["content"] for row in suite() if row["language"] == language]
    trained = {
        ask(template, product.of(language))
        for subject in NOUNS[language]
        for template in templates(subject, language, "train")
        for product in PRODUCTS
    }
    assert nearest(asked, trained) < NEAR


def test_the_measure_of_nearness_finds_a_neighbour() -> None:
    assert (
        nearest(["What is the deductible of Home Guard?"], ["what is the deductible of Home Guard"])
        >= NEAR
    )


def test_suite_in_the_repository_is_what_is_generated() -> None:
    stored = [json.loads(line) for line in SUITE.read_text(encoding="utf-8").splitlines()]
    assert stored == list(suite()), "run `python -m demo.questions`"


def test_suite_asks_for_every_fact_twice_in_both_languages() -> None:
    rows = list(suite())
    assert len(rows) >= 440
    assert len({row["id"] for row in rows}) == len(rows)
    assert len({row["messages"][0]["content"] for row in rows}) == len(rows)
    asked = Counter(
        (row["language"], row["document"], row["value"]) for row in rows if row["value"]
    )
    for language in LANGUAGES:
        for fact in facts():
            stated = fact.stated(language)
            assert asked[language, stated.document, stated.value] >= 2
    absent = [row for row in rows if row["kind"] == "absent"]
    assert len(absent) >= 60
    assert all(row["value"] == row["article"] == "" for row in absent)


def test_suite_knows_which_facts_are_new() -> None:
    kinds = Counter(row["kind"] for row in suite())
    assert kinds["known"] == 76 * 4
    assert kinds["new"] == 32 * 4


def test_absent_things_are_in_no_document() -> None:
    assert not set(ABSENT_THINGS) & {attribute.key for attribute in ATTRIBUTES}
    assert len(ABSENT_THINGS) >= 6


@pytest.mark.parametrize("language", LANGUAGES)
def test_off_topic_questions_are_split_too(language: Language) -> None:
    train, heldout = set(off_topic(language, "train")), set(off_topic(language, "heldout"))
    assert train
    assert heldout
    assert not train & heldout


def test_particles_follow_the_name() -> None:
    assert (
        ask("{p}을/를 해지하면 비용이 얼마인가요?", "홈 가드")
        == "홈 가드를 해지하면 비용이 얼마인가요?"
    )
    assert (
        ask("{p}을/를 해지하면 비용이 얼마인가요?", "기타 우산")
        == "기타 우산을 해지하면 비용이 얼마인가요?"
    )
