"""How much of the demo's terms comes back from PDF, DOCX and scans, and how fast.

Extraction: the text that is read beside the text that was printed, both normalised (NFKC, white
space as one space); equality is one minus the edit distance by length. Recognition: character error
rate, the edit distance by the length of what was printed, with and without spaces.
"""

import argparse
import re
import resource
import tempfile
import time
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from rapidfuzz.distance import Levenshtein

from benchmarks.results import table, write_section
from benchmarks.scans import CONDITIONS, as_page, printer, save_scan, scanned
from knowledge.reading.limits import Limits
from knowledge.reading.process import Reading, read_file

DOCUMENTS = Path(__file__).parents[1] / "demo" / "documents"
GOAL = 0.99
_NARROW = "body{font-size:15pt;width:7cm}"
_SPREAD = "main{column-count:2;font-size:9pt;text-align:justify}"


def terms(language: str) -> str:
    """Return all of a language's terms as one Markdown text."""
    files = sorted((DOCUMENTS / language).glob("*.md"))
    return "\n\n".join(file.read_text(encoding="utf-8").strip() for file in files)


def normalised(markdown: str) -> str:
    """Return a text without its Markdown, in the one form in which texts are compared."""
    text = re.sub(r"<!--.*?-->", "", markdown, flags=re.DOTALL)
    text = re.sub(r"(?m)^#+ |^- ", "", text)
    return " ".join(unicodedata.normalize("NFKC", text).split())


def equality(found: str, wanted: str) -> float:
    """Return the share of the text that came back, 1 where both are the same."""
    one, other = normalised(found), normalised(wanted)
    return 1 - Levenshtein.distance(one, other) / max(len(one), len(other))


def headings(markdown: str) -> list[str]:
    """Return a text's headings in order."""
    return [re.sub(r"^#+ ", "", line) for line in markdown.splitlines() if line.startswith("#")]


def read(path: Path, limits: Limits, folder: Path) -> tuple[Reading, float]:
    """Read a file as `documents add` does; return what was read and the seconds it took."""
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        found = read_file(path, limits, Path(scratch))
    return found, time.perf_counter() - began


def extraction(folder: Path) -> list[Sequence[object]]:
    """Print all terms in three layouts and read them back."""
    rows: list[Sequence[object]] = []
    with printer() as press:
        for language in ("en", "ko"):
            text = terms(language)
            for layout, style in (("wide", ""), ("narrow", _NARROW), ("two columns", _SPREAD)):
                path = folder / f"{language}-{layout}.pdf"
                press.print(as_page(text, style), path, "Hanbit Insurance 한빛보험")
                found, seconds = read(path, Limits(), folder)
                kept = [h for h in headings(found.text) if h in set(headings(text))]
                rows.append((
                    language, layout, found.pages, f"{equality(found.text, text):.2%}",
                    f"{len(kept)}/{len(headings(text))}", f"{found.pages / seconds:.0f}",
                ))  # fmt: skip
    return rows


def recognition(folder: Path, documents: int, seed: int) -> list[Sequence[object]]:
    """Scan some terms in three conditions and read them."""
    rows: list[Sequence[object]] = []
    with printer() as press:
        for language in ("en", "ko"):
            files = sorted((DOCUMENTS / language).glob("*.md"))[:documents]
            text = "\n\n".join(file.read_text(encoding="utf-8").strip() for file in files)
            printed = press.print(as_page(text), folder / f"{language}.pdf")
            for condition in CONDITIONS:
                path = folder / f"{language}-{condition}.pdf"
                save_scan(scanned(printed, condition, seed), path)
                before = _processor()
                found, seconds = read(path, Limits(ocr_threads=1), folder)
                spent = _processor() - before
                _, both = read(path, Limits(), folder)
                rows.append((
                    language, condition, found.pages, *_errors(found.text, text),
                    f"{found.ocr_confidence:.2f}", f"{60 * found.pages / seconds:.0f}",
                    f"{60 * found.pages / both:.0f}", f"{spent / found.pages:.1f}",
                ))  # fmt: skip
    return rows


def _processor() -> float:
    """Return the processor seconds of all children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _errors(found: str, wanted: str) -> tuple[str, str]:
    one, other = normalised(found), normalised(wanted)
    dense = one.replace(" ", ""), other.replace(" ", "")
    return (
        f"{Levenshtein.distance(one, other) / len(other):.2%}",
        f"{Levenshtein.distance(*dense) / len(dense[1]):.2%}",
    )


def main() -> None:
    """Measure and write the section."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=6, help="terms of a language to scan")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        native = extraction(folder)
        seen = recognition(folder, options.documents, options.seed)
    body = (
        f"All terms of the demo, printed with a running head and page numbers, and read back; goal "
        f"{GOAL:.0%}. Headings: those that came back word for word as headings.\n\n"
        + table(("language", "layout", "pages", "equal", "headings", "pages/s"), native)
        + f"\n\nThe terms of {options.documents} products a language, drawn at 300 dpi and worn: "
        "skewed by one to three degrees; noisy is grey, blurred and speckled. These are generated "
        "scans of one clean typeface: what comes from a fax or a folded page will be worse. "
        "Errors are edits by the length of what was printed. Reading steps back behind everything "
        "else on the machine: where that was busy, processor seconds say more than pages a "
        "minute.\n\n"
        + table(
            ("language", "scan", "pages", "character errors", "without spaces", "sure",
             "pages/min, one core", "pages/min, two cores", "processor s/page"),
            seen,
        )
    )  # fmt: skip
    write_section("Documents", body)
    print(body)


if __name__ == "__main__":
    main()
