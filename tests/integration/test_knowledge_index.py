"""The index with the real Chroma: build, search, flip under readers, die at the wrong moment."""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from demo.questions import ask
from demo.world import facts
from knowledge.chunks import Passage
from knowledge.documents import Library
from knowledge.embedding import Vectors
from knowledge.errors import NoIndex
from knowledge.index import build_index, current_version, rebuild
from knowledge.intake import Intake
from knowledge.langchain_retriever import passage_of
from knowledge.retriever import KnowledgeBase

ROOT = Path(__file__).parents[2]
DOCUMENTS = ROOT / "demo" / "documents"
SUITE = ROOT / "demo" / "suite.jsonl"


def passage(number: int, text: str, language: str = "en", document: str = "Home Guard") -> Passage:
    return Passage(
        f"id-{document}-{number}", document, f"Article {number}", "", text, language, "x.md"
    )


@pytest.fixture(scope="module")
def demo_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    Library(home).seed(DOCUMENTS)
    rebuild(home)
    return home


def test_reference_questions_find_their_article_quickly(demo_home: Path) -> None:
    knowledge = KnowledgeBase(demo_home)
    knowledge.search("warm up")
    rows = [json.loads(line) for line in SUITE.read_text(encoding="utf-8").splitlines()]
    rows = [row for row in rows if row["kind"] != "absent"]
    hits, seconds = 0, []
    for row in rows:
        began = time.perf_counter()
        found = knowledge.search(row["messages"][-1]["content"])
        seconds.append(time.perf_counter() - began)
        # Fewer than asked for only where nothing else of the document that is named resembles it.
        assert len(found) == 3 or {p.document for p in found} == {row["document"]}
        assert {p.language for p in found} == {row["language"]}
        hits += any((p.document, p.article) == (row["document"], row["article"]) for p in found)
    knowledge.close()
    assert hits / len(rows) >= 0.98
    assert sorted(seconds)[len(seconds) // 2] <= 0.010


# Wordings that were written after the synonyms and are in no list: what people may really type.
FREE_WORDINGS = {
    "waiting_period": (
        "I signed {p} yesterday. Am I covered already?",
        "How many days until {p} takes effect?",
        "{p}은 어제 가입했는데 지금 보장되나요?",
        "{p} 효력은 가입 후 얼마 뒤에 생기나요?",
    ),
    "deductible": (
        "Which portion of a repair bill stays with me under {p}?",
        "Does {p} pay everything or do I contribute?",
        "{p}에서 수리비 중 제 돈은 얼마나 들어가나요?",
        "{p}은 전액 다 주나요?",
    ),
    "coverage_limit": (
        "What's the largest amount I can get from {p}?",
        "How much money does {p} give at best?",
        "{p}에서 제일 많이 받으면 얼마죠?",
        "{p}이 주는 돈의 한계는요?",
    ),
    "claim_deadline": (
        "Can I still submit a claim to {p} after two months?",
        "How fast must I send papers to {p}?",
        "두 달 지났는데 {p} 청구할 수 있나요?",
        "{p} 서류는 얼마나 빨리 보내야 해요?",
    ),
    "main_exclusion": (
        "When does {p} pay nothing?",
        "What kind of loss is {p} not meant for?",
        "{p}이 돈을 안 주는 경우가 있나요?",
        "{p}에서 어떤 사고는 보장 안 해요?",
    ),
    "cancellation_fee": (
        "Is it expensive to stop {p} before it runs out?",
        "What do I lose when I give up {p}?",
        "{p}을 깨면 손해가 큰가요?",
        "{p}을 만기 전에 나가면 돈을 얼마나 잃나요?",
    ),
}


def test_free_wordings_find_the_product_always_and_the_article_sometimes(demo_home: Path) -> None:
    """docs/decisions/0006-retrieval.md quotes this share; an offline embedder reaches no more."""
    knowledge = KnowledgeBase(demo_home)
    asked, hits = 0, 0
    for fact in facts():
        for wording in FREE_WORDINGS[fact.attribute.key]:
            stated = fact.stated("en" if wording.isascii() else "ko")
            found = knowledge.search(ask(wording, stated.document))
            assert {p.document for p in found} == {stated.document}
            asked += 1
            hits += any(p.article == stated.article for p in found)
    knowledge.close()
    assert 0.3 < hits / asked < 0.98, f"now {hits / asked:.0%}: bring the decision up to date"


def test_what_is_named_decides_before_the_language_does(demo_home: Path) -> None:
    knowledge = KnowledgeBase(demo_home)
    assert {p.document for p in knowledge.search("Travel Shield의 보장한도는 얼마인가요?")} == {
        "Travel Shield"
    }
    assert {p.language for p in knowledge.search("보장한도는 얼마인가요?")} == {"ko"}
    assert knowledge.search("...") == []
    knowledge.close()


def test_a_langchain_chain_gets_the_same_passages(demo_home: Path) -> None:
    knowledge = KnowledgeBase(demo_home)
    question = "What is the deductible of Home Guard?"
    found = knowledge.retriever.invoke(question)
    assert [passage_of(document) for document in found] == knowledge.search(question)
    assert {document.metadata["index_version"] for document in found} == {knowledge.version}
    knowledge.close()


def test_asking_before_anything_was_built_says_so(tmp_path: Path) -> None:
    with pytest.raises(NoIndex, match="add documents"):
        KnowledgeBase(tmp_path).search("anything")


def test_the_same_content_is_the_same_version_and_is_not_built_again(tmp_path: Path) -> None:
    first = build_index(tmp_path, [passage(1, "Fire is covered.")])
    built = (first.path / "about.json").stat().st_mtime_ns
    second = build_index(tmp_path, [passage(1, "Fire is covered."), passage(1, "Fire is covered.")])
    assert first == second
    assert (second.path / "about.json").stat().st_mtime_ns == built
    assert build_index(tmp_path, [passage(1, "Water is covered.")]).version != first.version


def test_a_removed_document_is_not_found_any_more(tmp_path: Path) -> None:
    for name in ("Home Guard", "Pet Friend"):
        path = tmp_path / f"{name}.md"
        path.write_text(f"# {name}\n\n## Article 1. Scope\n\n{name} pays for storms.\n", "utf-8")
        Intake(Library(tmp_path)).add(path)
    rebuild(tmp_path)
    knowledge = KnowledgeBase(tmp_path)
    assert {p.document for p in knowledge.search("storms")} == {"Home Guard", "Pet Friend"}
    Library(tmp_path).remove("Home Guard.md")
    rebuild(tmp_path)
    assert {p.document for p in knowledge.search("Home Guard storms")} == {"Pet Friend"}
    Library(tmp_path).remove("Pet Friend.md")
    assert rebuild(tmp_path).passages == 0
    assert knowledge.search("storms") == []
    knowledge.close()


def test_readers_never_notice_a_flip(tmp_path: Path) -> None:
    build_index(tmp_path, [passage(0, "Version 0 covers storms.")])
    knowledge = KnowledgeBase(tmp_path, top_k=1)
    stop, wrong, seen = threading.Event(), [], set()

    def read() -> None:
        while not stop.is_set():
            try:
                found = knowledge.find("Which version covers storms?")
                seen.add((found.version, found.passages[0].text))
            except Exception as err:  # noqa: BLE001  # any failure at all is what this test is about
                wrong.append(err)
                return

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    built = [
        (build_index(tmp_path, [passage(n, f"Version {n} covers storms.")]).version, n)
        for n in range(1, 6)
    ]
    time.sleep(0.2)
    stop.set()
    for reader in readers:
        reader.join()
    assert not wrong
    assert (built[-1][0], "Version 5 covers storms.") in seen
    texts = dict(seen)
    assert len(texts) == len(seen), "a version was seen with passages of another"
    assert knowledge.find("storms").version == built[-1][0]
    kept = {path.parent.name for path in (tmp_path / "index").glob("*/READY")}
    assert kept == {version for version, _ in built[-3:]}
    knowledge.close()


def test_flips_leave_no_open_files_or_threads(tmp_path: Path) -> None:
    knowledge = KnowledgeBase(tmp_path, top_k=1)

    def flip(number: int) -> tuple[int, int]:
        build_index(tmp_path, [passage(number, f"Version {number} covers storms.")])
        assert knowledge.search("storms")
        return len(os.listdir("/proc/self/fd")), threading.active_count()

    before = [flip(n) for n in range(4)][-1]
    after = [flip(n) for n in range(4, 16)][-1]
    assert after[0] <= before[0] + 2
    assert after[1] <= before[1]
    knowledge.close()


KILLED = """
import os, signal, sys
from pathlib import Path
import knowledge.index as index
from knowledge.chunks import Passage

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

setattr(index, sys.argv[2], die)
index.build_index(
    Path(sys.argv[1]), [Passage("new", "Home", "Article 1", "", "Hail is covered.", "en", "x.md")]
)
"""


@pytest.mark.parametrize("moment", ["_write_vectors", "write_atomically"])
def test_a_builder_killed_before_the_flip_leaves_the_old_version(
    tmp_path: Path, moment: str
) -> None:
    old = build_index(tmp_path, [passage(1, "Storms are covered.")])
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path), moment], cwd=ROOT, check=False, timeout=120
    )
    assert done.returncode == -9
    assert current_version(tmp_path) == old.version
    knowledge = KnowledgeBase(tmp_path, top_k=1)
    assert knowledge.search("What is covered?")[0].text == "Storms are covered."
    new = build_index(tmp_path, [passage(2, "Hail is covered.")])
    assert knowledge.search("What is covered?")[0].text == "Hail is covered."
    assert knowledge.version == new.version
    assert not list((tmp_path / "index").glob(".building-*"))
    knowledge.close()


