"""Texts in one spelling: what looks the same is the same to a model, and counts as a duplicate.

Normalised is what no reader sees: how an accent or a syllable is composed (NFC; file systems and
some keyboards send NFD, which is three tokens for one Hangul syllable), line ends, invisible
characters, spaces at the end of lines and around the whole. Spaces within a line stay: they may be
code or a table.

Invariant: doing it twice changes nothing, and no letter, sign or line that shows is lost.
"""

import re
import unicodedata

from training.served import Turns

# Zero-width space and joiners' relatives, byte order mark, soft hyphen; joiners make emoji and some
# scripts, so they stay. Control characters other than tab and newline show nothing.
_INVISIBLE = re.compile("[\u200b\u2060\ufeff\u00ad\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_LINE_END = re.compile("\r\n?|\u2028|\u2029")
_TRAILING = re.compile(r"[^\S\n]+(?=\n|$)")


def tidy(text: str) -> str:
    """Return a text as it is trained on."""
    text = _INVISIBLE.sub("", _LINE_END.sub("\n", unicodedata.normalize("NFC", text)))
    return unicodedata.normalize("NFC", _TRAILING.sub("", text)).strip()


def tidied(turns: Turns) -> Turns:
    """Return a conversation as it is trained on."""
    changed = [{**turn, "content": tidy(turn["content"])} for turn in turns]
    return tuple(changed)  # type: ignore[arg-type]
