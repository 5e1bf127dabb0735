"""HTML, text and tables: what is kept, and what every page has and nobody reads."""

import pytest

from knowledge.reading.errors import Unreadable
from knowledge.reading.kinds import decoded
from knowledge.reading.markup import from_html
from knowledge.reading.tables import to_markdown


def test_a_page_becomes_markdown_without_its_scripts() -> None:
    text = from_html(
        "<html><head><title>Home Guard</title><style>p{}</style></head><body><nav>Menu</nav>"
        "<h2>Article 1. Purpose</h2><p>Fire &amp; water\n are covered.</p>"
        "<ul><li>one<li>two</ul><script>alert(1)</script></body></html>"
    )
    assert text.startswith("# Home Guard\n")
    assert "## Article 1. Purpose" in text
    assert "Fire & water are covered." in text
    assert "- one\n- two" in text
    assert not any(word in text for word in ("alert", "Menu", "p{}"))


def test_what_every_page_has_is_gone_and_an_articles_own_head_is_not() -> None:
    text = from_html(
        "<header>Company<br>Login</header><div role=navigation>Products</div>"
        "<main><article><header><h1>Terms</h1></header><p>Fire is covered.</p></article></main>"
        "<aside>Related</aside><form>Search<input><button>Go</button></form>"
        "<footer>Imprint</footer><p hidden>Secret</p>"
    )
    assert text == "# Terms\n\nFire is covered."


def test_a_table_keeps_its_rows_and_a_layout_table_its_paragraphs() -> None:
    page = (
        "<h1>Fees</h1><table><thead><tr><th>Plan<th>Fee</tr></thead><tbody>"
        "<tr><td>Basic</td><td>10 | 20</td></tr><tr><td>Plus<p>new</p></td></tr></table>"
        "<table><tr><td>Only a frame.</td></tr></table>"
    )
    assert from_html(page) == (
        "# Fees\n\n| Plan | Fee |\n| --- | --- |\n| Basic | 10 \\| 20 |\n| Plus new |  |\n\n"
        "Only a frame."
    )


def test_a_table_in_a_table_and_one_that_never_ends_lose_nothing() -> None:
    text = from_html(
        "<table><tr><td>a<table><tr><td>b<td>c<tr><td>d<td>e</table><td>f<tr><td>g<td>h"
    )
    assert all(letter in text for letter in "abcdefgh")


def test_an_empty_table_is_nothing() -> None:
    assert to_markdown([["", None], []]) == ""


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("\ufeff한글".encode(), "한글"),
        ("한글".encode("utf-16"), "한글"),
        ("약관입니다".encode("cp949"), "약관입니다"),
        ('<meta charset="euc-kr">약관'.encode("euc-kr"), '<meta charset="euc-kr">약관'),
        ('<meta charset="shift_jis">約款'.encode("shift_jis"), '<meta charset="shift_jis">約款'),
    ],
)
def test_letters_are_read_as_they_were_written(data: bytes, text: str) -> None:
    assert decoded(data) == text


def test_letters_of_no_known_kind_are_refused() -> None:
    with pytest.raises(Unreadable, match="UTF-8"):
        decoded(b"\x81\xff broken")
