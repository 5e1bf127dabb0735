"""Feedback out to files, in our formats and in those of other tools.

Invariant: a file, or a folder of several, appears whole or not at all; memory does not grow with
the number of rows.
"""

import json
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from feedback.consent import ASK, Consents, Rule
from feedback.export_rows import ROWS
from feedback.formats import axolotl, huggingface, llamafactory, openai, plain, trl
from feedback.formats.shape import Format, Part, Row, Source, Summary, Unfit
from feedback.publishing import published
from feedback.store import FeedbackStore
from feedback.types import InvalidFeedback

FORMATS: Mapping[str, Format] = {
    **trl.FORMATS,
    **llamafactory.FORMATS,
    **axolotl.FORMATS,
    **openai.FORMATS,
    **plain.FORMATS,
    **huggingface.FORMATS,
}
"""Every format by its name; the order is the one they are listed in."""

Rows = Callable[[Source, Counter[str]], Iterator[Row]]
"""Reads the rows of one kind, and counts the records that gave none by reason."""


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What was written, and how many records of feedback gave no row for which reason.

    In a folder, reasons are named by the kind of row that the record gave none of: `kto: ..`.
    """

    path: str
    format: str
    rows: int
    left_out: Mapping[str, int]
    files: Mapping[str, int]
    """Rows by file."""


def export_feedback(
    store: FeedbackStore, form: str, path: Path, consent: Rule = ASK
) -> ExportReport:
    """Write feedback in a format; a file is replaced at once at the end.

    All but `raw`, which moves and keeps, leave out those whose words may not train by `consent`.

    Raises:
        InvalidFeedback: there is no such format, or it is a folder and one with files is there.
        OSError: it cannot be written.
    """
    if form not in FORMATS:
        raise InvalidFeedback(f"format {form!r} is none of {', '.join(FORMATS)}")
    shape = FORMATS[form]
    rows = partial(_permitted, store, Consents(store.database).refusing(consent))
    with published(path, folder=shape.folder) as draft:
        if shape.folder:
            summary = _write_folder(rows, shape, draft)
        else:
            left_out: Counter[str] = Counter()
            written = _write(rows, shape.parts[0], draft, left_out)
            summary = Summary({path.name: written}, dict(+left_out))
    return ExportReport(str(path), form, sum(summary.rows.values()), summary.left_out, summary.rows)


def export_download(
    store: FeedbackStore, form: str, folder: Path, consent: Rule = ASK
) -> tuple[Path, ExportReport]:
    """Write feedback as one file into a folder, under a name of its own; folders are zipped.

    Raises:
        InvalidFeedback: there is no such format.
        OSError: it cannot be written.
    """
    shape = FORMATS.get(form)
    if shape is None or not shape.folder:
        suffix = Path(shape.parts[0].name).suffix if shape else ""
        path = folder / f"ratchet-{form}{suffix}"
        return path, export_feedback(store, form, path, consent)
    path = folder / f"ratchet-{form}.zip"
    with TemporaryDirectory(dir=folder) as scratch, published(path) as draft:
        report = export_feedback(store, form, Path(scratch, path.stem), consent)
        with zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in sorted(Path(scratch).rglob("*")):
                archive.write(file, file.relative_to(scratch))
    return path, report


def _permitted(
    store: FeedbackStore,
    refusal: Callable[[str], str | None],
    source: Source,
    left_out: Counter[str],
) -> Iterator[Row]:
    """Read the rows of one kind that may be trained on; a `raw` file moves everything."""
    for row in ROWS[source](store, left_out):
        if source != "raw" and (reason := refusal(row["person"])):
            left_out[reason] += 1
        else:
            yield row


def _write_folder(rows: Rows, shape: Format, folder: Path) -> Summary:
    written: dict[str, int] = {}
    left_out: dict[str, int] = {}
    for part in shape.parts:
        reasons: Counter[str] = Counter()
        path = folder / part.name
        path.parent.mkdir(exist_ok=True)
        written[part.name] = _write(rows, part, path, reasons)
        left_out |= {f"{part.source}: {reason}": n for reason, n in (+reasons).items()}
    summary = Summary(written, left_out)
    for name, text in (shape.beside(summary) if shape.beside else {}).items():
        (folder / name).write_text(text, encoding="utf-8")
    return summary


def _write(rows: Rows, part: Part, path: Path, left_out: Counter[str]) -> int:
    """Write the rows of one file; return how many there are."""
    written = 0

    def converted() -> Iterator[Row]:
        nonlocal written
        for row in rows(part.source, left_out):
            try:
                yield part.convert(row)
            except Unfit as err:
                left_out[str(err)] += 1
            else:
                written += 1

    if part.coding == "parquet":
        huggingface.write_parquet(converted(), path, part.source)
    else:
        _write_json(converted(), path, array=part.coding == "array")
    return written


def _write_json(rows: Iterable[Row], path: Path, *, array: bool) -> None:
    before, between, after = ("[\n", ",\n", "\n]\n") if array else ("", "\n", "")
    with path.open("w", encoding="utf-8") as file:
        file.write(before)
        for number, row in enumerate(rows):
            file.write((between if array and number else "") + json.dumps(row, ensure_ascii=False))
            file.write("" if array else between)
        file.write(after)
