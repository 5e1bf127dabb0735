"""Builds a version of the index: Chroma for meaning, bm25s for words, in a folder of its own.

A version is named by its content. It is built aside, gets READY as its last file, is renamed to its
name, and only then `CURRENT` is flipped to it by renaming.
Invariant: nothing is written into a version that can be read, and whoever dies before the flip
leaves the version before it in service.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from knowledge.chunks import BY_CHARACTERS, Cut, Passage, chunk
from knowledge.documents import SYNONYMS, Library
from knowledge.embedding import Embedder, GramEmbedder, Vectors, embed_cached
from knowledge.errors import NoIndex
from knowledge.files import one_writer, write_atomically
from knowledge.synonyms import Synonym, read_synonyms
from knowledge.words import words

CURRENT, READY = "CURRENT", "READY"
_ABOUT = "about.json"
COLLECTION = "passages"
OWN_EMBEDDER = "grams"
# Raise it whenever files change or text is cut into words otherwise: then nothing old is reused.
_FORMAT = 1
_KEPT = 3
_UNFINISHED = ".building-"


@dataclass(frozen=True)
class IndexVersion:
    """A version that can be read."""

    version: str
    path: Path
    passages: int


def indexed_text(passage: Passage) -> str:
    """Return what a passage is found by: title and heading count as much as its body."""
    return f"{passage.document}. {passage.heading}. {passage.text}"


def current_version(home: Path) -> str:
    """Return the version that searches use.

    Raises:
        NoIndex: nothing was ever built.
    """
    try:
        return (home / "index" / CURRENT).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        raise NoIndex(f"no index in {home / 'index'}; add documents, which builds one") from None


def current_passages(home: Path) -> tuple[Passage, ...]:
    """Return what searches may find now.

    Raises:
        NoIndex: nothing was ever built.
    """
    about = home / "index" / current_version(home) / _ABOUT
    rows = json.loads(about.read_text(encoding="utf-8"))["passages"]
    return tuple(Passage(**row) for row in rows)


def rebuild(home: Path, embedder: Embedder | None = None, cut: Cut = BY_CHARACTERS) -> IndexVersion:
    """Index the library as it is now and put the result into service.

    The embedder is asked only for passages that no earlier build had: those of changed documents.
    """
    documents = Library(home).documents()
    return build_index(home, [p for document in documents for p in chunk(document, cut)], embedder)


def build_index(
    home: Path, passages: Sequence[Passage], embedder: Embedder | None = None
) -> IndexVersion:
    """Build a version of these passages and put it into service.

    Args:
        home: Where `index/` is; the library's synonyms are taken along.
        passages: What shall be found; a passage that occurs twice counts once.
        embedder: Another one than the n-grams that are fitted here; readers must pass it too.
    """
    folder = home / "index"
    unique = list({passage.id: passage for passage in passages}.values())
    synonyms = read_synonyms(home / "documents" / SYNONYMS)
    version = _version(unique, synonyms, embedder.name if embedder else OWN_EMBEDDER)
    target = folder / version
    with one_writer(folder):
        _clear_unfinished(folder)
        if not (target / READY).exists():
            _build(folder, target, unique, synonyms, embedder)
        os.utime(target / READY)  # the order in which versions were in service
        write_atomically(folder / CURRENT, version.encode())
        _drop_old(folder, version)
    return IndexVersion(version, target, len(unique))


def _version(passages: list[Passage], synonyms: tuple[Synonym, ...], embedder: str) -> str:
    content = [
        _FORMAT,
        embedder,
        [asdict(passage) for passage in passages],
        [asdict(synonym) for synonym in synonyms],
    ]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


def _build(
    folder: Path,
    target: Path,
    passages: list[Passage],
    synonyms: tuple[Synonym, ...],
    embedder: Embedder | None,
) -> None:
    building = Path(tempfile.mkdtemp(dir=folder, prefix=_UNFINISHED))
    texts = [indexed_text(passage) for passage in passages]
    if embedder is None:
        fitted = GramEmbedder.fit(texts)
        fitted.save(building)
        vectors = fitted.embed(
            texts
        )  # fitted anew each time: there is nothing to take from a cache
    else:
        vectors = embed_cached(embedder, texts, folder / "embeddings")
    _write_words(building / "words", texts)
    _write_vectors(building / "chroma", passages, vectors)
    about = {
        "embedder": embedder.name if embedder else OWN_EMBEDDER,
        "passages": [asdict(passage) for passage in passages],
        "synonyms": [asdict(synonym) for synonym in synonyms],
    }
    (building / _ABOUT).write_text(json.dumps(about, ensure_ascii=False), encoding="utf-8")
    (building / READY).touch()
    shutil.rmtree(target, ignore_errors=True)  # a folder without READY, from an interrupted removal
    building.rename(target)


def _write_words(folder: Path, texts: list[str]) -> None:
    if not any(words(text) for text in texts):
        return
    import bm25s

    # numpy: compiling for numba takes longer than a search through a million passages.
    model = bm25s.BM25(backend="numpy")
    model.index([words(text) for text in texts], show_progress=False)
    model.save(folder, show_progress=False)


def _write_vectors(folder: Path, passages: list[Passage], vectors: Vectors) -> None:
    with open_chroma(folder) as client:
        # Chroma's own embedder is downloaded at first use: none, and vectors always given.
        collection = client.create_collection(
            COLLECTION, embedding_function=None, configuration={"hnsw": {"space": "cosine"}}
        )
        size = client.get_max_batch_size()
        # A text without a known n-gram has no direction, and cosine none to measure from.
        rows = [row for row in range(len(passages)) if vectors[row].any()]
        for start in range(0, len(rows), size):
            batch = rows[start : start + size]
            collection.add(
                ids=[str(row) for row in batch],
                embeddings=vectors[batch],
                metadatas=[
                    {"language": passages[row].language, "document": passages[row].document}
                    for row in batch
                ],
            )


def open_chroma(folder: Path) -> Any:
    """Open a Chroma database that lives in one folder and tells nobody about it."""
    import chromadb

    settings = chromadb.Settings(anonymized_telemetry=False)
    return chromadb.PersistentClient(str(folder), settings=settings)


def _clear_unfinished(folder: Path) -> None:
    """Remove what killed builders left; we hold the lock, so nobody is building now."""
    for left in folder.glob(f"{_UNFINISHED}*"):
        shutil.rmtree(left)


def _drop_old(folder: Path, current: str) -> None:
    """Keep the versions that were in service last: a reader may still be asking them."""
    ready = sorted(folder.glob(f"*/{READY}"), key=lambda mark: mark.stat().st_mtime_ns)
    for mark in ready[:-_KEPT]:
        if mark.parent.name != current:
            mark.unlink()
            shutil.rmtree(mark.parent)
