import json
from pathlib import Path

import pytest

from knowledge.documents import Library, load_document
from knowledge.errors import DocumentConflict, KnowledgeError, UnknownDocument, UnreadableDocument


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def terms(tmp_path: Path) -> Path:
    folder = tmp_path / "terms"
    write(folder / "en" / "home.md", "# Home Guard\n\n## Article 1. Purpose\n\nThese are terms.\n")
    write(folder / "ko" / "home.md", "# 홈 가드\n\n## 제1조 (목적)\n\n약관입니다.\n")
    write(folder / "synonyms.txt", "pay myself => deductible\n")
    return folder


def test_the_first_heading_is_the_title_and_not_part_of_the_text(tmp_path: Path) -> None:
    document = load_document(write(tmp_path / "a.md", "# Home Guard\n\nSome text.\n"))
    assert (document.title, document.text, document.source) == ("Home Guard", "Some text.", "a.md")


def test_a_file_without_a_heading_is_called_like_the_file(tmp_path: Path) -> None:
    assert load_document(write(tmp_path / "home-guard_2.txt", "Some text.")).title == "home guard 2"


def test_a_page_becomes_markdown_without_its_scripts(tmp_path: Path) -> None:
    page = (
        "<html><head><title>Home Guard</title><style>p{}</style></head><body><nav>Menu</nav>"
        "<h2>Article 1. Purpose</h2><p>Fire &amp; water\n are covered.</p>"
        "<ul><li>one<li>two</ul><script>alert(1)</script></body></html>"
    )
    document = load_document(write(tmp_path / "a.html", page))
    assert document.title == "Home Guard"
    assert "## Article 1. Purpose" in document.text
    assert "Fire & water are covered." in document.text
    assert "- one\n- two" in document.text
    assert not any(word in document.text for word in ("alert", "Menu", "p{}"))


def test_articles_in_plain_text_are_headings_and_references_are_not(tmp_path: Path) -> None:
    text = (
        "Article 3. Waiting period\nCover begins late, see\nArticle 4 of these terms.\n"
        "제3조(면책기간) 보장은 늦게 시작됩니다.\n제4조에 따라 지급합니다.\n"
    )
    lines = load_document(write(tmp_path / "a.txt", text)).text.splitlines()
    headings = [line for line in lines if line.startswith("#")]
    assert headings == ["## Article 3. Waiting period", "## 제3조(면책기간)"]
    assert "보장은 늦게 시작됩니다." in lines


@pytest.mark.parametrize("text", ["", "# Only a title\n"])
def test_a_file_without_text_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(UnreadableDocument, match=r"a\.md"):
        load_document(write(tmp_path / "a.md", text))


def test_other_kinds_and_encodings_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(UnreadableDocument, match=r"a\.pdf"):
        load_document(write(tmp_path / "a.pdf", "x"))
    (tmp_path / "b.txt").write_bytes("한글".encode("cp949"))
    with pytest.raises(UnreadableDocument, match="UTF-8"):
        load_document(tmp_path / "b.txt")


def test_the_library_is_seeded_once(tmp_path: Path, terms: Path) -> None:
    library = Library(tmp_path / "home", clock=lambda: 7.0)
    assert library.seed(terms)
    assert [(e.name, e.language, e.added) for e in library.list()] == [
        ("en/home.md", "en", 7.0),
        ("ko/home.md", "ko", 7.0),
    ]
    assert library.synonyms()[0].term == "deductible"
    library.remove("en/home.md")
    assert not library.seed(terms)
    assert [document.source for document in library.documents()] == ["ko/home.md"]


def test_a_newer_version_replaces_and_another_document_does_not(tmp_path: Path) -> None:
    library = Library(tmp_path / "home")
    library.add(write(tmp_path / "1" / "a.md", "# Home Guard\n\nOld."))
    library.add(write(tmp_path / "2" / "a.md", "# Home Guard\n\nNew."))
    assert [document.text for document in library.documents()] == ["New."]
    with pytest.raises(DocumentConflict, match="Home Guard"):
        library.add(write(tmp_path / "3" / "a.md", "# Pet Friend\n\nOther."))
    assert [document.text for document in library.documents()] == ["New."]


def test_nothing_of_a_folder_is_added_when_one_file_is_bad(tmp_path: Path, terms: Path) -> None:
    write(terms / "z.md", "")
    library = Library(tmp_path / "home")
    with pytest.raises(UnreadableDocument):
        library.add(terms)
    assert library.list() == ()


def test_bad_synonyms_are_refused_when_they_are_added(tmp_path: Path, terms: Path) -> None:
    write(terms / "synonyms.txt", "no arrow\n")
    library = Library(tmp_path / "home")
    with pytest.raises(UnreadableDocument, match="line 1"):
        library.add(terms)
    assert library.list() == ()


def test_removing_what_is_not_there_names_what_is(tmp_path: Path, terms: Path) -> None:
    library = Library(tmp_path / "home")
    library.seed(terms)
    with pytest.raises(UnknownDocument, match=r"en/home\.md"):
        library.remove("../home")


def test_a_list_that_points_outside_is_not_followed(tmp_path: Path, terms: Path) -> None:
    library = Library(tmp_path / "home")
    library.seed(terms)
    rows = json.loads((library.folder / "library.json").read_text(encoding="utf-8"))
    rows[0]["name"] = "../../terms/en/home.md"
    (library.folder / "library.json").write_text(json.dumps(rows), encoding="utf-8")
    with pytest.raises(KnowledgeError, match="outside"):
        library.documents()
    with pytest.raises(KnowledgeError, match="outside"):
        library.remove("../../terms/en/home.md")
    assert (terms / "en" / "home.md").exists()


def test_a_hidden_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableDocument, match="hidden"):
        Library(tmp_path / "home").add(write(tmp_path / ".secret.md", "# A\n\nText."))


def test_a_path_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnreadableDocument, match="missing"):
        Library(tmp_path / "home").add(tmp_path / "missing")
