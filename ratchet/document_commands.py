"""The commands of the library: documents in, listed, shown and out.

Invariant: each imports what it needs when it runs; parsing alone loads nothing heavy.
"""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from ratchet.console import Bar, result, table
from ratchet.settings import load_settings

Json = Annotated[bool, typer.Option("--json", help="Print exactly one JSON object.")]
Confidentiality = Literal["public", "internal", "confidential"]

documents = typer.Typer(
    name="documents", help="The library that answers come from.", no_args_is_help=True
)


@documents.command("add")
def add_document(
    path: Annotated[Path, typer.Argument(exists=True, help="A file or a folder.")],
    source: Annotated[str | None, typer.Option(help="Where you have it from.")] = None,
    licence: Annotated[str | None, typer.Option(help="Under which terms you may use it.")] = None,
    owner: Annotated[str | None, typer.Option(help="Who answers for what it says.")] = None,
    confidentiality: Annotated[
        Confidentiality | None, typer.Option(help="Kept in the record; who may ask may read.")
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Also where title or language differ.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Add a file, or a folder's PDF, DOCX, HTML, Markdown and text files, and index them.

    Scanned pages are read by Tesseract. A file that was added before is not read again; a changed
    one becomes a new version. What cannot be read is reported and stops nothing.
    """
    from knowledge.intake import About
    from ratchet.library import add_documents, usable

    about = About(source, licence, owner, confidentiality)
    with Bar() as bar:
        report = add_documents(
            load_settings(), path, about,
            lambda share, text: bar.show("documents", share, text), replace=replace,
        )  # fmt: skip
    result(report, as_json, lambda: _report_text(report))
    if not usable(report):
        raise typer.Exit(1)


def _report_text(report: dict[str, Any]) -> str:
    rows = []
    for file in report["files"]:
        sure = file["ocr_confidence"]
        seen = f"{file['ocr_pages']} seen, {sure:.0%} sure" if sure is not None else ""
        said = "; ".join(filter(None, [file["reason"], *file["notes"]]))
        rows.append(
            (file["name"], file["status"], file["pages"] or "", seen, said or file["title"])
        )
    counts = ", ".join(f"{count} {status}" for status, count in report["counts"].items())
    return (
        table(("file", "became", "pages", "scans", "title, or why not"), rows)
        + f"\n\n{counts or 'nothing to add'}; {report['passages']} passages are indexed"
    )


@documents.command("list")
def list_documents(as_json: Json = False) -> None:
    """List the library's records."""
    from knowledge.documents import Library

    rows = [asdict(entry) for entry in Library(load_settings().home).list()]
    columns = ("name", "title", "language", "version", "kind", "pages", "owner", "confidentiality")
    result(
        {"documents": rows},
        as_json,
        lambda: table(columns, [[r[c] for c in columns] for r in rows]),
    )


@documents.command("show")
def show_document(
    name: str,
    version: Annotated[int | None, typer.Option(help="An earlier one; empty: the latest.")] = None,
    as_json: Json = False,
) -> None:
    """Show a document's text as it was read."""
    from knowledge.documents import Library

    document = Library(load_settings().home).document(name, version)
    result(asdict(document), as_json, lambda: document.markdown)


@documents.command("remove")
def remove_document(name: str, as_json: Json = False) -> None:
    """Take a document, with its earlier versions, out of the library and of the index."""
    from knowledge.documents import Library
    from ratchet.library import reindex

    settings = load_settings()
    removed = Library(settings.home).remove(name)
    built = reindex(settings)
    found = {"removed": asdict(removed), "index": built.version, "passages": built.passages}
    result(found, as_json, lambda: f"{name} is gone; {built.passages} passages are indexed")
