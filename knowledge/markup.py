"""HTML and plain text to Markdown, so that everything behind reads one form.

Invariant: headings become `#` lines and paragraphs stay apart; scripts, styles and menus are gone.
"""

import re
from html.parser import HTMLParser

_SILENT = {"script", "style", "template", "nav", "noscript", "svg"}
_BLOCKS = {
    "p",
    "div",
    "section",
    "article",
    "table",
    "ul",
    "ol",
    "blockquote",
    "pre",
    "dl",
    "dt",
    "dd",
}
_HEADING = re.compile(r"h([1-6])")

# An article's opening line in a text without markup. References in running text have neither the
# stop behind the number nor, in Korean, the brackets.
_PLAIN_ARTICLE = re.compile(
    r"^(?:(?P<en>(?:Article|Section|Clause)\s+\d+(?:\.\d+)*[.:]\s+[^.]{1,80})"
    r"|(?P<ko>제\s*\d+\s*조(?:의\s*\d+)?\s*[(（\[][^)）\]]{1,60}[)）\]])(?P<body>.*))$"
)


class _Reader(HTMLParser):
    """Collects Markdown while the parser walks through a page."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.out: list[str] = []
        self.title = ""
        self._silent = 0
        self._in_title = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _SILENT:
            self._silent += 1
        elif tag == "title":
            self._in_title = True
        elif level := _HEADING.fullmatch(tag):
            self.out.append(f"\n\n{'#' * int(level[1])} ")
        elif tag == "li":
            self.out.append("\n- ")
        elif tag in {"br", "tr"}:
            self.out.append("\n")
        elif tag in {"td", "th"}:
            self.out.append(" ")
        elif tag in _BLOCKS:
            self.out.append("\n\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in _SILENT:
            self._silent = max(0, self._silent - 1)
        elif tag == "title":
            self._in_title = False
        elif tag in _BLOCKS or _HEADING.fullmatch(tag):
            self.out.append("\n\n")

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title += data
        elif not self._silent:
            self.out.append(re.sub(r"\s+", " ", data))


def from_html(page: str) -> str:
    """Return a page as Markdown; `<title>` stands in for a missing `<h1>`."""
    reader = _Reader()
    reader.feed(page)
    reader.close()
    text = re.sub(r"[ \t]*\n[ \t]*", "\n", "".join(reader.out))
    text = re.sub(r"\n{3,}", "\n\n", text).strip()
    if reader.title.strip() and not re.search(r"^# ", text, re.MULTILINE):
        text = f"# {' '.join(reader.title.split())}\n\n{text}"
    return text


def from_plain(text: str) -> str:
    """Return plain text as Markdown: lines that open an article become headings."""
    lines: list[str] = []
    for line in text.splitlines():
        found = _PLAIN_ARTICLE.match(line.strip())
        if found is None:
            lines.append(line)
        elif found["en"]:
            lines += ["", f"## {found['en']}", ""]
        else:
            lines += ["", f"## {found['ko']}", "", found["body"].strip()]
    return "\n".join(lines)
