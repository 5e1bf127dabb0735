"""Lines on pages to Markdown: columns, running heads, headings, paragraphs, Korean line ends."""

from dataclasses import replace

import pytest

from knowledge.reading.korean import Joiner
from knowledge.reading.layout import to_markdown
from knowledge.reading.page import Line, Page, in_order

WIDTH, HEIGHT = 600.0, 840.0


def line(
    text: str, top: float, x0: float = 60, size: float = 10, width: float | None = None
) -> Line:
    across = width if width is not None else size * len(text) * 0.6
    return Line(text, x0, top, x0 + across, top + size, size)


def page(*lines: Line, number: int = 1, confidence: float | None = None) -> Page:
    return Page(number, WIDTH, HEIGHT, lines, confidence)


def plain(markdown: str) -> list[str]:
    return [part for part in markdown.split("\n\n") if not part.startswith("<!--")]


def test_lines_of_a_paragraph_are_joined_and_paragraphs_are_not() -> None:
    text = to_markdown([
        page(
            line("The customer tells Hanbit without", 200),
            line("delay when the address changes.", 214),
            line("Another paragraph begins here.", 240),
            line("• one thing", 260),
            line("• another thing", 274),
            line("1. first of all", 288),
        )
    ])  # fmt: skip
    assert plain(text) == [
        "The customer tells Hanbit without delay when the address changes.",
        "Another paragraph begins here.",
        "- one thing",
        "- another thing",
        "1. first of all",
    ]


def test_larger_letters_and_articles_are_headings() -> None:
    text = to_markdown([
        page(
            line("Home Guard", 120, size=22),
            line("제1장 총칙", 150),
            line("제3조(면책기간) 보장은 늦게 시작됩니다.", 170),
            line("Article 4. Deductible", 190),
            line("You bear a part of each loss.", 204),
            line("Article 5.", 230, size=14),
            line("Settlement of", 248, size=14),
            line("disputes", 266, size=14),
            line("As article 4 says, we pay.", 290),
        )
    ])  # fmt: skip
    assert plain(text) == [
        "# Home Guard",
        "## 제1장 총칙",
        "### 제3조(면책기간)",
        "보장은 늦게 시작됩니다.",
        "### Article 4. Deductible",
        "You bear a part of each loss.",
        "## Article 5. Settlement of disputes",
        "As article 4 says, we pay.",
    ]


def test_the_title_of_the_file_stands_in() -> None:
    assert plain(to_markdown([page(line("Only text.", 200))], "Manual")) == [
        "# Manual",
        "Only text.",
    ]


def test_running_heads_and_numbers_go_and_what_repeats_in_the_text_stays() -> None:
    pages = [
        page(
            line("Hanbit Terms 2025", 20),
            line("The same sentence.", 300),
            line(f"Text of page {n}.", 95),
            line(f"- {n} / 3 -", 815, x0=280),
            number=n,
        )
        for n in (1, 2, 3)
    ]
    text = to_markdown(pages)
    assert "Hanbit" not in text
    assert "/ 3" not in text
    assert text.count("The same sentence.") == 3
    assert all(f"Text of page {n}." in text for n in (1, 2, 3))


def test_a_head_that_was_read_a_little_otherwise_goes_too() -> None:
    heads = ("Hanbit Insurance 한빛보험", "Hanbit lnsurance 한빚보험", "Hanbit Insurance 한빛보헙")
    pages = [
        page(line(head, 20), line(f"Body text {n} of this page.", 300), number=n, confidence=0.9)
        for n, head in enumerate(heads, start=1)
    ]
    assert "Hanbit" not in to_markdown(pages)


def test_an_article_at_the_foot_of_two_pages_stays() -> None:
    pages = [
        page(
            line("Body.", 300), line(f"Article {n}. Fee", top), line("It is 5.", top + 14), number=n
        )
        for n, top in ((1, 745), (2, 790))
    ]
    assert to_markdown(pages).count("Fee") == 2


def test_two_columns_are_read_one_after_the_other() -> None:
    left = [line(f"left line number {n} runs on", 100 + 14 * n, 60, width=220) for n in range(6)]
    right = [line(f"right line number {n} runs on", 100 + 14 * n, 320, width=220) for n in range(6)]
    both = [one for pair in zip(left, right, strict=True) for one in pair]
    title = line("A title across both of the columns", 70, 60, 16, width=480)
    words = [one.text.split()[0] for one in in_order(page(*both, title)).lines]
    assert words == ["A", *["left"] * 6, *["right"] * 6]


def test_a_number_beside_its_text_is_one_row() -> None:
    rows = [
        (line(f"({n})", 100 + 20 * n, 60), line("text of the item", 101 + 20 * n, 110))
        for n in range(3)
    ]
    found = in_order(page(*(one for row in rows for one in row))).lines
    assert [one.text for one in found] == [f"({n}) text of the item" for n in range(3)]


def test_a_paragraph_goes_on_behind_a_page() -> None:
    pages = [
        page(line("It ends on the", 700), number=1),
        page(line("next page. More.", 100), number=2),
    ]
    assert plain(to_markdown(pages)) == ["It ends on the next page. More."]


def test_a_table_is_kept_as_it_is() -> None:
    table = Line("| a | b |\n| --- | --- |\n| 1 | 2 |", 60, 240, 300, 300, 0, table=True)
    text = to_markdown([page(line("Before.", 200), table, line("After.", 320))])
    assert plain(text) == ["Before.", table.text, "After."]


KOREAN = [
    "회사는 고객에게 보험금을 지급합니다. 면책사항은 따로 정합니다.",
    "고객은 면책사항을 읽습니다.",
]


@pytest.mark.parametrize(
    ("lines", "joined"),
    [
        (["손해의 일부는 고객이 부담합니", "다. 자기부담금은 3만 원입니다."], "부담합니다. 자기"),
        (["보장한도는 5,00", "0만 원입니다."], "5,000만"),
        (["해지수수료는 6", "퍼센트입니다."], "6퍼센트"),
        (["보장되지 않습니다.", "주요 손해"], "않습니다. 주요"),
        (["주요 면책", "사항을 알립니다."], "면책사항을"),
        (["회사는 고객에게", "보험금을 줍니다."], "고객에게 보험금을"),
        (["제6조 (보험금", ") 지급"], "보험금) 지급"),
    ],
)
def test_korean_lines_meet_with_or_without_a_space(lines: list[str], joined: str) -> None:
    assert joined in Joiner([*KOREAN, *lines], at_words=False).join(lines)


def test_where_lines_end_at_words_every_end_is_a_space() -> None:
    assert Joiner([], at_words=True).join(["주요 면책", "사항"]) == "주요 면책 사항"


def test_a_hyphen_that_only_parts_a_line_goes() -> None:
    joiner = Joiner(["we pay compensation to you", "a well-known risk here"], at_words=False)
    assert joiner.join(["compen\x02", "sation"]) == "compensation"
    assert joiner.join(["we pay compen-", "sation to"]) == "we pay compensation to"
    assert joiner.join(["a well-", "known risk"]) == "a well-known risk"


def test_nothing_is_lost() -> None:
    lines = [line(f"word{n} and more text", 100 + 14 * n, 60 + 7 * (n % 3)) for n in range(40)]
    text = to_markdown([page(*lines), replace(page(*lines), number=2)])
    assert all(text.count(f"word{n} ") == 2 for n in range(40))
