from itertools import pairwise

import pytest

from knowledge.chunks import Cut, chunk
from knowledge.documents import Document
from knowledge.pieces import pieces


def words(text: str) -> int:
    return len(text.split())


def test_a_short_text_stays_whole() -> None:
    assert list(pieces("One. Two.\nThree.", 100)) == ["One. Two.\nThree."]


def test_paragraphs_stay_apart_and_sentences_together() -> None:
    text = "One two three. Four five six.\nSeven eight nine."
    assert list(pieces(text, 6, words)) == ["One two three. Four five six.", "Seven eight nine."]
    assert next(pieces(text, 8, words)) == "One two three. Four five six."


def test_each_piece_of_a_table_has_its_head() -> None:
    head = "| plan | fee |\n| --- | --- |"
    rows = [f"| plan {n} | {n} won |" for n in range(20)]
    found = list(pieces("\n".join(["Fees of plans.", head, *rows, "End."]), 40, words))
    assert len(found) > 3
    assert all(words(piece) <= 40 for piece in found)
    assert all(piece.startswith(head) or "Fees" in piece for piece in found)
    kept = [line for piece in found for line in piece.splitlines() if line.startswith("| plan ")]
    assert [line for line in kept if line != "| plan | fee |"] == rows


def test_a_limit_in_another_measure_is_kept_without_counting_megabytes() -> None:
    asked: list[int] = []

    def measure(text: str) -> int:
        asked.append(len(text))
        return len(text.encode())

    found = list(pieces("가" * 50_000, 300, measure))
    assert "".join(found) == "가" * 50_000
    assert all(len(piece.encode()) <= 300 for piece in found)
    assert max(asked) <= 12 * 300


def test_a_text_without_headings_is_cited_by_page() -> None:
    parts = ["<!-- page 1 -->", "First.", "<!-- page 2 -->", "Second.", "## Scope", "A."]
    text = "\n\n".join([*parts, "<!-- page 3 -->", "B."])
    found = chunk(Document("Manual", "en", "m.pdf", text, "hash"))
    assert [(p.article, p.text) for p in found] == [
        ("p. 1", "First."),
        ("p. 2", "Second."),
        ("Scope", "A.\nB."),
    ]


def test_ids_stay_when_another_article_changes() -> None:
    def ids(second: str) -> list[str]:
        text = (
            f"## Article 1. A\n\nOne.\n\n## Article 2. B\n\n{second}\n\n## Article 3. C\n\nThree."
        )
        return [p.id for p in chunk(Document("Terms", "en", "t.md", text, "hash"), Cut(50, words))]

    old, new = ids("Two."), ids("Two, and more.")
    assert [one == other for one, other in zip(old, new, strict=True)] == [True, False, True]


@pytest.mark.parametrize("limit", [7, 13, 50])
def test_nothing_is_lost_or_said_twice(limit: int) -> None:
    text = " ".join(f"Sentence number {n} ends here." for n in range(40))
    found = list(pieces(text, limit, words))
    assert " ".join(found) == text
    assert all(words(piece) <= limit for piece in found)
    assert all(one != other for one, other in pairwise(found))
