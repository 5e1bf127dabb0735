import hashlib
import json
import os
from pathlib import Path

import pytest

from knowledge.documents import Library, load_document
from knowledge.errors import KnowledgeError, UnknownDocument, UnreadableDocument
from knowledge.intake import About, FileReport, Intake
from knowledge.reading.limits import Limits


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def add(home: Path, path: Path, about: About | None = None, **given: object) -> list[FileReport]:
    return Intake(Library(home), Limits(), about or About(), **given).add(path)  # type: ignore[arg-type]


def statuses(reports: list[FileReport]) -> dict[str, str]:
    return {report.name: report.status for report in reports}


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


def test_articles_in_plain_text_are_headings_and_references_are_not(tmp_path: Path) -> None:
    text = (
        "Article 3. Waiting period\nCover begins late, see\nArticle 4 of these terms.\n"
        "제3조(면책기간) 보장은 늦게 시작됩니다.\n제4조에 따라 지급합니다.\n"
    )
    lines = load_document(write(tmp_path / "a.txt", text)).text.splitlines()
    headings = [line for line in lines if line.startswith("#")]
    assert headings == ["## Article 3. Waiting period", "## 제3조(면책기간)"]
    assert "보장은 늦게 시작됩니다." in lines


@pytest.mark.parametrize("text", ["", "# Only a title\n", "# Title\n\n<!-- page 1 -->\n"])
def test_a_file_without_text_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(UnreadableDocument, match=r"a\.md"):
        load_document(write(tmp_path / "a.md", text))


def test_other_kinds_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(UnreadableDocument, match=r"a\.pdf"):
        load_document(write(tmp_path / "a.pdf", "x"))


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


def test_a_second_run_does_nothing(tmp_path: Path, terms: Path) -> None:
    home = tmp_path / "home"
    first = add(home, terms)
    assert set(statuses(first).values()) == {"added"}
    before = (home / "documents" / "library.json").read_bytes()
    assert set(statuses(add(home, terms)).values()) == {"unchanged"}
    assert (home / "documents" / "library.json").read_bytes() == before


def test_a_record_says_where_a_document_is_from(tmp_path: Path, terms: Path) -> None:
    home, library = tmp_path / "home", Library(tmp_path / "home")
    file = terms / "en" / "home.md"
    add(home, file, About(source="legal", licence="own", owner="Kim", confidentiality="internal"))
    entry = library.list()[0]
    assert (entry.source, entry.licence, entry.owner) == ("legal", "own", "Kim")
    assert entry.confidentiality == "internal"
    assert entry.file_hash == hashlib.sha256(file.read_bytes()).hexdigest()
    assert (entry.kind, entry.bytes, entry.version) == ("markdown", file.stat().st_size, 1)
    assert statuses(add(home, file, About(owner="Lee"))) == {"home.md": "relabelled"}
    entry = library.list()[0]
    assert (entry.owner, entry.source, entry.version) == ("Lee", "legal", 1)


def test_a_changed_document_is_a_new_version_and_the_old_one_is_kept(tmp_path: Path) -> None:
    home, library = tmp_path / "home", Library(tmp_path / "home")
    file = tmp_path / "a.md"
    add(home, write(file, "# Home Guard\n\nOld."), About(owner="Kim"))
    assert statuses(add(home, write(file, "# Home Guard\n\nNew."))) == {"a.md": "changed"}
    assert [document.text for document in library.documents()] == ["New."]
    entry = library.list()[0]
    assert (entry.version, [old.version for old in entry.earlier], entry.owner) == (2, [1], "Kim")
    assert library.document("a.md", 1).text == "Old."
    with pytest.raises(UnknownDocument, match="1, 2"):
        library.document("a.md", 3)
    library.remove("a.md")
    assert list((library.folder / "texts").iterdir()) == []


def test_the_same_text_in_other_bytes_is_no_new_version(tmp_path: Path) -> None:
    file = tmp_path / "a.md"
    add(tmp_path / "home", write(file, "# Home Guard\n\nSame."))
    assert statuses(add(tmp_path / "home", write(file, "# Home Guard\n\n\nSame.\n"))) == {
        "a.md": "unchanged"
    }
    assert Library(tmp_path / "home").list()[0].version == 1


