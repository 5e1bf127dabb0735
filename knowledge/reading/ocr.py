"""Pages that are pictures, read by Tesseract.

Each language is tried alone, since two at once mix their letters: Korean read with `kor+eng` had
three times the errors of `kor`. The surest reading wins; words that it is unsure of are taken from
another language that is sure of them, which is how English names in Korean text are read.
Invariant: a page that nothing reads well is still given, with the confidence that it has.
"""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from io import BytesIO
from pathlib import Path

from PIL import Image

from knowledge.reading.errors import Unreadable
from knowledge.reading.page import GAP, Line, Page
from knowledge.reading.scan import cleaned

SURE = 0.75
"""At this confidence no other language is tried; a wrong one gives about 0.3, the right one 0.9."""
_HOPELESS = 0.5
"""Below it the page may lie on its side or its head."""
_UNSURE_WORD, _SURE_WORD = 0.6, 0.8

# One column of letters in several sizes. Tesseract's own search for columns takes lines of Korean
# for vertical writing and loses two thirds of a page; columns are told apart by their gaps instead.
_ONE_COLUMN = "4"


@dataclass(frozen=True)
class Word:
    """A word where it was seen, in pixels."""

    text: str
    left: int
    top: int
    right: int
    bottom: int
    confidence: float
    line: tuple[int, ...]
    spaced: bool = True
    """Whether a space stands before it."""


@dataclass(frozen=True)
class Seen:
    """What one language made of a page."""

    language: str
    turned: int
    words: tuple[Word, ...]

    @property
    def confidence(self) -> float:
        """The words' confidence by their length; 0 where nothing was seen."""
        length = sum(len(word.text) for word in self.words)
        return sum(word.confidence * len(word.text) for word in self.words) / max(1, length)


@cache
def languages() -> frozenset[str]:
    """Return the languages that the installed Tesseract knows; empty where there is none."""
    if shutil.which("tesseract") is None:
        return frozenset()
    done = subprocess.run(
        ["tesseract", "--list-langs"], capture_output=True, text=True, timeout=30, check=False
    )
    return frozenset(line.strip() for line in done.stdout.splitlines()[1:])


def usable(wanted: Sequence[str]) -> tuple[str, ...]:
    """Return the languages to read with.

    Raises:
        Unreadable: Tesseract is not installed, or one of the languages is not.
    """
    known = languages()
    if not known:
        raise Unreadable(
            "its pages are pictures, and Tesseract, which reads them, is not installed; on Debian: "
            "apt-get install tesseract-ocr tesseract-ocr-kor"
        )
    if missing := [language for language in wanted if language not in known]:
        raise Unreadable(
            f"its pages are pictures, and Tesseract lacks {', '.join(missing)} of "
            f"documents.ocr_languages; on Debian: apt-get install tesseract-ocr-{missing[0]}"
        )
    return tuple(wanted)


def look(
    picture: Image.Image, wanted: Sequence[str], turned: int = 0, seconds: float = 60.0
) -> Seen:
    """Read a page's picture.

    Args:
        picture: The page.
        wanted: Tesseract's languages, the likeliest first.
        turned: Quarter turns, counter-clockwise, that brought the page before it upright.
        seconds: Time for all tries; what was seen until then counts.
    """
    until = time.monotonic() + seconds
    best = _best(picture, wanted, turned, until)
    if best.confidence < _HOPELESS and best.words:
        for turn in {0, 1, 2, 3} - {turned}:
            other = _best(picture, wanted, turn, until)
            best = max(best, other, key=lambda seen: seen.confidence)
            if best.confidence >= SURE:
                break
    return best


def _best(picture: Image.Image, wanted: Sequence[str], turned: int, until: float) -> Seen:
    image = cleaned(picture.rotate(90 * turned, expand=True) if turned else picture)
    seen: list[Seen] = []
    for language in wanted:
        seen.append(Seen(language, turned, _words(image, language, until)))
        if seen[-1].confidence >= SURE or not seen[-1].words:
            break
    best = max(seen, key=lambda one: one.confidence)
    for language in wanted:
        unsure = [word for word in best.words if word.confidence < _UNSURE_WORD]
        if unsure and language != best.language:
            other = _words(_only(image, unsure), language, until)
            best = replace(best, words=tuple(_mended(best.words, other)))
    return best


