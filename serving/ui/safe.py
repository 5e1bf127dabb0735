"""Text that strangers wrote, models among them, made fit to be shown.

Invariant: after `markdown` or `plain` a text holds no HTML, image, link or code fence: nothing in
it can run, fetch, or send a reader anywhere. Addresses stay readable, as words.
"""

import re

_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")
"""Marks that turn the direction of writing around, so that text reads other than it is."""
_ENTITY = re.compile(r"&(?=#|[A-Za-z][A-Za-z0-9]*;)")
_INDENT = re.compile(r"^(?: {4,}|\t+)[ \t]*", re.MULTILINE)
_WWW = re.compile(r"\bwww\.", re.IGNORECASE)
_REPLACED = str.maketrans({"<": "&lt;", "[": "&#91;", "`": "&#96;", "@": "&#64;"})
_PLAIN = str.maketrans({c: f"&#{ord(c)};" for c in "&<>[]`@*_#|~:"})


def markdown(text: str) -> str:
    """Return `text` so that a Markdown renderer shows its emphasis, lists and tables, and no more.

    Code is shown as it was written, backticks included: inside code a renderer would show our
    escapes instead of what they stand for.
    """
    text = _ENTITY.sub("&amp;", _BIDI.sub("", text)).translate(_REPLACED)
    text = text.replace("~~~", "&#126;~~").replace("://", "&#58;//")
    return _INDENT.sub("   ", _WWW.sub("www&#46;", text))


def plain(text: str) -> str:
    """Return `text` so that a Markdown renderer shows it letter by letter, in one paragraph."""
    text = " ".join(_BIDI.sub("", text).split()).translate(_PLAIN)
    return _WWW.sub("www&#46;", text)
