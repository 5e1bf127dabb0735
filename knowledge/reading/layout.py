"""Pages to Markdown: titles, headings, articles, paragraphs, lists and tables.

Letters larger than the body's make a heading, and so does the form of an article's or chapter's
opening at any size. Where a page begins stands in a comment, `<!-- page 4 -->`.
Invariant: every line of every page is in the text once, except running heads, feet and numbers.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from knowledge.reading.furniture import without_furniture
from knowledge.reading.korean import Joiner
from knowledge.reading.markup import PLAIN_ARTICLE
from knowledge.reading.page import Line, Page, in_order

_LARGER, _LARGER_SEEN = 1.12, 1.3
"""How much larger a heading is than the body; heights that were seen are less exact."""
_LONGEST_HEADING = 120
_CHAPTER = re.compile(
    r"^(?:제\s*\d+\s*[편장절관](?![가-힣]).{0,40}|(?:chapter|part)\s+(?:\d+|[ivx]+)\b[^.]{0,60})$",
    re.IGNORECASE,
)
_NUMBERED = re.compile(r"^(?:제\s*\d+|(?:article|section|clause)\s+\d)", re.IGNORECASE)
_NUMBER_ALONE = re.compile(
    r"^(?:제\s*\d+\s*조(?:의\s*\d+)?|(?:article|section|clause)\s+\d+(?:\.\d+)*)[.:]?$",
    re.IGNORECASE,
)
_BULLET = re.compile(r"^[-–•·▪◦○●■□※*ㆍ∙]\s+(?=\S)")
_LETTERS = "가나다라마바사아자차카타파하"
_ITEM = re.compile(rf"^(?:\(?\d{{1,2}}[.)]|[{_LETTERS}][.)]|[①-⑳]|\([{_LETTERS}a-z]\))\s*(?=\D)")
_WORD_END = re.compile(rf"^[{_LETTERS}]\.\s")
"""An item's mark, or the end of `..합니|다.` on the next line."""
_SENTENCE_END = re.compile(r"[.!?。:;][)\]”’\"']*$")


@dataclass
class _Block:
    kind: Literal["heading", "text", "item", "table"]
    page: int
    lines: list[Line] = field(default_factory=list)
    level: int = 0
    size: float = 0.0


def to_markdown(
    pages: Sequence[Page], title: str = "", alive: Callable[[], None] = lambda: None
) -> str:
    """Return the pages as one Markdown text.

    Args:
        pages: As they were read, in order.
        title: Stands in where no line of the first page is set as a title.
        alive: Called now and then, as joining Korean lines may take a while.
    """
    ordered = [in_order(page) for page in without_furniture(pages)]
    blocks = _levelled(list(_blocks(ordered, _body_size(ordered))), ordered)
    joiner = Joiner(
        (line.text for page in ordered for line in page.lines), at_words=_ends_at_words(blocks)
    )
    parts: list[str] = []
    if title and not any(block.level == 1 for block in blocks):
        parts.append(f"# {title}")
    page = 0
    for block in blocks:
        if block.page != page:
            page = block.page
            alive()
            parts.append(f"<!-- page {page} -->")
        parts.append(_written(block, joiner))
    return "\n\n".join(parts)


def _written(block: _Block, joiner: Joiner) -> str:
    if block.kind == "table":
        return block.lines[0].text
    text = joiner.join(line.text for line in block.lines)
    if block.kind == "heading":
        return f"{'#' * block.level} {text}"
    return _BULLET.sub("- ", text) if block.kind == "item" else text


def _body_size(pages: Sequence[Page]) -> float:
    """Return the size that most characters have."""
    weights: Counter[float] = Counter()
    for page in pages:
        for line in page.lines:
            weights[round(line.size * 2) / 2] += 0 if line.table else len(line.text)
    half = weights.total() / 2
    for size in sorted(weights):
        half -= weights[size]
        if half <= 0:
            return size
    return 0.0


def _blocks(pages: Sequence[Page], body: float) -> Iterator[_Block]:
    block: _Block | None = None
    before: Line | None = None
    for page in pages:
        pitch = _pitch(page, body)
        larger = body * (_LARGER if page.confidence is None else _LARGER_SEEN)
        for line in page.lines:
            kind = _kind(line, larger)
            if block and before and _goes_on(block, before, line, kind, page, pitch):
                block.lines.append(line)
            else:
                if block:
                    yield block
                heading, rest = _opening(line) if kind == "heading" else (line, None)
                block = _Block(
                    kind, page.number, [heading], 0, line.size if kind == "heading" else 0
                )
                if rest:
                    yield block
                    block = _Block("text", page.number, [rest])
            before = line
    if block:
        yield block


