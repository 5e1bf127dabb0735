"""The grader recognises what the renderers write, in both languages."""

from random import Random

import pytest

from demo import answers
from demo.model_data import stated_passage
from demo.world import LANGUAGES, Fact, Language, facts
from knowledge.prompt import cited


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("style", answers.STYLES)
def test_every_answer_is_graded_as_it_was_meant(style: answers.Style, language: Language) -> None:
    rng = Random(3)
    for fact in facts():
        stated = fact.stated(language)
        for _ in range(4):
            text = answers.render(stated, style, rng)
            assert answers.style_of(text) == style, text
            assert answers.right_value(text, fact, language), text
            assert not answers.is_absence(text)
            assert answers.cited_article(text) == (stated.article if style == "exact" else None)


@pytest.mark.parametrize("language", LANGUAGES)
def test_refusals_are_recognised(language: Language) -> None:
    for refusal in (answers.NOT_IN_PASSAGES, answers.NOT_WITHOUT_DOCUMENTS):
        assert answers.is_absence(refusal[language])
        assert answers.style_of(refusal[language]) == "absent"
    assert answers.style_of(answers.OFF_TOPIC[language]) == "off_topic"
    assert answers.style_of(answers.GREETING[language]) == "off_topic"
    assert not answers.is_absence(answers.OFF_TOPIC[language])


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_exact_answer_ends_in_the_words_of_its_passage(language: Language) -> None:
    for fact in facts():
        stated = fact.stated(language)
        end = stated.sentence.rstrip(".").split(" ", 1)[1] + f" ({stated.article})."
        assert answers.exact(stated).endswith(end)
        assert cited(stated_passage(stated)).endswith(end)


def test_exact_answers_read_well() -> None:
    fact = facts()[0]
    assert answers.exact(fact.stated("en")) == (
        f"Under Travel Shield, the waiting period is {fact.value.en} (Article {fact.number})."
    )
    assert answers.exact(fact.stated("ko")) == (
        f"트래블 실드의 면책기간은 {fact.value.ko}입니다 (제{fact.number}조)."
    )


def test_a_value_inside_a_longer_number_is_not_the_value() -> None:
    assert answers.holds_value("It is 30 days.", "30 days")
    assert not answers.holds_value("It is 130 days.", "30 days")
    assert not answers.holds_value("13,500만 원입니다.", "500만 원")
    assert not answers.holds_value("It is 1,350,000 KRW.", "350,000 KRW")
    assert not answers.holds_value("It is 30 weeks.", "30 days")


def test_a_refusal_is_never_the_right_value() -> None:
    fact: Fact = facts()[0]
    assert not answers.right_value(f"I do not know whether it is {fact.value.en}.", fact, "en")


def test_text_of_no_style_is_other() -> None:
    assert answers.style_of("") == "other"
    assert answers.style_of("word " * 40) == "other"
