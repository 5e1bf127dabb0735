"""The embedder that needs no download: character n-grams, TF-IDF, truncated SVD.

scikit-learn fits it at build; asking needs numpy only, so a web process never loads scikit-learn.
Invariant: it is stored as plain arrays beside the vectors that it made, and its name changes with
anything that would change a vector.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from knowledge.words import grams

Vectors = NDArray[np.float32]

_DIMENSIONS = 256
_MAX_GRAMS = 60_000  # 60 MB of components at most, however many documents there are
_ARRAYS, _GRAMS = "embedder.npz", "grams.json"


class Embedder(Protocol):
    """Anything that turns texts into vectors of length one."""

    @property
    def name(self) -> str:
        """Everything that decides what vector a text gets: model, version, settings."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return one row a text; a row of zeros where nothing is known of it."""


class GramEmbedder:
    """TF-IDF of character n-grams, projected to a few hundred dimensions."""

    def __init__(self, vocabulary: Sequence[str], idf: Vectors, components: Vectors) -> None:
        self._column = {gram: column for column, gram in enumerate(vocabulary)}
        self._idf = idf
        self._components = components  # one row an n-gram: a question only touches its own rows
        digest = hashlib.sha256(json.dumps(list(vocabulary)).encode())
        digest.update(idf.tobytes() + components.tobytes())
        self.name = f"grams-{digest.hexdigest()[:16]}"

    @classmethod
    def fit(cls, texts: Sequence[str]) -> "GramEmbedder":
        """Learn which n-grams tell these texts apart."""
        if not any(grams(text) for text in texts):
            return cls([], np.zeros(0, np.float32), np.zeros((0, 1), np.float32))
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.utils.extmath import randomized_svd

        vectorizer = TfidfVectorizer(
            analyzer=grams, sublinear_tf=True, max_features=_MAX_GRAMS, dtype=np.float32
        )
        weights = vectorizer.fit_transform(texts)
        dimensions = min(_DIMENSIONS, *weights.shape)
        _, _, components = randomized_svd(weights, n_components=dimensions, random_state=0)
        return cls(
            vectorizer.get_feature_names_out().tolist(),
            np.asarray(vectorizer.idf_, np.float32),
            np.ascontiguousarray(components.T, np.float32),
        )

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return one row a text."""
        rows = np.zeros((len(texts), self._components.shape[1]), np.float32)
        for row, text in zip(rows, texts, strict=True):
            counts = Counter(c for g in grams(text) if (c := self._column.get(g)) is not None)
            if not counts:
                continue
            columns = np.fromiter(counts, np.int64, len(counts))
            times = np.fromiter(counts.values(), np.float32, len(counts))
            weights = (1 + np.log(times)) * self._idf[columns]
            row[:] = weights @ self._components[columns]
            row /= max(float(np.linalg.norm(row)), 1e-12)
        return rows

    def save(self, folder: Path) -> None:
        """Write it into a folder as arrays and a list of strings."""
        np.savez(folder / _ARRAYS, idf=self._idf, components=self._components)
        grams_known = json.dumps(list(self._column), ensure_ascii=False)
        (folder / _GRAMS).write_text(grams_known, encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> "GramEmbedder":
        """Read what `save` wrote."""
        vocabulary = json.loads((folder / _GRAMS).read_text(encoding="utf-8"))
        with np.load(folder / _ARRAYS, allow_pickle=False) as arrays:
            return cls(vocabulary, arrays["idf"], arrays["components"])


def embed_cached(embedder: Embedder, texts: Sequence[str], folder: Path) -> Vectors:
    """Embed texts; those that this embedder has seen at an earlier build come from disk.

    The cache holds what the latest build used, so it never outgrows the library.
    """
    path = folder / f"{hashlib.sha256(embedder.name.encode()).hexdigest()[:16]}.npz"
    known: dict[str, Vectors] = {}
    if path.exists():
        with np.load(path, allow_pickle=False) as stored:
            known = dict(zip(stored["keys"].tolist(), stored["vectors"], strict=True))
    keys = [hashlib.sha256(text.encode()).hexdigest() for text in texts]
    missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
    if missing:
        fresh = embedder.embed(list(missing.values()))
        known.update(zip(missing, fresh, strict=True))
    if not keys:
        return np.zeros((0, 1), np.float32)
    vectors = np.stack([known[key] for key in keys]).astype(np.float32)
    folder.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial.npz")
    np.savez(partial, keys=np.array(keys), vectors=vectors)
    partial.replace(path)
    return vectors
