import pytest

from demo.terms import articles, path_of
from demo.world import LANGUAGES, PRODUCTS, Language, article_name
from knowledge.chunks import Cut, Passage, chunk
from knowledge.documents import Document, load_document


def document(text: str, title: str = "Home Guard") -> Document:
    return Document(title, "en", "home.md", text, "hash")


def labels(text: str) -> list[tuple[str, str]]:
    return [(p.article, p.heading) for p in chunk(document(text))]


@pytest.mark.parametrize(
    ("heading", "article", "about"),
    [
        ("## Article 3. Waiting period", "Article 3", "Waiting period"),
        ("### ARTICLE 3 - Waiting period", "Article 3", "Waiting period"),
        ("## Section 2.1: Scope", "Section 2.1", "Scope"),
        ("## 제3조 (면책기간)", "제3조", "면책기간"),
        ("## 제 12 조의2 [면책기간]", "제12조의2", "면책기간"),
        ("## Frequently asked ##", "Frequently asked", "Frequently asked"),
        ("## Articles of association", "Articles of association", "Articles of association"),
    ],
)
def test_a_heading_says_how_its_passage_is_cited(heading: str, article: str, about: str) -> None:
    assert labels(f"{heading}\n\nText.") == [(article, about)]


def test_text_without_headings_is_cited_by_part() -> None:
    assert labels("Some text.\n\nMore.") == [("part 1", "")]


def test_what_lies_below_an_article_belongs_to_it() -> None:
    text = "# A\n\n## Article 1. Scope\n\nOne.\n\n### Details\n\nTwo.\n\n## Article 2\n\nThree."
    passages = chunk(document(text))
    assert [(p.article, p.text) for p in passages] == [
        ("Article 1", "One.\nDetails.\nTwo."),
        ("Article 2", "Three."),
    ]


def test_lines_are_joined_lists_kept_and_markup_dropped() -> None:
    text = "## Article 1\n\nSome **bold**\ntext, [a  page](http://x).\n\n- one\n  more\n- `two`\n"
    assert chunk(document(text))[0].text == "Some bold text, a page.\n- one more\n- two"


def test_a_hash_inside_code_is_no_heading() -> None:
    passages = chunk(document("## Article 1. Use\n\n```\n# not a heading\n```\nEnd."))
    assert [p.article for p in passages] == ["Article 1"]


def test_long_sections_are_cut_behind_sentences_and_cited_alike() -> None:
    sentence = "This sentence has exactly so many words and then it ends here."
    passages = chunk(
        document(f"## Article 5. Long\n\n{' '.join(f'{i}. {sentence}' for i in range(30))}"),
        Cut(300),
    )
    assert len(passages) > 5
    assert all(len(p.text) <= 300 and p.text.endswith((".", "here.")) for p in passages)
    assert {p.article for p in passages} == {"Article 5"}
    assert len({p.id for p in passages}) == len(passages)


def test_a_sentence_without_an_end_is_cut_at_spaces_or_anywhere() -> None:
    run = "".join(chr(ord("가") + i) for i in range(250))
    assert [len(p.text) for p in chunk(document(run), Cut(100))] == [100, 100, 50]
    spaced = chunk(document("word " * 60), Cut(100))
    assert all(len(p.text) <= 100 and set(p.text.split()) == {"word"} for p in spaced)


def test_ids_depend_on_document_article_and_text_only() -> None:
    one = chunk(document("## Article 1. Scope\n\nText.\n\n## Article 2. End\n\nText."))
    two = chunk(document("## Article 2. Another heading\n\nText."))
    other = chunk(document("## Article 2. End\n\nText.", title="Pet Friend"))
    assert one[1].id == two[0].id
    assert len({one[0].id, one[1].id, other[0].id}) == 3


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_demo_documents_give_exactly_the_articles_they_were_made_of(language: Language) -> None:
    for product in PRODUCTS:
        passages = chunk(load_document(path_of(product, language)))
        assert [(p.document, p.article, p.heading, p.text, p.language) for p in passages] == [
            (
                product.of(language),
                article_name(a.number, language),
                a.heading.of(language),
                a.body.of(language),
                language,
            )
            for a in articles(product)
        ]
        assert all(isinstance(p, Passage) for p in passages)
