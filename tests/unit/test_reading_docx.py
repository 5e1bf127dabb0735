"""DOCX files as python-docx and Word write them."""

from pathlib import Path
from typing import Any

import docx
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls, qn

from knowledge.reading.docx import read_docx


def saved(document: Any, tmp_path: Path) -> str:
    document.save(str(tmp_path / "a.docx"))
    return read_docx(tmp_path / "a.docx")


def test_headings_lists_and_tables_keep_their_order(tmp_path: Path) -> None:
    document = docx.Document()
    document.sections[0].header.paragraphs[0].text = "Confidential"
    document.sections[0].footer.paragraphs[0].text = "Page 1"
    document.add_heading("Home Guard", 0)
    document.add_heading("Scope", 2)
    document.add_paragraph("Fire is covered.")
    document.add_paragraph("hail", style="List Bullet")
    table = document.add_table(2, 2)
    for cell, text in zip(table._cells, ("plan", "fee", "basic", "10"), strict=True):
        cell.text = text
    document.add_paragraph("제3조 (면책기간) 보장은 늦게 시작됩니다.")
    assert saved(document, tmp_path).split("\n\n") == [
        "# Home Guard",
        "## Scope",
        "Fire is covered.",
        "- hail",
        "| plan | fee |\n| --- | --- |\n| basic | 10 |",
        "## 제3조 (면책기간)",
        "보장은 늦게 시작됩니다.",
    ]


def test_numbers_that_word_writes_itself_are_there(tmp_path: Path) -> None:
    document = docx.Document()
    numbering = document.part.numbering_part.element
    levels = "".join(
        f'<w:lvl w:ilvl="{depth}"><w:start w:val="1"/><w:numFmt w:val="{kind}"/>'
        f'<w:lvlText w:val="{text}"/></w:lvl>'
        for depth, (kind, text) in enumerate(
            (("decimal", "제%1조"), ("ganada", "%2."), ("decimal", "%1.%3"))
        )
    )
    form = f'<w:abstractNum {nsdecls("w")} w:abstractNumId="77">{levels}</w:abstractNum>'
    numbering.insert(0, parse_xml(form))
    number = f'<w:num {nsdecls("w")} w:numId="77"><w:abstractNumId w:val="77"/></w:num>'
    numbering.append(parse_xml(number))
    for depth, text in (
        (0, "(목적)"),
        (1, "첫째"),
        (1, "둘째"),
        (0, "(정의)"),
        (1, "하나"),
        (2, "더"),
    ):
        place = f'<w:numPr {nsdecls("w")}><w:ilvl w:val="{depth}"/><w:numId w:val="77"/></w:numPr>'
        document.add_paragraph(text)._p.get_or_add_pPr().append(parse_xml(place))
    assert saved(document, tmp_path).split("\n\n") == [
        "## 제1조 (목적)", "가. 첫째", "나. 둘째", "## 제2조 (정의)", "가. 하나", "2.1 더",
    ]  # fmt: skip


def test_what_was_deleted_is_gone_and_what_was_inserted_is_there(tmp_path: Path) -> None:
    document = docx.Document()
    paragraph = document.add_paragraph("Cover begins ")._p
    for tag, text, name in (("del", "delText", "late"), ("ins", "t", "at once")):
        paragraph.append(
            parse_xml(
                f'<w:{tag} {nsdecls("w")} w:id="1" w:author="k"><w:r><w:{text}>{name}</w:{text}>'
                f"</w:r></w:{tag}>"
            )
        )
    document.add_paragraph("1. Scope ... 3", style=None)
    contents = document.styles.add_style("toc 1", 1)
    document.add_paragraph("Scope ........ 3", style=contents)
    assert saved(document, tmp_path) == "Cover begins at once\n\n1. Scope ... 3"


def test_text_inside_a_control_is_read(tmp_path: Path) -> None:
    document = docx.Document()
    paragraph = document.add_paragraph("Inside.")._p
    control = parse_xml(f"<w:sdt {nsdecls('w')}><w:sdtContent/></w:sdt>")
    document.element.body.insert(0, control)
    control.find(qn("w:sdtContent")).append(paragraph)
    assert saved(document, tmp_path) == "Inside."


def test_the_documents_own_title_stands_in(tmp_path: Path) -> None:
    document = docx.Document()
    document.core_properties.title = "Manual"
    document.add_paragraph("Text.")
    assert saved(document, tmp_path) == "# Manual\n\nText."
