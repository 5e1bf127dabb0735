"""One file, one child: what a hostile or broken file does to it, and what is said then."""

import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import docx
import pytest
from docx.oxml.ns import nsdecls

from knowledge.reading import process
from knowledge.reading.errors import Unreadable
from knowledge.reading.limits import Limits
from knowledge.reading.process import ROOT, read_file

PASSWORD = b"""%%PDF-1.4
1 0 obj <</Type/Catalog/Pages 2 0 R>> endobj
2 0 obj <</Type/Pages/Kids[3 0 R]/Count 1>> endobj
3 0 obj <</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]>> endobj
4 0 obj <</Filter/Standard/V 1/R 2/P -4/O<%s>/U<%s>>> endobj
trailer <</Root 1 0 R/Encrypt 4 0 R/ID[<00><00>]>>
"""


def refusal(path: Path, limits: Limits | None = None) -> str:
    with pytest.raises(Unreadable) as refused:
        read_file(path, limits or Limits(), path.parent / "scratch")
    return str(refused.value)


def test_a_text_comes_back_with_its_kind(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text("<h1>A</h1><p>Text.</p>", encoding="utf-8")
    found = read_file(tmp_path / "a.html", Limits(), tmp_path / "scratch")
    assert (found.kind, found.text, found.pages) == ("html", "# A\n\nText.", 0)


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("empty.pdf", b"", "empty"),
        ("broken.pdf", b"%PDF-1.7\nnothing", "broken"),
        ("locked.pdf", PASSWORD % (b"00" * 32, b"11" * 32), "password"),
        ("broken.docx", b"PK\x03\x04nothing", "broken archive"),
        (
            "old.doc.docx",
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 99,
            "save it as DOCX or PDF",
        ),
        ("picture.md", b"\x89PNG\r\n\0\0", "no document"),
    ],
)
def test_what_cannot_be_read_is_said(tmp_path: Path, name: str, data: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(data)
    assert said in refusal(tmp_path / name)


def test_sizes_are_looked_at_before_anything_is_unpacked(tmp_path: Path) -> None:
    big = tmp_path / "big.txt"
    big.write_bytes(b"a" * 2**21)
    assert "documents.max_mb = 1" in refusal(big, Limits(max_mb=1))
    assert "documents.max_chars = 1000" in refusal(big, Limits(max_chars=1000))
    bomb = tmp_path / "bomb.docx"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", b"0" * 2**23)
    assert bomb.stat().st_size < 2**16
    assert "nothing of it was unpacked" in refusal(bomb, Limits(max_mb=1))
    with zipfile.ZipFile(tmp_path / "other.docx", "w") as archive:
        archive.writestr("a.txt", "a")
    assert "without a text document" in refusal(tmp_path / "other.docx")


@pytest.mark.parametrize("entity", ["&e8;", "&outside;"])
def test_entities_of_a_docx_are_not_expanded(tmp_path: Path, entity: str) -> None:
    docx.Document().save(str(tmp_path / "plain.docx"))
    inner = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "ha"}">' for n in range(9))
    outside = f'<!ENTITY outside SYSTEM "file://{__file__}">'
    body = f"<w:body><w:p><w:r><w:t>before {entity} after</w:t></w:r></w:p></w:body>"
    text = f"<!DOCTYPE d [{inner}{outside}]><w:document {nsdecls('w')}>{body}</w:document>"
    with (
        zipfile.ZipFile(tmp_path / "plain.docx") as old,
        zipfile.ZipFile(tmp_path / "a.docx", "w") as new,
    ):
        for name in old.namelist():
            new.writestr(name, text if name == "word/document.xml" else old.read(name))
    try:
        found = read_file(tmp_path / "a.docx", Limits(), tmp_path / "scratch").text
    except Unreadable as err:
        found = str(err)
        assert "ntity" in found
    assert "haha" not in found
    assert "PASSWORD" not in found


def child(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    monkeypatch.setattr(process, "READER", ("-c", code))
    monkeypatch.setattr(process, "START_SECONDS", 0.5)


CASES = [
    ("import time; time.sleep(600)", "documents.page_seconds = 0.5"),
    ("import os; os.abort()", "documents.memory_mb"),
    ("raise SystemExit('odd bytes')", "odd bytes"),
    ("raise MemoryError", "documents.memory_mb"),
    ("import sys; sys.stdout.write('x' * 10**8)", "broken"),
]


@pytest.mark.parametrize(("code", "said"), CASES)
def test_a_child_that_goes_wrong_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, said: str
) -> None:
    child(monkeypatch, code)
    assert said in refusal(tmp_path / "a.pdf", Limits(page_seconds=0.5, max_chars=1000))


def test_what_a_child_started_ends_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = (
        "import subprocess, sys, pathlib, time\n"
        "p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"pathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(p.pid))\n"
        "time.sleep(600)"
    )
    child(monkeypatch, code)
    refusal(tmp_path / "a.pdf", Limits(page_seconds=2))
    assert gone(int((tmp_path / "pid").read_text(encoding="utf-8")))


def gone(pid: int) -> bool:
    for _ in range(200):
        state = Path(f"/proc/{pid}/stat")
        if not state.exists() or state.read_text(encoding="utf-8").split()[2] == "Z":
            return True
        time.sleep(0.05)
    return False


def test_a_child_ends_when_whoever_waits_for_it_is_killed(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "never.txt")  # opening it waits for ever
    code = (
        "import sys, subprocess; from pathlib import Path\n"
        "from knowledge.reading import process\n"
        "start = process._start\n"
        "def told(log):\n"
        "    child = start(log); print(child.pid, flush=True); return child\n"
        "process._start = told\n"
        f"process.read_file(Path({str(tmp_path / 'never.txt')!r}), process.Limits(), Path('s'))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=ROOT
    ) as waiting:
        assert waiting.stdout is not None
        pid = int(waiting.stdout.readline())
        time.sleep(0.5)
        waiting.kill()
    assert gone(pid)


def test_reading_reaches_no_network_and_has_its_limits() -> None:
    code = (
        "import resource, socket, urllib.request\n"
        "from knowledge.reading.child import _confine\n"
        "from knowledge.reading.limits import Limits\n"
        "_confine(Limits(memory_mb=1000))\n"
        "for reach in (lambda: socket.create_connection(('127.0.0.1', 1)),\n"
        "              lambda: urllib.request.urlopen('http://localhost:1/')):\n"
        "    try: reach()\n"
        "    except OSError as err: print('reaches no network' in str(err))\n"
        "print(resource.getrlimit(resource.RLIMIT_AS)[0] == 1000 * 2**20)\n"
        "try: bytearray(2**31)\n"
        "except MemoryError: print(True)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert done.stdout.split() == ["True"] * 4
