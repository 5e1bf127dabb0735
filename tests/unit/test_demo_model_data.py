"""What the demo model learns from: sheets whose text is what is served, packed without leaks."""

from random import Random

from demo.answers import NOT_IN_PASSAGES
from demo.conversation import chat, tool_call
from demo.model_data import Mix, open_sheet, sheet, tool_sheet
from demo.names import invented_name
from demo.packing import IGNORED, Row, TokenSheet, cut, rows, tokenised
from demo.questions import ask, templates
from demo.wordings import NOUNS
from demo.world import LANGUAGES, PRODUCTS
from knowledge.prompt import SEARCH_TOOL, SYSTEM, Message

MIX = Mix(0.5, (0.2, 0.3, 0.3, 0.2))


def encode(text: str) -> list[int]:
    return [ord(character) for character in text]


def test_a_sheet_is_the_served_prompt_cut_where_the_question_begins() -> None:
    rng = Random(1)
    for _ in range(50):
        drawn = open_sheet(MIX, rng)
        assert drawn.prefix.startswith(f"<|im_start|>system\n{SYSTEM}<|im_end|>\n")
        assert drawn.prefix.endswith("\n\nQuestion:")
        for branch in drawn.branches:
            assert branch.question.startswith(" ")
            assert branch.question.endswith("<|im_end|>\n<|im_start|>assistant\n")


def test_chat_is_the_template_of_the_model() -> None:
    turns = [Message(role="user", content="Hello")]
    assert chat(turns) == "<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n"


def test_a_search_asks_for_what_was_asked_word_by_word() -> None:
    rng = Random(7)
    calls = 0
    for _ in range(200):
        (branch,) = tool_sheet(MIX, rng).branches
        assert branch.question.startswith(f"<|im_start|>tools\n{SEARCH_TOOL}\n<|im_end|>\n")
        asked = branch.question.removesuffix("<|im_end|>\n<|im_start|>assistant\n")
        asked = asked.rpartition("<|im_start|>user\n")[2]
        if branch.answer.startswith("<tool_call>"):
            assert branch.answer == tool_call(SEARCH_TOOL, query=asked)
            calls += 1
    assert 130 < calls < 190


def test_answers_from_passages_stand_in_the_passages() -> None:
    rng = Random(2)
    cited = 0
    for _ in range(200):
        drawn = open_sheet(Mix(1.0, (0, 0, 0.5, 0.5)), rng)
        for branch in drawn.branches:
            if branch.answer.endswith(")."):
                words = 4 if branch.answer.startswith("Under ") else 2
                assert " ".join(branch.answer.split(" ")[-words:]) in drawn.prefix
                cited += 1
    assert cited > 400


def test_some_three_in_ten_questions_cannot_be_answered_from_the_passages() -> None:
    rng = Random(3)
    texts = [branch.answer for _ in range(400) for branch in open_sheet(MIX, rng).branches]
    absent = sum(text in NOT_IN_PASSAGES.values() for text in texts)
    assert 0.22 < absent / len(texts) < 0.34


def test_nothing_held_out_is_trained_on() -> None:
    rng = Random(4)
    heldout = {
        ask(template, product.of(language)).rstrip("?.").casefold()
        for language in LANGUAGES
        for subject in NOUNS[language]
        for split in ("heldout", "suite")
        for template in templates(subject, language, split)
        for product in PRODUCTS
    }
    for _ in range(3000):
        for branch in sheet(MIX, rng).branches:
            asked = branch.question.removesuffix("<|im_end|>\n<|im_start|>assistant\n")
            asked = asked.rpartition("user\n")[2].strip().rstrip("?.").casefold()
            assert asked not in heldout


def test_invented_names_are_not_products() -> None:
    rng = Random(5)
    taken = {name for product in PRODUCTS for name in (product.en, product.ko)}
    assert not taken & {invented_name(language, rng) for language in LANGUAGES for _ in range(5000)}


def test_answers_alone_are_learned() -> None:
    drawn = TokenSheet([1, 2], [([3, 4, 5, 6], 2), ([7, 8, 9], 1)])
    row = Row()
    row.add(drawn, number=0)
    assert row.tokens == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert row.targets == [IGNORED, IGNORED, IGNORED, 5, 6, IGNORED, 8, 9, IGNORED]
    assert row.positions == [0, 1, 2, 3, 4, 5, 2, 3, 4]
    assert row.branches == [0, 0, 1, 1, 1, 1, 2, 2, 2]


def test_rows_are_full_length_and_padding_teaches_nothing() -> None:
    rng = Random(6)

    def sheets() -> list[TokenSheet]:
        return [
            tokenised(sheet(MIX, rng), lambda text: encode(text)[:40], end=2) for _ in range(60)
        ]

    for row in rows(iter(sheets()), length=400):
        assert len(row.tokens) == len(row.targets) == len(row.positions) == len(row.sheets) == 400
        for number, target in zip(row.sheets, row.targets, strict=True):
            assert number >= 0 or target == IGNORED


def test_a_sheet_that_is_too_long_loses_its_last_branches() -> None:
    drawn = TokenSheet([1] * 10, [([2] * 10, 1)] * 5)
    assert len(cut(drawn, 35)) == 30
    assert cut(drawn, 60) == drawn
