"""Example questions for an empty conversation, made from the documents on file.

Invariant: an example asks for something that a document says, so the first thing people try works.
"""

from collections.abc import Sequence
from pathlib import Path

from knowledge.chunks import Passage
from knowledge.errors import KnowledgeError
from knowledge.index import current_passages, current_version
from serving.ui.text import ChatWords

EXAMPLES = 4


class Examples:
    """Reads the index once a version and keeps the passages that examples can be made of."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._read: tuple[str, tuple[Passage, ...]] = ("", ())

    def questions(self, words: ChatWords) -> list[str]:
        """Return a few questions in the reader's language; none while nothing is indexed."""
        try:
            version = current_version(self._home)
            if version != self._read[0]:
                self._read = (version, current_passages(self._home))
        except (KnowledgeError, OSError):
            # Examples are a courtesy; an index that cannot be read is reported where it is used.
            return []
        return example_questions(self._read[1], words)


def example_questions(passages: Sequence[Passage], words: ChatWords) -> list[str]:
    """Return up to four questions, each about another document and another matter."""
    documents: dict[str, list[Passage]] = {}
    for passage in passages:
        if passage.language == words.language and passage.heading and _states_a_fact(passage):
            documents.setdefault(passage.document, []).append(passage)
    titles = sorted(documents)
    asked: list[Passage] = []
    for title in titles[:: max(1, len(titles) // EXAMPLES)][:EXAMPLES]:
        taken = {passage.heading for passage in asked}
        fresh = [p for p in documents[title] if p.heading not in taken]
        asked += fresh[:1]
    return [
        words.example.format(
            document=p.document, heading=p.heading[:1].lower() + p.heading[1:],
            particle="을" if _ends_in_consonant(p.heading) else "를",
        )
        for p in asked
    ]  # fmt: skip


def _states_a_fact(passage: Passage) -> bool:
    """Figures are what people ask for; a passage without any is often a preamble."""
    return any(character.isdigit() for character in passage.text)


def _ends_in_consonant(word: str) -> bool:
    """Tell which Korean particle follows; what is no Hangul syllable takes the vowel's."""
    last = ord(word[-1]) - 0xAC00
    return 0 <= last < 11172 and last % 28 != 0
