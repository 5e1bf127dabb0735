"""A copy of a gate's prompt is found however it is dressed up, and another question is not."""

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eval.suite import load_suite
from ratchet.settings import CHECKOUT
from tests.curation_kit import people, rounds, row
from training.copies import LETTERS_AN_EDIT, Copies, least_edits, letters

GATE = sorted(
    {
        message["content"]
        for sample in load_suite(CHECKOUT / "demo" / "suite.jsonl").samples
        for message in sample.messages
        if message["role"] == "user"
    }
)
PARTICLES = {"은": "이", "는": "가", "을": "은", "를": "는", "의": ""}


def other_particles(question: str) -> str:
    words = question.split()
    return " ".join(
        word[:-1] + PARTICLES[word[-1]] if len(word) > 2 and word[-1] in PARTICLES else word
        for word in words
    )


def mistyped(question: str, rng: Random) -> str:
    """Change one letter, leave one out or add one."""
    places = [n for n, letter in enumerate(question) if letter.isalnum()]
    at = rng.choice(places)
    return question[:at] + rng.choice(("q", "", question[at] + "z")) + question[at + 1 :]


def disguises(question: str, rng: Random) -> list[str]:
    long = "Hi, I have been a customer of yours since last year and there is one thing to ask. "
    korean = "안녕하세요, 고객센터에 처음 문의드려요. 어제 가입했는데 궁금한 게 있어요. "
    found = [
        question.upper(),
        question.replace(" ", "  "),
        question.rstrip("?.") + "!!",
        f"{long}{question}",
        f"{korean}{question}",
        f"{question} 빨리 알려주시면 정말 감사하겠습니다. Thank you so much!",
        other_particles(question),
    ]
    if len(letters(question)[1]) >= LETTERS_AN_EDIT + 1:
        found.append(mistyped(question, rng))
    return found


def slowly(pattern: str, text: str) -> int:
    """Sellers' table, a row a letter of the pattern."""
    row = [0] * (len(text) + 1)
    for n, letter in enumerate(pattern, 1):
        last, row = row, [n]
        for m, other in enumerate(text, 1):
            row.append(min(last[m] + 1, row[-1] + 1, last[m - 1] + (letter != other)))
    return min(row)


@given(st.text("abc", min_size=1, max_size=70), st.text("abc", max_size=90))
def test_the_quick_search_counts_as_the_slow_one(pattern: str, text: str) -> None:
    assert least_edits(pattern, text) == slowly(pattern, text)


@given(st.data())
def test_every_text_that_holds_a_question_with_few_changes_is_found(data: st.DataObject) -> None:
    question = data.draw(st.text("abcde", min_size=14, max_size=60))
    text = data.draw(st.text("abcde", max_size=20)) + question
    text += data.draw(st.text("abcde", max_size=20))
    for _ in range(data.draw(st.integers(0, len(question) // LETTERS_AN_EDIT))):
        at = data.draw(st.integers(0, len(text) - 1))
        text = text[:at] + data.draw(st.sampled_from(["", "x", "y" + text[at]])) + text[at + 1 :]
    others = data.draw(st.lists(st.text("abcde", min_size=14, max_size=30), max_size=5))
    assert Copies([question, *others])(text)


@pytest.mark.parametrize(
    ("question", "text", "same"),
    [
        ("트래블 실드의 면책기간은 얼마인가요?", "트래블실드 면책기간이 얼마인가요", True),
        ("트래블 실드의 면책기간은 얼마인가요?", "홈 가드의 면책기간은 얼마인가요?", False),
        ("What is the wait of Home Guard?", "What is the wait of Home Gaurd, please?", True),
        ("What is the wait of Home Guard?", "What is the wait of Travel Shield?", False),
        ("What is the wait of Home Guard?", "What is the excess of Home Guard?", False),
        (
            "What does Home Guard pay after 30 days?",
            "so what does home guard pay after 30 day",
            True,
        ),
        (
            "What does Home Guard pay after 30 days?",
            "What does Home Guard pay after 90 days?",
            False,
        ),
        ("Yes, please.", "Yes please!", True),
        ("Yes, please.", "Yes, please tell me what Home Guard costs.", False),
        ("???", "!!!", False),
    ],
)
def test_a_copy_is_told_from_another_question(question: str, text: str, same: bool) -> None:
    assert Copies([question])(text) is same


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_no_disguise_of_a_gate_prompt_trains_judges_or_is_held_out(seed: int) -> None:
    rng = Random(seed)
    texts = [text for question in rng.sample(GATE, 60) for text in disguises(question, rng)]
    planted = [
        row(10_000 + n, f"person-{n % 25}", n % 2 == 0, question=text)
        for n, text in enumerate(texts)
    ]
    found = rounds([*people(25, 12), *planted], protected=GATE, seed=seed)
    parts = {
        "train": [form.row for form in found.train],
        "heldout": [form.row for form in found.heldout],
        "judge": found.judge,
        "check": found.check,
    }
    leaked = {
        name: {each.question[-1]["content"] for each in rows} & set(texts)
        for name, rows in parts.items()
    }
    assert leaked == {name: set[str]() for name in parts}
    assert sum(map(len, parts.values())) > 290, "what is no copy is used"


def test_a_prompt_asked_earlier_in_the_conversation_is_found_too() -> None:
    turns = ({"role": "user", "content": GATE[0]}, {"role": "assistant", "content": "It is 5."},
             {"role": "user", "content": "And what else?"})  # fmt: skip
    earlier = replace(row(900, "person-1"), question=turns, prompt=turns)
    found = rounds([*people(25, 12), earlier], protected=GATE)
    assert found.left_out["close to a protected question"] == 1
