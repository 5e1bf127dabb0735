"""Suites are read, checked and named; answers are scored by what they say."""

import json
from pathlib import Path

import pytest

from eval.scorers import normalised, quantities, score_reference
from eval.suite import Message, Sample, SuiteError, load_suite, prompt_hash, suite_of


def sample(
    value: str | None = "28 days",
    kind: str = "fact",
    language: str = "en",
    question: str = "How long is the waiting period?",
    article: str | None = "Article 3",
    rivals: tuple[str, ...] = (),
    name: str = "q1",
) -> Sample:
    messages = (Message(role="user", content=question),)
    return Sample(name, messages, language, kind, value, article, None, rivals)


def write(path: Path, *rows: dict[str, object]) -> Path:
    path.write_text("\n".join(json.dumps(row) for row in rows) + "\n\n", encoding="utf-8")
    return path


def row(**changes: object) -> dict[str, object]:
    messages = [{"role": "user", "content": "How long?"}]
    plain = {"id": "a", "messages": messages, "language": "en", "kind": "fact", "value": "3 days"}
    return {**plain, **changes}


def test_a_suite_is_read_in_any_order_and_keeps_its_hash(tmp_path: Path) -> None:
    absent = row(id="b", kind="absent", value=None, article="Article 2", rivals=["x"])
    first = load_suite(
        write(tmp_path / "1.jsonl", row(), absent, row(id="c", kind="open", value=None))
    )
    second = load_suite(
        write(tmp_path / "2.jsonl", row(id="c", kind="open", value=None), absent, row())
    )
    assert first == second
    assert [s.id for s in first.reference] == ["a", "b"]
    assert [s.id for s in first.prompts] == ["a", "b", "c"]
    changed = load_suite(write(tmp_path / "3.jsonl", row(value="4 days")))
    assert changed.hash != first.hash


