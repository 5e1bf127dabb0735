"""The knowledge that answers draw on: always the version that `CURRENT` names.

A search that began in one version ends in it; the first search behind a flip opens the new one
while others go on in the old. Chroma and bm25s are loaded by the first search, not by importing.
Invariant: passages and the version that is returned with them belong together.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from knowledge.chunks import Passage
from knowledge.errors import KnowledgeError

if TYPE_CHECKING:
    from knowledge.embedding import Embedder
    from knowledge.langchain_retriever import PassageRetriever
    from knowledge.search import OpenIndex


@dataclass(frozen=True)
class Found:
    """What a search found, and where."""

    passages: tuple[Passage, ...]
    version: str


@dataclass
class _Held:
    """An open version and how many searches are in it."""

    index: "OpenIndex"
    searches: int = 0


class KnowledgeBase:
    """Searches the current version of the index, from any number of threads."""

    def __init__(self, home: Path, top_k: int = 3, embedder: "Embedder | None" = None) -> None:
        self.top_k = top_k
        self._home = home
        self._embedder = embedder
        self._held: _Held | None = None
        self._lock = threading.Lock()
        self._opening = threading.Lock()

    @property
    def version(self) -> str:
        """The version that a search would use now.

        Raises:
            NoIndex: nothing was ever built.
        """
        from knowledge.index import current_version

        return current_version(self._home)

    @property
    def retriever(self) -> "PassageRetriever":
        """The LangChain retriever over this knowledge; it follows `CURRENT` as well."""
        from knowledge.langchain_retriever import PassageRetriever

        return PassageRetriever(knowledge=self)

    def search(self, query: str) -> list[Passage]:
        """Return the best passages first.

        Raises:
            NoIndex: nothing was ever built.
        """
        return list(self.find(query).passages)

    def find(self, query: str) -> Found:
        """Return the best passages first, with the version that they come from.

        Raises:
            NoIndex: nothing was ever built.
        """
        with self._borrowed() as index:
            return Found(tuple(index.search(query, self.top_k)), index.version)

    def close(self) -> None:
        """Give the open version back."""
        with self._lock:
            held, self._held = self._held, None
        if held and not held.searches:
            held.index.close()

    @contextmanager
    def _borrowed(self) -> "Iterator[OpenIndex]":
        self._follow()
        with self._lock:
            held = self._held
            if held is None:
                raise KnowledgeError("this knowledge base was closed while it was asked")
            held.searches += 1
        try:
            yield held.index
        finally:
            with self._lock:
                held.searches -= 1
                unused = held is not self._held and not held.searches
            if unused:
                held.index.close()

    def _follow(self) -> None:
        """Open what `CURRENT` names, unless it is open or somebody else is opening it already."""
        held = self._held
        if held and held.index.version == self.version:
            return
        if not self._opening.acquire(blocking=self._held is None):
            return
        try:
            held = self._held
            if held and held.index.version == self.version:
                return
            fresh = _Held(self._open())
            with self._lock:
                old, self._held = self._held, fresh
                unused = old is not None and not old.searches
            if old and unused:
                old.index.close()
        finally:
            self._opening.release()

    def _open(self) -> "OpenIndex":
        from knowledge.search import OpenIndex

        while True:
            version = self.version
            try:
                return OpenIndex(self._home / "index" / version, self._embedder)
            except (KnowledgeError, OSError):
                # Several flips in a row may have removed it meanwhile: then there is a newer one.
                if self.version == version:
                    raise
