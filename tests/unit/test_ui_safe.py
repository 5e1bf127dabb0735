"""Whatever a model or a file says, nothing of it runs, fetches or links."""

import re

import pytest
from markdown_it import MarkdownIt

from serving.ui.safe import markdown, plain

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
]
RENDERERS = {
    "gfm": MarkdownIt("gfm-like", {"html": True, "linkify": False}),
    "commonmark": MarkdownIt("commonmark", {"html": True}),
}


@pytest.mark.parametrize("renderer", RENDERERS.values(), ids=RENDERERS)
@pytest.mark.parametrize("escape", [markdown, plain])
@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_runs_fetches_or_links(attack: str, escape: object, renderer: MarkdownIt) -> None:
    html = renderer.render(escape(attack))  # type: ignore[operator]
    for tag in ("<script", "<img", "<a ", "<a>", "<iframe", "<pre", "<code"):
        assert tag not in html.lower()


@pytest.mark.parametrize("escape", [markdown, plain])
def test_addresses_are_words_to_whatever_makes_links_of_them(escape: object) -> None:
    safe = escape("HTTPS://a.b, see WWW.a.b, mail me@a.b, ftp://a.b")  # type: ignore[operator]
    assert not re.search(r"://|www\.|\w@\w", safe, re.IGNORECASE)


def test_emphasis_lists_and_tables_survive() -> None:
    html = RENDERERS["gfm"].render(markdown("**45 days**\n\n- one\n- two\n\n|a|b|\n|-|-|\n|1|2|"))
    assert "<strong>45 days</strong>" in html
    assert html.count("<li>") == 2
    assert "<table>" in html


@pytest.mark.parametrize(
    "text", ["a < b & c > d", "&lt;b&gt;", "#1 *not bold* _nor this_", "[제2조] 45일", "1:2 | ~3~"]
)
def test_plain_text_reads_as_it_was_written(text: str) -> None:
    tokens = RENDERERS["commonmark"].parseInline(plain(text))[0].children or []
    assert "".join(token.content for token in tokens) == text


def test_direction_marks_are_dropped() -> None:
    assert markdown("abc\u202edef\u2066") == "abcdef"
