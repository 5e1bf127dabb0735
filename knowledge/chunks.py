"""Pages to passages: one passage an article, cut further only where it is too long.

Invariant: the same document gives the same passages with the same ids, whatever else is indexed.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from knowledge.documents import Document
from knowledge.pieces import Measure, pieces


@dataclass(frozen=True)
class Passage:
    """A piece of a document that is retrieved, shown and cited as a whole."""

    id: str
    """Content hash: stable as long as document, article and text are."""
    document: str
    """Title of the document, e.g. `Travel Shield`."""
    article: str
    """How it is cited, e.g. `Article 3`, `제3조`, `p. 4`."""
    heading: str
    text: str
    """The body without its heading, in plain text."""
    language: str
    """`en`, `ko` or another ISO 639-1 code."""
    source: str
    """Where it came from: the file's name."""


@dataclass(frozen=True)
class _Section:
    article: str
    """Empty where the heading has no number."""
    heading: str
    level: int
    lines: list[str]


_HEADING = re.compile(r"^(#{1,6})\s+(.+?)\s*#*\s*$")
_FENCE = re.compile(r"^\s*(```|~~~)")
_ENGLISH = re.compile(
    r"^(?P<kind>Article|Section|Clause)\s+(?P<number>\d+(?:\.\d+)*)\s*[.:)\-–—]*\s*(?P<rest>.*)$",
    re.IGNORECASE,
)
_KOREAN = re.compile(r"^제\s*(?P<number>\d+)\s*조(?:\s*의\s*(?P<branch>\d+))?\s*(?P<rest>.*)$")
_PAGE = re.compile(r"^<!-- page (\d+) -->$")
_MARKUP = (
    (re.compile(r"!\[([^\]]*)\]\([^)]*\)"), r"\1"),
    (re.compile(r"\[([^\]]+)\]\([^)]*\)"), r"\1"),
    (re.compile(r"(\*\*|__)(?=\S)(.+?)(?<=\S)\1"), r"\2"),
    (re.compile(r"`([^`]+)`"), r"\1"),
    (re.compile(r"<!--.*?-->", re.DOTALL), ""),
)


@dataclass(frozen=True)
class Cut:
    """How long a passage may be."""

    limit: int = 1200
    """A longer section becomes several passages that are cited alike."""
    measure: Measure = len
    """In what `limit` counts: characters, or a model's tokens."""


BY_CHARACTERS = Cut()


def chunk(document: Document, cut: Cut = BY_CHARACTERS) -> list[Passage]:
    """Cut a document into its articles, its headings, its pages, or into parts."""
    passages: dict[str, Passage] = {}
    for number, section in enumerate(_sections(document.text), start=1):
        article = section.article or section.heading or f"part {number}"
        for text in pieces(_plain(section.lines), cut.limit, cut.measure):
            key = "\n".join((document.title, article, text))
            name = hashlib.sha256(key.encode()).hexdigest()[:32]
            passages.setdefault(
                name,
                Passage(
                    name,
                    document.title,
                    article,
                    section.heading,
                    text,
                    document.language,
                    document.source,
                ),
            )
    return list(passages.values())


def _sections(text: str) -> Iterator[_Section]:
    """Yield the sections with text; what lies below an article belongs to it."""
    section, fenced = _Section("", "", 7, []), False
    for line in text.splitlines():
        fenced ^= bool(_FENCE.match(line))
        if (page := _PAGE.match(line)) and not section.heading and not _is_numbered(section):
            # Nothing else says where this text is found.
            if _has_text(section):
                yield section
            section = _Section(f"p. {page[1]}", "", 7, [])
            continue
        found = None if fenced else _HEADING.match(line)
        if found is None:
            section.lines.append(line)
            continue
        level, (article, heading) = len(found[1]), _article(found[2])
        if _is_numbered(section) and level > section.level and not article:
            section.lines.extend(["", heading.rstrip(".") + ".", ""])
            continue
        if _has_text(section):
            yield section
        section = _Section(article, heading, level, [])
    if _has_text(section):
        yield section


def _is_numbered(section: _Section) -> bool:
    return bool(section.article) and not section.article.startswith("p. ")


def _has_text(section: _Section) -> bool:
    return any(line.strip() and not _PAGE.match(line) for line in section.lines)


def _article(heading: str) -> tuple[str, str]:
    """Split a heading into how it is cited and what it is about."""
    if found := _ENGLISH.match(heading):
        return f"{found['kind'].capitalize()} {found['number']}", found["rest"].strip()
    if found := _KOREAN.match(heading):
        branch = f"의{found['branch']}" if found["branch"] else ""
        return f"제{found['number']}조{branch}", found["rest"].strip(" ()（）[].:")
    return "", heading


def _plain(lines: list[str]) -> str:
    """Join wrapped lines, keep paragraphs and list items apart, drop the markup."""
    said = (line.strip() for line in lines if not _FENCE.match(line) and not _PAGE.match(line))
    text = "\n".join(said)
    for pattern, kept in _MARKUP:
        text = pattern.sub(kept, text)
    paragraphs = (_unwrapped(block) for block in re.split(r"\n{2,}", text))
    return "\n".join(paragraph for paragraph in paragraphs if paragraph)


def _unwrapped(block: str) -> str:
    joined = re.sub(r"\n(?![-*+|]|\d+[.)]\s)", " ", block)
    return "\n".join(" ".join(line.split()) for line in joined.splitlines() if line.strip())
