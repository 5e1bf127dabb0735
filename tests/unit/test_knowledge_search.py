import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from knowledge.embedding import GramEmbedder, Vectors, embed_cached
from knowledge.errors import UnreadableDocument
from knowledge.search import Names, fuse
from knowledge.synonyms import expand, parse_synonyms
from knowledge.words import detect_language, grams, words

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("What is the waiting period?", "en"),
        ("트래블 실드의 면책기간은 며칠인가요?", "ko"),
        ("Travel Shield의 면책기간은?", "ko"),
        ("The product 트래블 is called Travel Shield in the English terms.", "en"),
        ("免責期間は何日ですか", "ja"),
        ("等待期是多少天", "zh"),
        ("Какой срок ожидания?", "ru"),
        ("42?", "en"),
    ],
)
def test_the_script_tells_the_language(text: str, language: str) -> None:
    assert detect_language(text) == language


def test_korean_is_compared_by_pairs_of_syllables_and_english_by_words() -> None:
    assert words("면책기간은 312일") == ["면책", "책기", "기간", "간은", "312", "일"]
    assert words("What is the Waiting PERIOD?") == ["waiting", "period"]
    assert " wa" in grams("waiting")


def test_a_fullwidth_or_decomposed_text_is_the_same_text() -> None:
    assert words("ＡＢＣ") == words("abc")
    assert words("면책") == words("면책")


def test_ranks_are_fused_and_agreement_wins() -> None:
    assert fuse([[1, 2, 3], [3, 2, 9]])[:2] == [3, 2]
    assert fuse([[5], []]) == [5]
    assert fuse([[], []]) == []


def test_synonyms_add_the_documents_term() -> None:
    rules = parse_synonyms(
        "# people\npay myself, own share => deductible\n제가 내는 => 자기부담금\n"
    )
    assert expand("What do I PAY MYSELF?", rules).endswith("deductible")
    assert expand("제가내는 몫은?", rules).endswith("자기부담금")
    assert expand("I repay myselfish", rules) == "I repay myselfish"


@pytest.mark.parametrize("line", ["a, b", "=> term", "a =>"])
def test_a_rule_of_another_form_is_refused_with_its_line(line: str) -> None:
    with pytest.raises(UnreadableDocument, match="line 2"):
        parse_synonyms(f"a => b\n{line}\n")


def test_the_longest_title_is_named_and_taken_out() -> None:
    names = Names({"Travel Shield": "x", "Travel Shield Plus": "y", "트래블 실드": "z"})
    assert names.take_from("What does Travel Shield Plus cost?") == (
        ["Travel Shield Plus"],
        "what does   cost?",
    )
    assert names.take_from("travel shield, 트래블실드는?")[0] == ["Travel Shield", "트래블 실드"]
    assert names.take_from("a travel shielding")[0] == []
    assert names.take_from("Travel Shield?")[1] == "Travel Shield?"


def test_a_title_that_others_use_as_a_word_names_nothing() -> None:
    texts = {f"Product {i}": "How to file claims." for i in range(5)} | {"Claims": "Claims."}
    assert Names(texts).take_from("How do I file claims for Product 3?")[0] == ["Product 3"]


def test_the_embedder_is_the_same_after_loading(tmp_path: Path) -> None:
    texts = ["waiting period", "claim deadline", "면책기간은 312일입니다"]
    fitted = GramEmbedder.fit(texts)
    fitted.save(tmp_path)
    loaded = GramEmbedder.load(tmp_path)
    assert loaded.name == fitted.name
    assert np.array_equal(loaded.embed(texts), fitted.embed(texts))
    near = fitted.embed(["periods of waiting"]) @ fitted.embed(texts).T
    assert near.argmax() == 0
    assert not fitted.embed(["xyz", ""]).any()


def test_an_embedder_of_nothing_knows_nothing() -> None:
    assert not GramEmbedder.fit([]).embed(["anything"]).any()


class Counting:
    name = "counting"

    def __init__(self) -> None:
        self.seen: list[str] = []

    def embed(self, texts: list[str]) -> Vectors:
        self.seen += texts
        return np.array([[len(text), 1.0] for text in texts], np.float32)


def test_only_new_texts_are_embedded_again(tmp_path: Path) -> None:
    embedder = Counting()
    first = embed_cached(embedder, ["a", "bb"], tmp_path)
    second = embed_cached(embedder, ["bb", "ccc"], tmp_path)
    assert embedder.seen == ["a", "bb", "ccc"]
    assert np.array_equal(first[1], second[0])


def test_importing_loads_nothing_heavy() -> None:
    code = (
        "import sys, knowledge.retriever, knowledge.documents, knowledge.intake, knowledge.prompt\n"
        "libraries = {'pypdfium2', 'pdfplumber', 'docx', 'lxml', 'kiwipiepy', 'PIL'}\n"
        "heavy = libraries | {'chromadb', 'langchain_core', 'sklearn', 'bm25s', 'numpy'}\n"
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=60)
