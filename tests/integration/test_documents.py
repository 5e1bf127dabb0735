"""Real files into a real index: printed by Chromium, scanned with wear, read by Tesseract."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docx
import numpy as np
import pytest

from benchmarks.documents import equality, headings, normalised, terms
from benchmarks.scans import CHROMIUM, Printer, as_page, printer, save_scan, scanned
from knowledge.documents import Library
from knowledge.embedding import Vectors
from knowledge.index import current_version, rebuild
from knowledge.intake import Intake
from knowledge.reading import ocr
from knowledge.reading.limits import Limits
from knowledge.reading.process import read_file
from knowledge.retriever import KnowledgeBase
from tests.unit.test_reading_process import PASSWORD

ROOT = Path(__file__).parents[2]
DOCUMENTS = ROOT / "demo" / "documents"
HEAD = "Hanbit Insurance 한빛보험"

pytestmark = pytest.mark.browser


def need(what: object, fix: str) -> None:
    """Fail in CI, where everything is installed, and skip elsewhere."""
    if not what:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(fix)


@pytest.fixture(scope="module")
def press() -> Iterator[Printer]:
    need(CHROMIUM, "Chromium is missing: make system")
    with printer() as found:
        yield found


@pytest.fixture
def eyes() -> None:
    need({"kor", "eng"} <= ocr.languages(), "Tesseract with kor and eng is missing: make system")


def policy(language: str, name: str) -> str:
    return (DOCUMENTS / language / f"{name}.md").read_text(encoding="utf-8")


def scan(press: Printer, markdown: str, path: Path, condition: Any = "noisy", **how: Any) -> Path:
    printed = press.print(as_page(markdown), path.with_suffix(".print.pdf"))
    made = save_scan(scanned(printed, condition, **how), path)
    printed.unlink()
    return made


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize(
    "style", ["", "body{font-size:15pt;width:7cm}", "main{column-count:2;font-size:9pt}"]
)
def test_printed_terms_come_back(press: Printer, tmp_path: Path, language: str, style: str) -> None:
    text = terms(language)
    path = press.print(as_page(text, style), tmp_path / "terms.pdf", HEAD)
    found = read_file(path, Limits(ocr=False), tmp_path / "scratch")
    assert equality(found.text, text) >= 0.999
    assert normalised(found.text).count("한빛보험") == 0
    assert headings(found.text) == headings(text)


def test_a_ruled_table_becomes_a_table(press: Printer, tmp_path: Path) -> None:
    table = "| plan | fee |\n| --- | --- |\n| basic | 10,000 KRW |\n| plus | 20,000 KRW |"
    text = f"# Fees\n\nThese are the fees.\n\n{table}\n\nThey may change."
    path = press.print(as_page(text), tmp_path / "fees.pdf")
    found = read_file(path, Limits(), tmp_path / "scratch").text
    assert table in found
    assert found.count("10,000") == 1
    assert found.index("These") < found.index("| plan |") < found.index("They may")


@pytest.mark.usefixtures("eyes")
@pytest.mark.parametrize(
    ("language", "condition", "turned"),
    [("en", "noisy", 0), ("ko", "noisy", 0), ("ko", "skewed", 0), ("ko", "clean", 2)],
)
def test_scans_come_back(
    press: Printer, tmp_path: Path, language: str, condition: str, turned: int
) -> None:
    text = policy(language, "home-guard")
    path = scan(press, text, tmp_path / "scan.pdf", condition, turned=turned)
    found = read_file(path, Limits(), tmp_path / "scratch")
    assert equality(found.text, text) >= 0.96
    assert found.ocr_pages == found.pages
    assert found.ocr_confidence is not None
    assert found.ocr_confidence > 0.85


@pytest.mark.usefixtures("eyes")
def test_english_names_in_a_korean_scan_are_read(press: Printer, tmp_path: Path) -> None:
    text = "# 약관\n\n" + "이 약관은 Hanbit Insurance 고객과 회사의 권리와 의무를 정합니다.\n\n" * 3
    found = read_file(scan(press, text, tmp_path / "a.pdf", "clean"), Limits(), tmp_path / "s")
    assert found.text.count("Hanbit") == 3


def mixed(press: Printer, folder: Path) -> None:
    """Fill a folder with what an organisation has, good and bad."""
    folder.mkdir()
    press.print(as_page(policy("en", "home-guard")), folder / "home.pdf", HEAD)
    scan(press, policy("ko", "pet-friend"), folder / "scan.pdf", "skewed")
    document = docx.Document()
    for block in policy("en", "bike-cover").split("\n\n"):
        level = len(block) - len(block.lstrip("#"))
        text = block.lstrip("# ").strip()
        document.add_heading(text, level) if level else document.add_paragraph(text)
    document.save(str(folder / "bike.docx"))
    page = as_page(policy("ko", "auto-care")).replace("<main>", "<nav>메뉴</nav><main>")
    (folder / "auto.html").write_text(page, encoding="utf-8")
    shutil.copy(DOCUMENTS / "en" / "golf-day.md", folder / "golf.md")
    press.print(as_page(policy("en", "cyber-safe")), folder / "cyber.dat")
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7\nnothing")
    (folder / "cut.pdf").write_bytes((folder / "home.pdf").read_bytes()[:900])
    (folder / "empty.docx").touch()
    (folder / "huge.txt").write_bytes(b"a" * (4 * 2**20 + 1))
    (folder / "locked.pdf").write_bytes(PASSWORD % (b"00" * 32, b"11" * 32))
    (folder / "picture.jpg").write_bytes(b"\xff\xd8\xff\xe0\0\0")
    (folder / "liar.pdf").write_text("Nothing but text.", encoding="utf-8")


BECAME = {
    "auto.html": "added",
    "bike.docx": "added",
    "broken.pdf": "refused",
    "cut.pdf": "refused",
    "cyber.dat": "added",
    "empty.docx": "refused",
    "golf.md": "added",
    "home.pdf": "added",
    "huge.txt": "refused",
    "liar.pdf": "added",
    "locked.pdf": "refused",
    "picture.jpg": "skipped",
    "scan.pdf": "added",
}


def ratchet(home: Path, *words: str) -> tuple[int, dict[str, Any]]:
    environment = {**os.environ, "RATCHET_HOME": str(home), "RATCHET_DOCUMENTS__MAX_MB": "4"}
    done = subprocess.run(
        [sys.executable, "-m", "ratchet", *words, "--json"],
        capture_output=True, text=True, cwd=ROOT, env=environment, check=False,
    )  # fmt: skip
    return done.returncode, json.loads(done.stdout)


@pytest.mark.usefixtures("eyes")
def test_a_mixed_folder_ends_with_an_index_that_answers(press: Printer, tmp_path: Path) -> None:
    folder, home = tmp_path / "in", tmp_path / "home"
    mixed(press, folder)
    code, report = ratchet(home, "documents", "add", str(folder), "--owner", "Kim")
    assert code == 0
    assert {file["name"]: file["status"] for file in report["files"]} == BECAME
    assert all(f["reason"] for f in report["files"] if f["status"] in {"refused", "skipped"})
    knowledge = KnowledgeBase(home, top_k=1)
    for question, fact in (
        ("What is the deductible of Home Guard?", "Home Guard"),
        ("펫 프렌드의 자기부담금은?", "펫 프렌드"),
        ("What is the waiting period of Bike Cover?", "Bike Cover"),
        ("오토 케어의 해지수수료는?", "오토 케어"),
        ("What is the claim deadline of Cyber Safe?", "Cyber Safe"),
    ):
        assert knowledge.search(question)[0].document == fact
    knowledge.close()
    record = next(e for e in Library(home).list() if e.name == "scan.pdf")
    assert (record.owner, record.language, record.kind) == ("Kim", "ko", "pdf")
    assert record.ocr_pages == record.pages > 0
    library = (home / "documents" / "library.json").stat().st_mtime_ns
    code, again = ratchet(home, "documents", "add", str(folder))
    assert code == 0
    kept = {name: was if was != "added" else "unchanged" for name, was in BECAME.items()}
    assert {file["name"]: file["status"] for file in again["files"]} == kept
    assert again["index"] == report["index"] == current_version(home)
    assert (home / "documents" / "library.json").stat().st_mtime_ns == library
    assert not list((home / "documents" / ".scans").glob("*"))


def test_where_nothing_could_be_read_the_command_fails(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.7\nnothing")
    code, report = ratchet(tmp_path / "home", "documents", "add", str(tmp_path / "a.pdf"))
    assert code == 1
    assert report["counts"] == {"refused": 1}


@pytest.mark.usefixtures("eyes")
def test_a_killed_run_goes_on_where_it_stopped(press: Printer, tmp_path: Path) -> None:
    folder, home = tmp_path / "in", tmp_path / "home"
    folder.mkdir()
    shutil.copy(DOCUMENTS / "en" / "golf-day.md", folder / "a.md")
    pages = "\n\n".join(policy("en", name) for name in ("home-guard", "bike-cover", "auto-care"))
    scan(press, pages, folder / "b.pdf", "clean", dpi=150)
    command = [sys.executable, "-m", "ratchet", "documents", "add", str(folder)]
    environment = {
        **os.environ, "RATCHET_HOME": str(home), "RATCHET_DOCUMENTS__OCR_THREADS": "1",
    }  # fmt: skip
    running = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)
    while not (kept := list(home.glob("documents/.scans/*/*.json"))):
        assert running.poll() is None, "it ended before it was killed"
        time.sleep(0.02)
    running.send_signal(signal.SIGKILL)
    running.wait()
    # What was seen before is not looked at again: a word that no scan holds comes through.
    kept[0].write_text(kept[0].read_text("utf-8").replace("Article 1.", "Article 77."), "utf-8")
    assert [entry.name for entry in Library(home).list()] == ["a.md"]
    reports = Intake(Library(home), Limits(ocr_threads=1)).add(folder)
    assert [report.status for report in reports] == ["unchanged", "added"]
    text = Library(home).document("b.pdf").markdown
    assert "Article 77." in text
    assert equality(text, pages) > 0.95
    assert not list(home.glob("documents/.scans/*"))


def test_without_tesseract_only_scans_are_refused(
    press: Printer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    press.print(as_page("# A\n\nText that is there as text."), folder / "text.pdf")
    scan(press, "# B\n\nText that is a picture.", folder / "scan.pdf", "clean", dpi=72)
    monkeypatch.setenv("PATH", str(tmp_path))
    found = {r.name: r for r in Intake(Library(tmp_path / "home")).add(folder)}
    assert found["text.pdf"].status == "added"
    assert found["scan.pdf"].status == "refused"
    assert "apt-get install tesseract-ocr" in found["scan.pdf"].reason
    off = Intake(Library(tmp_path / "home"), Limits(ocr=False)).add(folder / "scan.pdf")[0]
    assert off.status == "refused"


class Counting:
    """An embedder that remembers what it was asked."""

    name = "counting"

    def __init__(self) -> None:
        self.seen: list[str] = []

    def embed(self, texts: list[str]) -> Vectors:
        self.seen += texts
        return np.array([[len(text), 1.0] for text in texts], np.float32)


def test_only_what_changed_is_embedded_again(tmp_path: Path) -> None:
    folder, embedder = tmp_path / "in", Counting()
    shutil.copytree(DOCUMENTS / "en", folder)
    intake = Intake(Library(tmp_path / "home"))
    intake.add(folder)
    first = rebuild(tmp_path / "home", embedder)
    assert len(embedder.seen) == first.passages
    embedder.seen.clear()
    file = folder / "home-guard.md"
    text = file.read_text(encoding="utf-8").replace("rights and duties", "duties and rights", 1)
    file.write_text(text, encoding="utf-8")
    statuses = [report.status for report in intake.add(folder)]
    assert statuses.count("changed") == 1
    second = rebuild(tmp_path / "home", embedder)
    assert second.version != first.version
    assert len(embedder.seen) == 1
    assert "duties and rights" in embedder.seen[0]