def _only(image: Image.Image, words: Sequence[Word]) -> Image.Image:
    """Return the page with nothing but the places of some words: that is read in no time."""
    kept = Image.new("L", image.size, 255)
    for word in words:
        around = (word.bottom - word.top) // 2
        box = (
            max(0, word.left - around), max(0, word.top - around),
            min(image.width, word.right + around), min(image.height, word.bottom + around),
        )  # fmt: skip
        kept.paste(image.crop(box), box)
    return kept


def _words(image: Image.Image, language: str, until: float) -> tuple[Word, ...]:
    """Run Tesseract once; what it finds is told twice, as places and as text."""
    data = BytesIO()
    image.save(data, "PNG", compress_level=1)
    with tempfile.TemporaryDirectory(prefix="ratchet-ocr-") as folder:
        out = Path(folder) / "page"
        command = ["tesseract", "stdin", str(out), "-l", language, "--psm", _ONE_COLUMN]
        try:
            subprocess.run(
                [*command, "tsv", "txt"],
                input=data.getvalue(),
                capture_output=True,
                timeout=max(0.1, until - time.monotonic()),
                check=True,
            )
        except (subprocess.TimeoutExpired, subprocess.CalledProcessError):
            return ()
        rows, text = (
            out.with_suffix(kind).read_text(encoding="utf-8", errors="replace")
            for kind in (".tsv", ".txt")
        )
    return tuple(_spaced(map(_word, _cells(rows)), text))


def _cells(rows: str) -> Iterator[list[str]]:
    for line in rows.splitlines()[1:]:
        cells = line.split("\t")
        if len(cells) == 12 and cells[0] == "5" and float(cells[10]) >= 0 and cells[11].strip():
            yield cells


def _word(cells: list[str]) -> Word:
    left, top, width, height = map(int, cells[6:10])
    line = tuple(map(int, cells[2:5]))
    return Word(
        cells[11].strip(), left, top, left + width, top + height, float(cells[10]) / 100, line
    )


def _spaced(words: Iterable[Word], text: str) -> Iterator[Word]:
    """Yield the words with whether a space stands before each.

    The places come syllable by syllable in Korean; only the text knows where words end.
    """
    at = 0
    for word in words:
        found = text.find(word.text, at)
        near = found >= 0 and not text[at:found].strip()
        yield replace(word, spaced=not near or found > at)
        if near:
            at = found + len(word.text)


def _mended(words: Sequence[Word], other: Sequence[Word]) -> list[Word]:
    """Return the words with the unsure ones replaced where the other language is sure."""
    sure = [word for word in other if word.confidence >= _SURE_WORD and len(word.text) > 1]
    mended: list[Word] = []
    used: set[int] = set()
    for word in words:
        at = [
            i for i, one in enumerate(sure) if word.confidence < _UNSURE_WORD and _same(word, one)
        ]
        if not at:
            mended.append(word)
            continue
        mended += [replace(sure[i], line=word.line, spaced=True) for i in at if i not in used]
        used.update(at)
    return mended


def _same(one: Word, other: Word) -> bool:
    """Whether two words cover the same place."""
    across = min(one.right, other.right) - max(one.left, other.left)
    down = min(one.bottom, other.bottom) - max(one.top, other.top)
    width = min(one.right - one.left, other.right - other.left)
    height = min(one.bottom - one.top, other.bottom - other.top)
    return across > 0.6 * width and down > 0.5 * height


def as_page(number: int, width: float, height: float, seen: Seen, scale: float) -> Page:
    """Return what was seen as a page.

    Args:
        number: The page's number.
        width: Of the page, in points.
        height: Of the page, in points.
        seen: What was read.
        scale: Pixels a point.
    """
    if seen.turned % 2:
        width, height = height, width
    lines: list[Line] = []
    row: list[Word] = []
    for word in seen.words:
        if row and (word.line != row[-1].line or _parted(row[-1], word)):
            lines.append(_line(row, scale))
            row = []
        row.append(word)
    if row:
        lines.append(_line(row, scale))
    return Page(number, width, height, tuple(lines), seen.confidence)


def _parted(one: Word, other: Word) -> bool:
    return other.left - one.right > GAP * max(one.bottom - one.top, other.bottom - other.top)


def _line(words: list[Word], scale: float) -> Line:
    heights = sorted(word.bottom - word.top for word in words)
    return Line(
        "".join(" " * word.spaced + word.text for word in words).strip(),
        min(word.left for word in words) / scale,
        min(word.top for word in words) / scale,
        max(word.right for word in words) / scale,
        max(word.bottom for word in words) / scale,
        heights[len(heights) * 3 // 4] / scale,
    )
