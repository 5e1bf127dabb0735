"""The process that reads one file: whatever the file does to it, nobody else is hurt.

`python -m knowledge.reading.child` takes a task as a JSON line on standard input, and gives
progress and a result as JSON lines. It has limits on memory, processor and file sizes, reaches no
network, and ends with its parent. Pages that were looked at are left in `scratch`, so that a
reading which was cut off goes on where it stopped.
Invariant: only this module and what it calls import the libraries that take files apart.
"""

import json
import os
import resource
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn, TextIO

from knowledge.reading.errors import Unreadable
from knowledge.reading.kinds import decoded, kind_of
from knowledge.reading.limits import Limits
from knowledge.reading.markup import from_html, from_plain

NICENESS = 5
_MAX_PIXELS = 40_000_000
"""A page that would be larger is looked at more coarsely."""

Report = Callable[..., None]


def main() -> None:
    """Read the file of the task on standard input."""
    task = json.loads(sys.stdin.readline())
    limits = Limits(**task["limits"])
    _confine(limits)
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    lines = _own_stdout()

    def report(**message: Any) -> None:
        lines.write(json.dumps(message, ensure_ascii=False) + "\n")
        lines.flush()

    try:
        report(result=read(Path(task["path"]), limits, Path(task["scratch"]), report))
    except Unreadable as err:
        report(refused=str(err))


def read(path: Path, limits: Limits, scratch: Path, report: Report) -> dict[str, Any]:
    """Return a file's text as Markdown, with what is known about how it was read.

    Raises:
        Unreadable: it becomes no document.
    """
    kind = kind_of(path, limits)
    about: dict[str, Any] = {"kind": kind, "pages": 0, "ocr_pages": 0, "ocr_confidence": None}
    if kind == "pdf":
        text, found = _pdf(path, limits, scratch, report)
        about |= found
    elif kind == "docx":
        from knowledge.reading.docx import read_docx

        text = read_docx(path)
    else:
        text = decoded(path.read_bytes())
        text = {"html": from_html, "text": from_plain}.get(kind, str)(text)
    if len(text) > limits.max_chars:
        raise Unreadable(
            f"it gives {len(text)} characters, more than documents.max_chars = {limits.max_chars}; "
            "split it, or raise the setting"
        )
    return {**about, "text": text}


def _pdf(path: Path, limits: Limits, scratch: Path, report: Report) -> tuple[str, dict[str, Any]]:
    from knowledge.reading.layout import to_markdown
    from knowledge.reading.pdf import open_pdf, read_text

    document = open_pdf(path, limits)
    count = len(document)
    found = read_text(document, path, lambda number: report(page=number, pages=count))
    pages, notes = found.pages, []
    if found.scans and limits.ocr:
        seen = {
            page.number: page for page in _scans(document, found.scans, limits, scratch, report)
        }
        pages = [seen.get(page.number, page) for page in pages]
    elif found.scans:
        notes.append(
            f"{len(found.scans)} pages are pictures and were left out: documents.ocr = false"
        )
    confidences = [page.confidence for page in pages if page.confidence is not None]
    about = {
        "pages": count,
        "ocr_pages": len(confidences),
        "ocr_confidence": round(sum(confidences) / len(confidences), 3) if confidences else None,
        "notes": notes,
    }
    return to_markdown(pages, found.title, lambda: report(page=count, pages=count)), about


def _scans(
    document: Any, numbers: tuple[int, ...], limits: Limits, scratch: Path, report: Report
) -> Iterator[Any]:
    """Yield pages as they were seen; those seen by an earlier reading from its notes."""
    from knowledge.reading.ocr import as_page, look, usable
    from knowledge.reading.page import Line, Page

    wanted = list(usable(limits.languages))
    scratch.mkdir(parents=True, exist_ok=True)
    turned = 0

    def seen(number: int, picture: Any, width: float, height: float, scale: float) -> Page:
        nonlocal turned
        found = look(picture, tuple(wanted), turned, 0.7 * limits.page_seconds)
        if found.words:
            # The next page is most likely in the same language, and the same way up.
            wanted.sort(key=lambda language: language != found.language)
            turned = found.turned
        page = as_page(number, width, height, found, scale)
        _keep(scratch / f"{number}.json", asdict(page))
        return page

    threads = limits.ocr_threads or os.cpu_count() or 1
    with ThreadPoolExecutor(threads) as pool:
        for start in range(0, len(numbers), threads):
            waiting = []
            for number in numbers[start : start + threads]:
                kept = scratch / f"{number}.json"
                if kept.exists():
                    row = json.loads(kept.read_text(encoding="utf-8"))
                    lines = tuple(Line(**line) for line in row.pop("lines"))
                    yield Page(**row, lines=lines)
                    continue
                # PDFium draws on one thread only; looking is what takes the time.
                waiting.append(pool.submit(seen, number, *_picture(document[number - 1], limits)))
            for done in waiting:
                yield done.result()
            report(page=numbers[min(start + threads, len(numbers)) - 1], pages=len(document))


def _picture(page: Any, limits: Limits) -> tuple[Any, float, float, float]:
    width, height = page.get_size()
    scale = min(limits.ocr_dpi / 72, (_MAX_PIXELS / max(1.0, width * height)) ** 0.5)
    picture = page.render(scale=scale, grayscale=True).to_pil()
    page.close()
    return picture, width, height, scale


def _keep(path: Path, row: dict[str, Any]) -> None:
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps(row, ensure_ascii=False), encoding="utf-8")
    draft.replace(path)


def _confine(limits: Limits) -> None:
    """Take away what reading a file does not need."""
    os.nice(NICENESS)
    for kind, most in (
        (resource.RLIMIT_AS, limits.memory_mb * 2**20),
        (resource.RLIMIT_CPU, int(limits.file_seconds) * (os.cpu_count() or 1) + 10),
        (resource.RLIMIT_FSIZE, 512 * 2**20),
        (resource.RLIMIT_CORE, 0),
    ):
        hardest = resource.getrlimit(kind)[1]
        allowed = most if hardest == resource.RLIM_INFINITY else min(most, hardest)
        resource.setrlimit(kind, (allowed, allowed))

    def refuse(*_: object, **__: object) -> NoReturn:
        raise OSError("reading a document reaches no network")

    socket.socket.connect = refuse  # type: ignore[method-assign]
    socket.getaddrinfo = refuse


def _end_with_stdin() -> None:
    """End, with everything started here, when whoever started this is gone."""
    while os.read(0, 4096):
        pass
    os.killpg(os.getpgrp(), signal.SIGKILL)


def _own_stdout() -> TextIO:
    """Keep standard output for our lines, and send what libraries print to standard error."""
    lines = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return lines


if __name__ == "__main__":
    main()