@pytest.mark.parametrize(
    ("bad", "word"),
    [
        (row(value=None), "has no `value`"),
        (row(value="  "), "has no `value`"),
        (row(kind=""), "kind"),
        (row(messages=[]), "messages"),
        (row(messages=[{"role": "assistant", "content": "Hi"}]), "must be the user's question"),
        (row(answer="3 days"), "answer"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, bad: dict[str, object], word: str) -> None:
    path = write(tmp_path / "suite.jsonl", row(id="fine"), bad)
    with pytest.raises(SuiteError, match=r"suite\.jsonl, line 2") as caught:
        load_suite(path)
    assert word in str(caught.value)


def test_a_missing_file_and_a_double_id_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match="cannot be read"):
        load_suite(tmp_path / "none.jsonl")
    with pytest.raises(SuiteError, match="'q1' occurs twice"):
        suite_of([sample(), sample()])


def test_prompts_are_named_by_what_they_say() -> None:
    assert prompt_hash(sample().messages) == prompt_hash(sample(name="other").messages)
    assert prompt_hash(sample().messages) != prompt_hash(sample(question="When?").messages)


@pytest.mark.parametrize(
    ("value", "answer"),
    [
        ("28 days", "The waiting period is 28 days (Article 3)."),
        ("28 days", "It depends, but probably 28 days."),
        ("28 days", "A 28-day wait applies."),
        ("28 days", "According to Article 3, 28 days."),
        ("28 days", "면책기간은 28일입니다 (제3조)."),
        ("2 weeks", "2주일입니다."),
        ("120,000 KRW", "12만 원입니다."),
        ("12만 원", "KRW 120,000"),
        ("12만 원", "120,000원이며 다를 수 있습니다"),
        ("20 million KRW", "보장한도는 2,000만 원입니다."),
        ("1억 2,000만 원", "The limit is 120 million won."),
        ("5 percent", "５％ of the premium"),
        ("5퍼센트", "It is 5 per cent."),
        ("500 dollars", "You pay $500."),
        ("$2.50", "2.5 dollars"),
        ("flood damage", "FLOOD  damage is not covered."),
        ("동파 손해", "주요 면책사항은 동파 손해입니다."),
        ("5 points", "You get 5 points."),
    ],
)
def test_a_right_value_is_found_in_any_dress(value: str, answer: str) -> None:
    assert score_reference(sample(value), answer).right


@pytest.mark.parametrize(
    ("value", "answer"),
    [
        ("28 days", "It is 128 days."),
        ("28 days", "It is 28.5 days."),
        ("28 days", "It is 28 weeks."),
        ("28 days", "It is 28 or 30 days."),
        ("28 days", "10~28일"),
        ("28 days", "28 days, 30 days, 60 days"),
        ("28 days", "I cannot find that in the documents."),
        ("28 days", ""),
        ("12만 원", "12만 원 또는 13만 원"),
        ("120,000 KRW", "12,000 KRW"),
        ("$500", "It is $1,500."),
        ("5 points", "You get 15 points."),
        ("5 points", "You get 5 pointsmen."),
        ("flood damage", "frost damage"),
    ],
)
def test_a_wrong_or_second_value_is_not_right(value: str, answer: str) -> None:
    assert not score_reference(sample(value), answer).right


def test_a_value_from_the_question_may_be_taken_up() -> None:
    asked = sample(question="Is the waiting period 10 days?")
    assert score_reference(asked, "No, not 10 days but 28 days.").right
    assert not score_reference(asked, "Yes, 10 days.").right


def test_a_rival_text_contradicts() -> None:
    one = sample("flood damage", rivals=("flood costs", "flood"))
    assert score_reference(one, "Flood damage.").right
    assert not score_reference(one, "Flood damage or flood costs.").right
    about = sample("flood damage", question="Are flood costs excluded?", rivals=("flood costs",))
    assert score_reference(about, "Not flood costs: flood damage.").right


@pytest.mark.parametrize(
    "answer",
    [
        "I cannot find that in the documents.",
        "I could not find this.",
        "I couldn’t find it",
        "The documents do not say.",
        "That isn't stated in the policy.",
        "There is no information about it.",
        "제공된 문서에서 답을 찾을 수 없습니다.",
        "약관에 나와 있지 않습니다.",
        "해당 내용은 확인할 수 없습니다.",
    ],
)
def test_admitted_absence_is_right_only_where_nothing_is_there(answer: str) -> None:
    assert score_reference(sample(None, "absent"), answer).right
    assert not score_reference(sample(), answer).right


@pytest.mark.parametrize(
    "answer", ["It is 28 days.", "I cannot find it; it is 28 days.", "It is not covered.", ""]
)
def test_an_invented_answer_is_no_absence(answer: str) -> None:
    assert not score_reference(sample(None, "absent"), answer).right


def test_other_domains_pass_their_own_words_for_absence() -> None:
    patterns = {"de": (r"nicht zu finden",)}
    assert score_reference(sample(None, "absent"), "Das ist nicht zu finden.", patterns).right
    assert not score_reference(sample(None, "absent"), "I cannot find it.", patterns).right


def test_article_and_language_are_reported_apart() -> None:
    right = score_reference(sample(), "28 days (Article 3).")
    assert (right.right, right.article_right, right.language_right) == (True, True, True)
    other = score_reference(sample(), "28일입니다 (제13조).")
    assert (other.right, other.article_right, other.language_right) == (True, False, False)
    assert score_reference(sample(), "28 days (Article 31)").article_right is False
    korean = sample("28일", language="ko", article="제3조")
    assert score_reference(korean, "28일입니다 (제3조).").article_right is True
    bare = score_reference(sample(article=None), "28 %")
    assert (bare.article_right, bare.language_right) == (None, None)
    assert score_reference(sample(language="de"), "28 days").language_right is None


def test_an_open_sample_has_no_reference() -> None:
    for unscorable in (sample(None, "open"), sample(None)):
        with pytest.raises(ValueError, match="has no reference"):
            score_reference(unscorable, "anything")


def test_numbers_without_a_unit_are_no_quantities() -> None:
    assert quantities(normalised("Article 3, paragraph 12")) == set()
    assert {unit for _, unit in quantities("10 to 20 days and 3 percent")} == {"day", "percent"}


def test_an_empty_article_is_no_article() -> None:
    assert score_reference(sample(article=""), "28 days (Article 3).").article_right is None
