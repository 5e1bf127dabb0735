"""The labelled lines: texts in English and Korean with every piece of personal data marked by hand.

`personal_lines/*.txt` were written, and frozen, before the rules were mended on one half of them.
A line with slots is drawn several times. Lines are in the halves by turns, so that no template is
in both: rules are mended on `development`, and `test` is only measured.

Invariant: the same files give the same texts.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Literal

from benchmarks.personal_forms import SLOTS
from benchmarks.personal_texts import Labelled, Span
from benchmarks.personal_values import Language

Half = Literal["development", "test"]
HALVES: tuple[Half, ...] = ("development", "test")
DRAWS = 6
_FOLDER = Path(__file__).with_name("personal_lines")
_MARK = re.compile(r"«(?P<slot>[A-Za-z_]+)(?: (?P<value>[^»]+))?»")
_KIND_OF = {"IBAN": "ACCOUNT", "PASSWORD": "KEY", "SECRET": "KEY"}


def lines(half: Half, draws: int = DRAWS) -> Iterator[Labelled]:
    """Yield a half's texts: once as they are written, or so often drawn where they have slots."""
    languages: tuple[Language, ...] = ("en", "ko")
    for language in languages:
        text = (_FOLDER / f"{language}.txt").read_text(encoding="utf-8")
        written = [line for line in text.splitlines() if line and not line.startswith("# ")]
        for line in written[HALVES.index(half) :: 2]:
            slots = [mark for mark in _MARK.finditer(line) if mark["value"] is None]
            for number in range(draws if slots else 1):
                yield _filled(line.replace("\\n", "\n"), language, Random(f"{number} {line}"))


def _filled(line: str, language: Language, rng: Random) -> Labelled:
    text, spans, at = "", [], 0
    for mark in _MARK.finditer(line):
        text += line[at : mark.start()]
        at = mark.end()
        value = mark["value"] or SLOTS[mark["slot"]](rng)
        if mark["slot"].isupper():
            kind = _KIND_OF.get(mark["slot"], mark["slot"].split("_")[0])
            spans.append(Span(len(text), len(text) + len(value), kind))
        text += value
    return Labelled(text + line[at:], language, tuple(spans))
