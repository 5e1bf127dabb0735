"""HTML and plain text to Markdown, so that everything behind reads one form.

Invariant: headings become `#` lines, tables rows of cells, paragraphs stay apart; scripts, styles,
menus, heads, feet and forms are gone, and nothing that a page names is fetched.
"""

import re
from html.parser import HTMLParser

from knowledge.reading.tables import to_markdown

_SILENT = {
    *("script", "style", "template", "nav", "noscript", "svg", "math", "aside", "form", "button"),
    *("select", "iframe", "object", "dialog", "menu"),
}
_SILENT_ROLES = {"navigation", "banner", "contentinfo", "search", "complementary"}
_EDGES = {"header", "footer"}
_VOID = {
    *("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source"),
    *("track", "wbr"),
}
_BLOCKS = {
    *("p", "div", "section", "article", "main", "ul", "ol", "blockquote", "pre", "dl", "dt", "dd"),
    *("figure", "figcaption", "address", "details", "summary", "body"),
}
_HEADING = re.compile(r"h([1-6])")

PLAIN_ARTICLE = re.compile(
    r"^(?:(?P<en>(?:Article|Section|Clause)\s+\d+(?:\.\d+)*[.:]\s+[^.]{1,80})"
    r"|(?P<ko>제\s*\d+\s*조(?:의\s*\d+)?\s*[(（\[][^)）\]]{1,60}(?:[)）\]]|$))(?P<body>.*))$"
)
"""An article's opening line in a text without markup. References in running text have neither the
stop behind the number nor, in Korean, the brackets."""


class _Reader(HTMLParser):
    """Collects Markdown while the parser walks through a page."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.out: list[str] = []
        self.title = ""
        self._open: list[tuple[str, bool]] = []
        self._in_title = False
        self._tables: list[list[list[list[str]]]] = []

    @property
    def _silent(self) -> bool:
        return bool(self._open) and self._open[-1][1]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        silent = self._silent or self._is_silent(tag, dict(attrs))
        if tag not in _VOID:
            self._open.append((tag, silent))
        if tag == "title" and not silent:
            self._in_title = True
        elif silent:
            return
        elif level := _HEADING.fullmatch(tag):
            self._write(f"\n\n{'#' * int(level[1])} ")
        elif tag == "li":
            self._write("\n- ")
        elif tag == "table":
            self._tables.append([])
        elif tag in {"tr", "td", "th"} and self._tables:
            self._in_table(tag)
        elif tag in {"br", "hr"}:
            self._write("\n")
        elif tag in _BLOCKS:
            self._write("\n\n")

    def handle_endtag(self, tag: str) -> None:
        tags = [name for name, _ in self._open]
        if tag not in tags:
            return
        # An unclosed tag inside ends with the one around it.
        at = len(tags) - 1 - tags[::-1].index(tag)
        silent = self._open[at][1]
        del self._open[at:]
        if tag == "title":
            self._in_title = False
        elif silent:
            return
        elif tag == "table" and self._tables:
            rows = self._tables.pop()
            self._write(f"\n\n{_as_text(rows)}\n\n")
        elif tag in _BLOCKS or _HEADING.fullmatch(tag):
            self._write("\n\n")

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title += data
        elif not self._silent:
            self._write(re.sub(r"\s+", " ", data))

    def finish(self) -> str:
        """Return what was read; a table that was never closed ends here."""
        while self._tables:
            rows = self._tables.pop()
            self._write(f"\n\n{_as_text(rows)}\n\n")
        return "".join(self.out)

    def _is_silent(self, tag: str, attributes: dict[str, str | None]) -> bool:
        if tag in _SILENT or "hidden" in attributes:
            return True
        if (attributes.get("role") or "").strip().lower() in _SILENT_ROLES:
            return True
        # An article's own header holds its title; the page's holds the menu.
        inside = {name for name, _ in self._open}
        return tag in _EDGES and not inside & {"article", "main"}

    def _in_table(self, tag: str) -> None:
        table = self._tables[-1]
        if tag == "tr" or not table:
            table.append([])
        if tag != "tr":
            table[-1].append([])

    def _write(self, text: str) -> None:
        if not self._tables:
            self.out.append(text)
        elif self._tables[-1] and self._tables[-1][-1]:
            self._tables[-1][-1][-1].append(text)


def _as_text(rows: list[list[list[str]]]) -> str:
    """Return a table; one that only lays a page out, with one cell a row, as its paragraphs."""
    cells = [["".join(pieces).strip() for pieces in row] for row in rows]
    if all(len(row) <= 1 for row in cells) or len(cells) == 1:
        return "\n\n".join(cell for row in cells for cell in row if cell)
    return to_markdown(cells)


def from_html(page: str) -> str:
    """Return a page as Markdown; `<title>` stands in for a missing `<h1>`."""
    reader = _Reader()
    reader.feed(page)
    reader.close()
    text = re.sub(r"[ \t]*\n[ \t]*", "\n", reader.finish())
    text = re.sub(r"\n{3,}", "\n\n", text).strip()
    if reader.title.strip() and not re.search(r"^# ", text, re.MULTILINE):
        text = f"# {' '.join(reader.title.split())}\n\n{text}"
    return text


def from_plain(text: str) -> str:
    """Return plain text as Markdown: lines that open an article become headings."""
    lines: list[str] = []
    for line in text.splitlines():
        found = PLAIN_ARTICLE.match(line.strip())
        if found is None:
            lines.append(line)
        elif found["en"]:
            lines += ["", f"## {found['en']}", ""]
        else:
            lines += ["", f"## {found['ko']}", "", found["body"].strip()]
    return "\n".join(lines)
