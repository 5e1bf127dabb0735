"""What a file is, told by what it holds: names lie, and not by malice only.

Invariant: a kind that is not read is named in words, with what to save it as.
"""

import codecs
import re
import zipfile
from pathlib import Path
from typing import Literal

from knowledge.reading.errors import Unreadable
from knowledge.reading.limits import Limits

Kind = Literal["pdf", "docx", "html", "text", "markdown"]

SUFFIXES = (".md", ".txt", ".html", ".htm", ".pdf", ".docx")
"""What a folder is searched for; other files of it are told as skipped."""
_MAX_PARTS = 5000
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_TAG = re.compile(rb"<(?:!doctype\s+html|html|head|body|h[1-6]|p|div|table)\b", re.IGNORECASE)
_CHARSET = re.compile(rb"<meta[^>]{0,200}charset\s*=\s*[\"']?\s*([\w-]{2,20})", re.IGNORECASE)
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def kind_of(path: Path, limits: Limits) -> Kind:
    """Return what a file is.

    Raises:
        Unreadable: it is empty, too large or of a kind that is not read.
    """
    size = path.stat().st_size
    if not size:
        raise Unreadable("it is empty; there is nothing to add")
    if size > limits.max_mb * 2**20:
        raise Unreadable(
            f"it has {size / 2**20:.0f} MB, more than documents.max_mb = {limits.max_mb:g}; split "
            "it, or raise the setting"
        )
    with path.open("rb") as file:
        head = file.read(4096)
    if b"%PDF-" in head[:1024]:
        return "pdf"
    if head.startswith(b"PK"):
        return _in_archive(path, limits)
    if head.startswith(_OLE):
        raise Unreadable("it is an old or encrypted Office or HWP file; save it as DOCX or PDF")
    if b"\0" in head and not head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise Unreadable("it is no document; PDF, DOCX, HTML, Markdown and text are read")
    if path.suffix.lower() in {".html", ".htm"} or _TAG.search(head):
        return "markdown" if path.suffix.lower() == ".md" else "html"
    return "markdown" if path.suffix.lower() == ".md" else "text"


def _in_archive(path: Path, limits: Limits) -> Kind:
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OSError) as err:
        raise Unreadable(f"it is a broken archive ({err}); save it again") from err
    if not any(part.filename == "word/document.xml" for part in parts):
        raise Unreadable("it is an archive without a text document; add the files inside it")
    unpacked = sum(part.file_size for part in parts)
    if unpacked > limits.max_mb * 2**20 or len(parts) > _MAX_PARTS:
        raise Unreadable(
            f"unpacked it has {unpacked / 2**20:.0f} MB in {len(parts)} parts, more than "
            f"documents.max_mb = {limits.max_mb:g}; nothing of it was unpacked"
        )
    if any(part.flag_bits & 1 for part in parts):
        raise Unreadable("it wants a password; save it without one and add it again")
    return "docx"


def decoded(data: bytes) -> str:
    """Return a text file's or page's text: Unicode, what the page says, else Korean Windows.

    Raises:
        Unreadable: none of them.
    """
    marked = [encoding for bom, encoding in _BOMS if data.startswith(bom)]
    named = _CHARSET.search(data[:4096])
    said = [named[1].decode()] if named else []
    for encoding in marked or ["utf-8", *said, "cp949"]:
        try:
            return data.decode(encoding)
        except (UnicodeDecodeError, LookupError):
            continue
    raise Unreadable("its letters are neither UTF-8 nor Korean (CP949); save it as UTF-8")
