"""Text that strangers wrote, models among them, made fit to be shown.

Code becomes `<pre>` and `<code>` of our own, with every sign that means something written as a
character reference; the rest keeps its emphasis, lists and tables. Invariant: after `markdown`,
`literal` or `plain` a text holds no HTML but those two tags, no image and no link: nothing in it
can run, fetch, or send a reader anywhere. Addresses stay readable, as words.
"""

import re
import string
from collections.abc import Iterator
from textwrap import dedent

_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")
"""Marks that turn the direction of writing around, so that text reads other than it is."""
_FENCE = re.compile(r"^[ \t]*(?P<fence>`{3,}|~{3,})[^`\n]*$")
_CODE = re.compile(r"(?<![`\\])(?P<ticks>`{1,2})(?!`)(?P<code>[^\n]*?[^\s`])\s*(?P=ticks)(?!`)")
_ENTITY = re.compile(r"&(?=#|[A-Za-z][A-Za-z0-9]*;)")
_SLASH = re.compile(r"\\(?=[<\[`@&])")
_INDENT = re.compile(r"^(?: {4,}|\t+)[ \t]*", re.MULTILINE)
_WWW = re.compile(r"\bwww\.", re.IGNORECASE)
_REPLACED = str.maketrans({"<": "&lt;", "[": "&#91;", "`": "&#96;", "@": "&#64;"})
_LITERAL = str.maketrans({c: f"&#{ord(c)};" for c in string.punctuation})
_PLAIN = str.maketrans({c: f"&#{ord(c)};" for c in "&<>[]`@*_#|~:\\"})


def markdown(text: str) -> str:
    """Return `text` so that a Markdown renderer shows emphasis, lists, tables and code, no more."""
    return "\n".join(_blocks(_BIDI.sub("", text).split("\n")))


def literal(text: str) -> str:
    """Return `text` so that a Markdown renderer shows it letter by letter, line by line."""
    lines = _BIDI.sub("", text).translate(_LITERAL).split("\n")
    return "\n".join(line.strip() for line in lines).strip()


def plain(text: str) -> str:
    """Return `text` so that a Markdown renderer shows it letter by letter, in one paragraph."""
    text = " ".join(_BIDI.sub("", text).split()).translate(_PLAIN)
    return _WWW.sub("www&#46;", text)


def _blocks(lines: list[str]) -> Iterator[str]:
    """Yield the text between fences, and what stands in fences as code; the last may be open."""
    words: list[str] = []
    rest = iter(lines)
    for line in rest:
        opening = _FENCE.match(line)
        if opening is None:
            words.append(line)
            continue
        yield _words("\n".join(words))
        words = []
        yield _preformatted(list(_until(opening["fence"], rest)))
    yield _words("\n".join(words))


def _until(fence: str, lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        bare = line.strip()
        if len(bare) >= len(fence) and not bare.strip(fence[0]):
            return
        yield line


def _preformatted(lines: list[str]) -> str:
    code = dedent("\n".join(lines)).translate(_LITERAL)
    # Without empty lines around it a renderer could take it for a part of what stands there.
    return f"\n<pre><code>{code}</code></pre>\n"


def _words(text: str) -> str:
    """Return text outside of fences, code in its lines included."""
    made, end = [], 0
    for code in _CODE.finditer(text):
        said = code["code"].strip().translate(_LITERAL)
        made += [_escaped(text[end : code.start()]), f"<code>{said}</code>"]
        end = code.end()
    made.append(_escaped(text[end:]))
    return _INDENT.sub("   ", "".join(made))


def _escaped(text: str) -> str:
    text = _SLASH.sub("&#92;", _ENTITY.sub("&amp;", text)).translate(_REPLACED)
    text = text.replace("~~~", "&#126;~~").replace("://", "&#58;//")
    return _WWW.sub("www&#46;", text)
