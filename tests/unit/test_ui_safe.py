"""Whatever a model or a file says, nothing of it runs, fetches or links."""

import re
from html.parser import HTMLParser

import pytest
from markdown_it import MarkdownIt

from serving.ui.safe import literal, markdown, plain

ATTACKS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "![pixel](http://evil.example/p.png)",
    "![pixel][1]\n\n[1]: http://evil.example/p.png",
    "[click](javascript:alert(1))",
    "<http://evil.example>",
    "https://evil.example/?q=secret and www.evil.example and me@evil.example",
    "&#60;script&#62;alert(1)&lt;/script&gt;",
    "```html\n<img src=http://evil.example>\n```",
    "~~~mermaid\nclick A href 'http://evil.example'\n~~~",
    "    <img src=http://evil.example>",
    "\t![x](http://evil.example)",
    "[![x](http://evil.example/p.png)](http://evil.example)",
    "| a |\n|---|\n| <img src=x> ![i](http://evil.example) |",
    "| a | b |\n|---|---|\n| `x | <img src=http://evil.example>` | c |",
    "`x`<img src=x>` `<a href=javascript:alert(1)>` ``<script>`` \\`<img src=x>`",
    "```\n</code></pre><img src=x onerror=alert(1)>\n```",
    "```\nnever closed <script>alert(1)</script>\n\n    <img src=x>",
    "- item\n  ```\n  <img src=x>\n  ```\n> quote\n> ```\n> <iframe src=//evil.example>\n> ```",
    "[a]: javascript:alert(1)\n[b]: data:text/html,x\n\n[a] [b][a] ![c][b]",
    "[x](data:text/html;base64,PHNjcmlwdD4=) ![x](data:image/svg+xml,<svg/onload=alert(1)>)",
    "<javascript:alert(1)> <data:text/html,x> <mailto:me@evil.example>",
    "[x](&#106;avascript:alert(1)) [x](java\nscript:alert(1)) [x]( //evil.example 't')",
    "<details open ontoggle=alert(1)> <svg><script>alert(1)</script></svg> <math><mi xlink:href=x>",
    "\\<img src=x> \\[x](http://evil.example) \\![x](http://evil.example)",
]
HARMLESS = {
    *((tag, ()) for tag in ("p", "em", "strong", "ul", "ol", "li", "hr", "br", "blockquote")),
    *((tag, ()) for tag in ("table", "thead", "tbody", "tr", "th", "td", "pre", "code", "h2")),
}


class Tags(HTMLParser):
    """Collects every tag with its attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[tuple[str, tuple[str, ...]]] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add((tag, tuple(name for name, _ in attrs)))


class Text(HTMLParser):
    """Collects what is read."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.said = ""
        self.feed(html)

    def handle_data(self, data: str) -> None:
        self.said += data


RENDERERS = {
    "gfm": MarkdownIt("gfm-like", {"html": True, "linkify": False}),
    "commonmark": MarkdownIt("commonmark", {"html": True}),
}


@pytest.mark.parametrize("renderer", RENDERERS.values(), ids=RENDERERS)
@pytest.mark.parametrize("escape", [markdown, literal, plain])
@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_runs_fetches_or_links(attack: str, escape: object, renderer: MarkdownIt) -> None:
    tags = Tags()
    tags.feed(renderer.render(escape(attack)))  # type: ignore[operator]
    assert tags.seen <= HARMLESS


@pytest.mark.parametrize("escape", [markdown, plain])
def test_addresses_are_words_to_whatever_makes_links_of_them(escape: object) -> None:
    safe = escape("HTTPS://a.b, see WWW.a.b, mail me@a.b, ftp://a.b")  # type: ignore[operator]
    assert not re.search(r"://|www\.|\w@\w", safe, re.IGNORECASE)


def test_emphasis_lists_and_tables_survive() -> None:
    html = RENDERERS["gfm"].render(markdown("**45 days**\n\n- one\n- two\n\n|a|b|\n|-|-|\n|1|2|"))
    assert "<strong>45 days</strong>" in html
    assert html.count("<li>") == 2
    assert "<table>" in html


def test_code_is_shown_as_it_was_written() -> None:
    code = "if a < b[0]:\n\n    print(`x`, *y, 'http://a.b')  # &lt; &amp; **no**"
    html = RENDERERS["gfm"].render(markdown(f"Before\n```python\n{code}\n```\nafter"))
    assert html.count("<pre><code>") == 1
    assert code in Text(html).said
    assert "<p>after</p>" in html


@pytest.mark.parametrize("code", ["a | b", "<b>", "*x*", "list[int]", "a\\nb", "~~x~~ @me"])
def test_code_in_a_line_is_shown_as_it_was_written(code: str) -> None:
    html = RENDERERS["gfm"].render(markdown(f"| a |\n|---|\n| say `{code}` now |"))
    assert html.count("<code>") == 1
    assert f"say {code} now" in Text(html).said


def test_an_open_fence_is_code_already() -> None:
    assert "<pre><code>x" in markdown("Look:\n```\nx = 1")


QUESTIONS = ("# a", "- b", "---", "1. c", "    d", "a\n===", "a < b & c `d` [e](f) \\*g*", "> h")


@pytest.mark.parametrize("text", QUESTIONS)
def test_what_a_person_wrote_reads_as_they_wrote_it(text: str) -> None:
    html = RENDERERS["gfm"].render(literal(text))
    assert Text(html).said.strip() == text.strip()
    assert html.startswith("<p>")


@pytest.mark.parametrize(
    "text",
    [
        "a < b & c > d",
        "&lt;b&gt;",
        "#1 *not bold* _nor this_",
        "[제2조] 45일",
        "1:2 | ~3~",
        "a\\*b",
    ],
)
def test_plain_text_reads_as_it_was_written(text: str) -> None:
    tokens = RENDERERS["commonmark"].parseInline(plain(text))[0].children or []
    assert "".join(token.content for token in tokens) == text


def test_direction_marks_are_dropped() -> None:
    assert markdown("abc\u202edef\u2066") == "abcdef"
