"""DOCX to Markdown: headings, numbered articles, lists and tables in the order of the text.

Heads, feet and tables of contents are left out; pictures, fields and macros are never looked at.
Word keeps "Article 3." out of the text when it numbers by itself, so the numbers are counted here.
Invariant: each paragraph's text is there once, inserted text included and deleted text not.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docx
from docx.oxml.ns import qn

from knowledge.reading.markup import PLAIN_ARTICLE
from knowledge.reading.tables import to_markdown

_HEADING = re.compile(r"^(?:heading|제목)\s*([1-6])$", re.IGNORECASE)
_CONTENTS = re.compile(r"^(?:toc|목차)\b", re.IGNORECASE)
_KOREAN = "가나다라마바사아자차카타파하"
_CIRCLED = "①②③④⑤⑥⑦⑧⑨⑩⑪⑫⑬⑭⑮⑯⑰⑱⑲⑳"


def read_docx(path: Path) -> str:
    """Return the document as Markdown; its title, where one is set, as the first heading."""
    document = docx.Document(str(path))
    numbers = _Numbers(document)
    parts: list[str] = []
    for element in _blocks(document.element.body):
        if element.tag == qn("w:tbl"):
            parts.append(_table(element))
            continue
        text = _text(element)
        style = _style(document, element)
        label = numbers.label(element, style)
        if text and not _CONTENTS.match(_name(style)):
            parts.append(_paragraph(text, label, style))
    title = " ".join((document.core_properties.title or "").split())
    if title and not any(part.startswith("# ") for part in parts):
        parts.insert(0, f"# {title}")
    return "\n\n".join(part for part in parts if part)


def _blocks(parent: Any) -> Iterator[Any]:
    """Yield paragraphs and tables, those inside content controls too."""
    for child in parent:
        if child.tag in {qn("w:p"), qn("w:tbl")}:
            yield child
        elif child.tag == qn("w:sdt"):
            content = child.find(qn("w:sdtContent"))
            if content is not None:
                yield from _blocks(content)


def _text(paragraph: Any) -> str:
    pieces: list[str] = []
    for node in paragraph.iter(qn("w:t"), qn("w:tab"), qn("w:br"), qn("w:noBreakHyphen")):
        # A text box is there twice, for old and for new programs; a tab may be a setting.
        if node.tag == qn("w:tab") and node.getparent().tag == qn("w:tabs"):
            continue
        if any("Fallback" in str(above.tag) for above in node.iterancestors()):
            continue
        pieces.append((node.text or "") if node.tag == qn("w:t") else _SIGNS.get(node.tag, " "))
    return " ".join("".join(pieces).split())


_SIGNS = {qn("w:noBreakHyphen"): "-"}


def _style(document: Any, paragraph: Any) -> Any:
    properties = paragraph.find(qn("w:pPr"))
    named = properties.find(qn("w:pStyle")) if properties is not None else None
    wanted = named.get(qn("w:val")) if named is not None else None
    if wanted is None:
        return None
    return next((style for style in document.styles if style.style_id == wanted), None)


def _name(style: Any) -> str:
    return str(style.name or "") if style is not None else ""


def _paragraph(text: str, label: str, style: Any) -> str:
    name = _name(style)
    if name.casefold() in {"title", "제목"}:
        return f"# {text}"
    full = f"{label} {text}".strip()
    article = PLAIN_ARTICLE.match(full)
    if found := _HEADING.match(name):
        return f"{'#' * int(found[1])} {full}"
    if article and (body := (article["body"] or "").strip()):
        return f"## {article['ko']}\n\n{body}"
    if article:
        return f"## {full}"
    if label == "-" or (not label and "bullet" in name.casefold()):
        return f"- {text}"
    return full


def _table(element: Any) -> str:
    rows = [
        [" ".join(_text(p) for p in cell.iter(qn("w:p"))) for cell in row.findall(qn("w:tc"))]
        for row in element.findall(qn("w:tr"))
    ]
    if len(rows) == 1 or all(len(row) == 1 for row in rows):
        return "\n\n".join(cell for row in rows for cell in row if cell)  # a frame around text
    return to_markdown(rows)


class _Numbers:
    """Counts Word's own numbering: `%1` of a level's form stands for that level's count."""

    def __init__(self, document: Any) -> None:
        self._levels: dict[tuple[str, int], tuple[str, str, int]] = {}
        self._counts: dict[str, list[int]] = defaultdict(lambda: [0] * 9)
        self._abstract: dict[str, str] = {}
        try:
            numbering = document.part.numbering_part.element
        except (KeyError, NotImplementedError):
            return
        for number in numbering.findall(qn("w:num")):
            kept = number.find(qn("w:abstractNumId"))
            self._abstract[number.get(qn("w:numId"))] = kept.get(qn("w:val"))
        for form in numbering.findall(qn("w:abstractNum")):
            for level in form.findall(qn("w:lvl")):
                key = (form.get(qn("w:abstractNumId")), int(level.get(qn("w:ilvl"))))
                self._levels[key] = (
                    _value(level, "w:numFmt", "decimal"),
                    _value(level, "w:lvlText", ""),
                    int(_value(level, "w:start", "1")),
                )

    def label(self, paragraph: Any, style: Any) -> str:
        """Return what Word writes before a paragraph; `-` for a bullet, empty for nothing."""
        number, depth = self._place(paragraph, style)
        form = self._abstract.get(number)
        if form is None or (form, depth) not in self._levels:
            return ""
        counts = self._counts[form]
        start = self._levels[form, depth][2]
        counts[depth] = counts[depth] + 1 if counts[depth] else start
        counts[depth + 1 :] = [0] * (8 - depth)
        kind, text, _ = self._levels[form, depth]
        if kind == "bullet":
            return "-"
        return re.sub(r"%([1-9])", lambda found: self._count(form, int(found[1]) - 1), text)

    def _place(self, paragraph: Any, style: Any) -> tuple[str, int]:
        sources = [paragraph, *([style.element] if style is not None else [])]
        for source in sources:
            properties = source.find(qn("w:pPr"))
            numbered = properties.find(qn("w:numPr")) if properties is not None else None
            if numbered is not None:
                return _value(numbered, "w:numId", "0"), int(_value(numbered, "w:ilvl", "0"))
        return "0", 0

    def _count(self, form: str, depth: int) -> str:
        kind, _, start = self._levels.get((form, depth), ("decimal", "", 1))
        count = self._counts[form][depth] or start
        if kind in {"ganada", "koreanCounting"} and count <= len(_KOREAN):
            return _KOREAN[count - 1]
        if kind == "decimalEnclosedCircle" and count <= len(_CIRCLED):
            return _CIRCLED[count - 1]
        if kind in {"lowerLetter", "upperLetter"} and count <= 26:
            return chr((97 if kind == "lowerLetter" else 65) + count - 1)
        return str(count)


def _value(element: Any, tag: str, otherwise: str) -> str:
    child = element.find(qn(tag))
    return str(child.get(qn("w:val"), otherwise)) if child is not None else otherwise
