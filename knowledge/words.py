"""Text to what is compared: words for BM25, character n-grams for the embedder, the language.

Korean glues particles to words and writes spaces freely, so its runs become pairs of syllables.
Invariant: passages and questions go through the same functions, whatever their script.
"""

import re
import unicodedata
from collections.abc import Iterator

_UNSPACED = "぀-ヿ㐀-鿿가-힣"  # kana, Han and Hangul: scripts whose words spaces do not separate
_RUN = re.compile(rf"[{_UNSPACED}]+|[^\W_{_UNSPACED}]+")
_GRAM_SIZES = (2, 3, 4)

# Words of questions and politeness: they match by chance and say nothing about what is asked.
_STOP = """
    a about an and any are as at be been before but by can could did do does for from give
    had has have hello hi how i if in into is it its just know like may me must my need no
    not of on or our please question should so such tell than thank thanks that the their
    them then there these they this to under until up us want was we were what when where
    which who will with would you your
"""
STOP_WORDS = frozenset(_STOP.split())

_SCRIPTS = (
    ("ko", re.compile(r"[가-힣ㄱ-ㆎ]"), 0.2),
    ("ja", re.compile(r"[぀-ヿ]"), 0.1),
    ("zh", re.compile(r"[㐀-鿿]"), 0.2),
    ("ru", re.compile(r"[Ѐ-ӿ]"), 0.5),
)


def normalise(text: str) -> str:
    """Return text in the one form in which it is compared."""
    return unicodedata.normalize("NFKC", text).casefold()


def is_unspaced(text: str) -> bool:
    """Say whether text holds a script whose words spaces do not separate."""
    return bool(re.search(rf"[{_UNSPACED}]", text))


def runs(text: str) -> list[str]:
    """Return the unbroken stretches of one script, in order."""
    return _RUN.findall(normalise(text))


def words(text: str) -> list[str]:
    """Return what BM25 counts: words, or pairs of syllables, without stop words."""
    found: list[str] = []
    for run in runs(text):
        if is_unspaced(run):
            found += [run[i : i + 2] for i in range(len(run) - 1)] or [run]
        elif run not in STOP_WORDS:
            found.append(run)
    return found


def grams(text: str) -> list[str]:
    """Return what the embedder counts: pieces of words, with their edges marked by a space."""
    return [gram for run in runs(text) if run not in STOP_WORDS for gram in _pieces(f" {run} ")]


def _pieces(run: str) -> Iterator[str]:
    for size in _GRAM_SIZES:
        yield from (run[i : i + size] for i in range(len(run) - size + 1))


def detect_language(text: str) -> str:
    """Return the language by script: `ko`, `ja`, `zh`, `ru`, otherwise `en`.

    A few Hangul syllables outweigh many Latin letters, because product names and units stay Latin
    in Korean text while the other way round hardly happens.
    """
    letters = sum(character.isalpha() for character in text)
    for language, script, share in _SCRIPTS:
        if letters and len(script.findall(text)) / letters >= share:
            return language
    return "en"
