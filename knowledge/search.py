"""Searches one version: by meaning and by words, fused by rank, from the narrowest scope outwards.

What a question names decides more than how it is put: where it names a document, only that is
searched; otherwise passages in its language come before those in another.
Invariant: an open version never changes, so any number of threads may search it at once.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from knowledge.chunks import Passage
from knowledge.embedding import Embedder, GramEmbedder
from knowledge.errors import NoIndex
from knowledge.index import COLLECTION, OWN_EMBEDDER, READY, indexed_text, open_chroma
from knowledge.synonyms import Synonym, expand
from knowledge.words import detect_language, normalise, runs, words

_CANDIDATES = 20
_FUSION_K = 60


@dataclass(frozen=True)
class Scope:
    """Which passages a search is about: as rows, and as Chroma's filter."""

    rows: NDArray[np.bool_]
    where: dict[str, Any] | None


def fuse(rankings: Sequence[Sequence[int]], k: int = _FUSION_K) -> list[int]:
    """Merge rankings by reciprocal rank; of equals the one that the first ranking holds higher."""
    scores: dict[int, float] = defaultdict(float)
    for ranking in rankings:
        for rank, row in enumerate(ranking, start=1):
            scores[row] += 1 / (k + rank)
    return sorted(scores, key=lambda row: -scores[row])


class Names:
    """Finds the titles of documents in questions."""

    def __init__(self, texts: dict[str, str]) -> None:
        users: dict[str, set[str]] = defaultdict(set)
        for title, text in texts.items():
            for run in runs(text):
                users[run].add(title)
        few = max(2, len(texts) // 10)
        self._patterns = [
            (title, _pattern(title))
            for title in sorted(texts, key=len, reverse=True)
            # "Claims" names no document where the others use it as a word.
            if (own := runs(title)) and len(set.intersection(*(users[r] for r in own))) <= few + 1
        ]

    def take_from(self, question: str) -> tuple[list[str], str]:
        """Return the titles that a question holds, and the question without them."""
        named, rest = [], normalise(question)
        for title, pattern in self._patterns:
            # Longest first and cut out: "Travel Shield Plus" does not also name "Travel Shield".
            rest, times = pattern.subn(" ", rest)
            if times:
                named.append(title)
        return named, rest if words(rest) else question


def _pattern(title: str) -> re.Pattern[str]:
    # Korean writes the same name with and without spaces, and hangs particles on its end.
    inner = r"[\W_]*".join(re.escape(run) for run in runs(title))
    return re.compile(rf"(?<!\w){inner}(?![0-9a-z])")


class OpenIndex:
    """A version of the index, opened for reading."""

    def __init__(self, path: Path, embedder: Embedder | None = None) -> None:
        """Open a version.

        Raises:
            NoIndex: it is not there, or its vectors come from another embedder.
        """
        if not (path / READY).exists():
            raise NoIndex(f"index {path} is not ready; build it again")
        about = json.loads((path / "about.json").read_text(encoding="utf-8"))
        given = embedder.name if embedder else OWN_EMBEDDER
        if about["embedder"] != given:
            raise NoIndex(
                f"index {path} was built by embedder {about['embedder']!r}, not {given!r}; "
                "build it again"
            )
        self.version = path.name
        self.passages = tuple(Passage(**row) for row in about["passages"])
        self._synonyms = tuple(
            Synonym(tuple(row["phrases"]), row["term"]) for row in about["synonyms"]
        )
        self._embedder: Embedder = embedder or GramEmbedder.load(path)
        self._languages = np.array([p.language for p in self.passages], dtype=object)
        self._titles = np.array([p.document for p in self.passages], dtype=object)
        self._names = Names(_texts_by_title(self.passages))
        self._words = _open_words(path / "words")
        self._client = open_chroma(path / "chroma")
        self._vectors = self._client.get_collection(COLLECTION, embedding_function=None)

    def search(self, question: str, top_k: int) -> list[Passage]:
        """Return the best passages first; none where nothing resembles the question."""
        named, rest = self._names.take_from(question)
        text = expand(rest, self._synonyms)
        vector = self._embedder.embed([text])[0]
        found: dict[int, None] = {}  # ordered, and each once
        for scope in self._scopes(named, detect_language(question)):
            ranked = fuse([self._by_meaning(vector, scope), self._by_words(text, scope)])
            found.update(dict.fromkeys(ranked))
            if len(found) >= top_k:
                break
        return [self.passages[row] for row in list(found)[:top_k]]

    def close(self) -> None:
        """Give the files back; searching is over."""
        self._client.close()

    def _scopes(self, named: list[str], language: str) -> Iterator[Scope]:
        """Yield where to look; what the question names is never filled up with other documents.

        A neighbour's article on the same subject looks right and states another product's facts.
        """
        spoken = self._languages == language
        in_language = {"language": language}
        if named:
            meant = np.isin(self._titles, named)
            in_named = {"document": {"$in": named}}
            if (spoken & meant).any():
                yield Scope(spoken & meant, {"$and": [in_language, in_named]})
            else:
                yield Scope(meant, in_named)
            return
        if spoken.any():
            yield Scope(spoken, in_language)
        yield Scope(np.ones(len(self.passages), bool), None)

    def _by_meaning(self, vector: NDArray[np.float32], scope: Scope) -> list[int]:
        if not vector.any() or not scope.rows.any():
            return []
        answer = self._vectors.query(
            query_embeddings=[vector],
            n_results=min(_CANDIDATES, int(scope.rows.sum())),
            where=scope.where,
            include=["distances"],
        )
        near = zip(answer["ids"][0], answer["distances"][0], strict=True)
        return [int(row) for row, distance in near if distance < 1]

    def _by_words(self, text: str, scope: Scope) -> list[int]:
        asked = words(text)
        if self._words is None or not asked:
            return []
        scores = self._words.get_scores(asked)
        rows = np.flatnonzero((scores > 0) & scope.rows)
        best = rows[np.argsort(-scores[rows], kind="stable")]
        return [int(row) for row in best[:_CANDIDATES]]


def _texts_by_title(passages: Sequence[Passage]) -> dict[str, str]:
    texts: dict[str, list[str]] = defaultdict(list)
    for passage in passages:
        texts[passage.document].append(indexed_text(passage))
    return {title: "\n".join(parts) for title, parts in texts.items()}


def _open_words(folder: Path) -> Any:
    if not folder.exists():
        return None
    import bm25s

    return bm25s.BM25.load(folder, show_progress=False)