def test_another_document_of_the_same_name_replaces_only_when_told(tmp_path: Path) -> None:
    home, file = tmp_path / "home", tmp_path / "a.md"
    add(home, write(file, "# Home Guard\n\nOld."))
    report = add(home, write(file, "# Pet Friend\n\nOther."))[0]
    assert report.status == "refused"
    assert "Home Guard" in report.reason
    assert "--replace" in report.reason
    assert statuses(add(home, file, replace=True)) == {"a.md": "changed"}
    assert Library(home).list()[0].title == "Pet Friend"


def test_one_bad_file_stops_no_other(tmp_path: Path, terms: Path) -> None:
    write(terms / "a-empty.md", "")
    write(terms / "b-synonyms" / "synonyms.txt", "no arrow\n")
    (terms / "c.bin").write_bytes(b"\0\1\2")
    (terms / "d.txt").write_bytes(b"\x81\xff broken")
    write(terms / ".hidden.md", "# Hidden\n\nText.")
    found = {report.name: report for report in add(tmp_path / "home", terms)}
    assert {name: report.status for name, report in found.items()} == {
        "a-empty.md": "refused",
        "b-synonyms/synonyms.txt": "refused",
        "c.bin": "skipped",
        "d.txt": "refused",
        "en/home.md": "added",
        "ko/home.md": "added",
        "synonyms.txt": "added",
    }
    assert "empty" in found["a-empty.md"].reason
    assert "line 1" in found["b-synonyms/synonyms.txt"].reason
    assert [e.title for e in Library(tmp_path / "home").list()] == ["Home Guard", "홈 가드"]


def test_what_leads_out_of_the_folder_is_refused(tmp_path: Path, terms: Path) -> None:
    write(tmp_path / "secret.md", "# Secret\n\nA secret.")
    (terms / "link.md").symlink_to(tmp_path / "secret.md")
    (terms / "inside.md").symlink_to(terms / "en" / "home.md")
    os.mkfifo(terms / "pipe.md")
    found = {report.name: report for report in add(tmp_path / "home", terms)}
    assert found["link.md"].status == "refused"
    assert "leads out" in found["link.md"].reason
    assert found["pipe.md"].status == "refused"
    assert found["inside.md"].status == "added"
    assert found["en/home.md"].notes == ("its text is the same as that of inside.md",)


def test_removing_what_is_not_there_names_what_is(tmp_path: Path, terms: Path) -> None:
    library = Library(tmp_path / "home")
    library.seed(terms)
    with pytest.raises(UnknownDocument, match=r"en/home\.md"):
        library.remove("../home")


def test_a_list_that_points_outside_is_not_followed(tmp_path: Path, terms: Path) -> None:
    library = Library(tmp_path / "home")
    library.seed(terms)
    rows = json.loads((library.folder / "library.json").read_text(encoding="utf-8"))
    rows[0]["hash"] = "../../../terms/en/home"
    (library.folder / "library.json").write_text(json.dumps(rows), encoding="utf-8")
    with pytest.raises(KnowledgeError, match="outside"):
        library.documents()
    rows[0]["hash"], rows[0]["name"] = "0" * 64, "../../terms/en/home.md"
    (library.folder / "library.json").write_text(json.dumps(rows), encoding="utf-8")
    with pytest.raises(KnowledgeError, match="outside"):
        library.documents()


def test_a_library_of_before_texts_had_a_folder_is_read(tmp_path: Path, terms: Path) -> None:
    library = Library(tmp_path / "home")
    write(library.folder / "en" / "home.md", (terms / "en" / "home.md").read_text("utf-8"))
    document = load_document(terms / "en" / "home.md")
    row = {"name": "en/home.md", "title": document.title, "language": "en", "added": 1.0}
    write(library.folder / "library.json", json.dumps([row | {"hash": document.hash}]))
    assert [(d.title, d.source) for d in library.documents()] == [("Home Guard", "en/home.md")]
    add(tmp_path / "home", terms)
    assert [entry.version for entry in library.list()] == [1, 1]


def test_a_hidden_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableDocument, match="hidden"):
        add(tmp_path / "home", write(tmp_path / ".secret.md", "# A\n\nText."))


def test_a_path_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnreadableDocument, match="missing"):
        add(tmp_path / "home", tmp_path / "missing")
