"""A page of plain HTML in the look of the others: for what needs no more than links and forms.

Invariant: it is one document, without scripts or anything from elsewhere, in the reader's light or
dark; whoever makes its body has escaped it.
"""

from html import escape
from pathlib import Path

from serving.ui.text import Language


def sheet(name: str) -> str:
    """Return a style sheet or script that lies beside this file."""
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


BRAND = (
    '<svg class="r-mark" viewBox="0 0 32 32" aria-hidden="true">'
    '<rect width="32" height="32" rx="8"/><path d="M9 21.5h4.6v-5h4.6v-5H23"/>'
    '</svg><span class="r-name">Ratchet</span>'
)
"""The mark: steps that only go up."""
# Without any referrer a browser would not say either where the login form comes from.
HEAD = """
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="same-origin">
<link rel="icon" href="data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg'
 viewBox='0 0 32 32'%3E%3Crect width='32' height='32' rx='8' fill='%230f6b63'/%3E%3Cpath
 d='M9 21.5h4.6v-5h4.6v-5H23' fill='none' stroke='white' stroke-width='3'
 stroke-linecap='round' stroke-linejoin='round'/%3E%3C/svg%3E">
"""
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
"""What goes out with such a page: nothing on it can run or fetch."""
_COLOURS = sheet("colours.css")
# The other pages' dark is a class that a script sets.
_STYLE = (
    _COLOURS.replace(".dark {", "@media (prefers-color-scheme: dark) { :root {")
    + "}\n"
    + sheet("document.css")
)


def tab_title(page: str = "") -> str:
    """Return what the browser's tab says of a page; the chat has no name of its own."""
    return f"{page} · Ratchet" if page else "Ratchet"


def spoken(language: Language, page: str = "") -> str:
    """Return the attributes by which a page's first line tells the browser language and title.

    The document around a page of Gradio's is the same for everybody; `page.js` goes by these.
    """
    return f'lang="{language}" data-title="{escape(tab_title(page))}"'


def document(page: str, language: Language, body: str, style: str = "") -> str:
    """Return a whole document; `body` is HTML, `style` what it needs beside the common sheet."""
    return (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(tab_title(page))}</title>{HEAD}<style>{_STYLE}{style}</style></head>"
        f'<body><header><a class="r-brand" href="/">{BRAND}</a></header>'
        f"<main>{body}</main></body></html>"
    )