class Letters:
    """Another embedder: how often each letter occurs."""

    name = "letters"

    def embed(self, texts: list[str]) -> Vectors:
        rows = np.array([[t.count(chr(c)) for c in range(97, 123)] for t in texts], np.float32)
        return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)


def test_another_embedder_must_be_given_to_readers_too(tmp_path: Path) -> None:
    build_index(tmp_path, [passage(1, "zzz"), passage(2, "aaa")], Letters())
    knowledge = KnowledgeBase(tmp_path, top_k=1, embedder=Letters())
    assert knowledge.search("zz")[0].text == "zzz"
    knowledge.close()
    with pytest.raises(NoIndex, match="letters"):
        KnowledgeBase(tmp_path).search("zz")


def test_narrow_scopes_find_everything_they_hold(tmp_path: Path) -> None:
    """Chroma's graph must not lose passages when a filter leaves a few of many."""
    many = [
        passage(n, f"Clause {n} pays for storms and hail.", document=f"Product {n // 10} Cover")
        for n in range(600)
    ]
    build_index(tmp_path, many)
    knowledge = KnowledgeBase(tmp_path, top_k=10)
    for product in range(0, 60, 7):
        found = knowledge.search(f"Does Product {product} Cover pay for storms?")
        assert [p.document for p in found] == [f"Product {product} Cover"] * 10
    knowledge.close()