def _kind(line: Line, larger: float) -> Literal["heading", "text", "item", "table"]:
    if line.table:
        return "table"
    text = line.text
    if PLAIN_ARTICLE.match(text) or _CHAPTER.match(text) or _NUMBER_ALONE.match(text):
        return "heading"
    if line.size >= larger and len(text) <= _LONGEST_HEADING and not text.endswith((".", ";", ",")):
        return "heading"
    return "item" if _BULLET.match(text) or _ITEM.match(text) else "text"


def _opening(line: Line) -> tuple[Line, Line | None]:
    """Part an article's heading from the text that begins on the same line."""
    found = PLAIN_ARTICLE.match(line.text)
    if not found or not (found["body"] or "").strip():
        return line, None
    parts = (found["ko"], found["body"].strip())
    heading, rest = (
        Line(text, line.x0, line.top, line.x1, line.bottom, line.size) for text in parts
    )
    return heading, rest


def _pitch(page: Page, body: float) -> float:
    """Return how far apart the lines of a paragraph are on this page."""
    steps = sorted(
        step
        for one, other in zip(page.lines, page.lines[1:], strict=False)
        if 0.8 * body < (step := other.top - one.top) < 2.2 * body
    )
    return steps[len(steps) // 10] if steps else 1.5 * body


def _goes_on(block: _Block, before: Line, line: Line, kind: str, page: Page, pitch: float) -> bool:
    """Whether a line belongs to the block above it."""
    if "table" in {block.kind, kind}:
        return False
    same_size = abs(line.size - before.size) <= 0.15 * before.size
    if block.kind == "heading":
        opens = PLAIN_ARTICLE.match(line.text) or _CHAPTER.match(line.text)
        cut = line.top < before.top and line.text[:1].islower()  # by the page's end
        near = cut or 0 < line.top - before.top < 2 * before.size
        about = bool(_NUMBER_ALONE.match(before.text)) and line.text.startswith("(")
        # What was seen may lack a bracket that is there.
        unclosed = page.confidence is None and before.text.count("(") > before.text.count(")")
        return bool(near and not opens and same_size and (kind == "heading" or unclosed or about))
    ended = bool(_SENTENCE_END.search(before.text))
    if kind == "item" and not ended and _WORD_END.match(line.text):
        kind = "text"
    if kind != "text" or not same_size:
        return False
    if page.number != block.page and before.top > line.top:
        return not ended  # a paragraph that the page's end cut
    if line.top < before.top:
        return not ended  # the next column
    if line.top - before.top > 1.3 * pitch:
        return False
    indented = line.x0 - before.x0 > 0.8 * line.size and block.kind == "text"
    short = before.x1 < line.x1 - 3 * line.size and ended
    return not (indented and ended) and not short


def _levelled(blocks: list[_Block], pages: Sequence[Page]) -> list[_Block]:
    """Give headings their levels: the title 1, then by size, articles of the body's size last."""
    sizes = [b.size for b in blocks if b.kind == "heading"]
    if not sizes:
        return blocks
    body = _body_size(pages) or 1.0
    title = max(
        (b.size for b in blocks if b.page == pages[0].number and _may_be_title(b, body)), default=0
    )
    for block in blocks:
        if block.kind == "heading":
            ratio = block.size / body
            as_title = title and block.size >= 0.93 * title and _may_be_title(block, body)
            chapter = _CHAPTER.match(block.lines[0].text)
            block.level = 1 if as_title else 2 if ratio >= 1.35 or chapter else 3
    return blocks


def _may_be_title(block: _Block, body: float) -> bool:
    large = block.kind == "heading" and block.size >= 1.25 * body
    return large and not _NUMBERED.match(block.lines[0].text)


def _ends_at_words(blocks: Sequence[_Block]) -> bool:
    """Whether lines leave room at their end: then they are broken between words, not inside."""
    room = full = 0
    for block in blocks:
        if block.kind != "text" or len(block.lines) < 3:
            continue
        right = max(line.x1 for line in block.lines)
        for line in block.lines[:-1]:
            roomy = right - line.x1 > 1.4 * line.size
            room, full = room + roomy, full + (not roomy)
    return room > 0.2 * (room + full)
