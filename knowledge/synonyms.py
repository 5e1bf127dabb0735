"""What people say against what the documents call it, as the operator wrote it down.

No offline embedder knows that "what I pay myself" is a deductible. A line of `synonyms.txt` says
so, in the form that search engines use: `pay myself, own share => deductible`.
Invariant: synonyms only add to a question; what it said itself is still searched for.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from knowledge.errors import UnreadableDocument
from knowledge.words import is_unspaced, normalise


@dataclass(frozen=True)
class Synonym:
    """Phrases of people and the term that the documents use."""

    phrases: tuple[str, ...]
    term: str


def parse_synonyms(text: str) -> tuple[Synonym, ...]:
    """Read lines of the form `phrase, phrase => term`; `#` opens a comment.

    Raises:
        UnreadableDocument: a line has another form.
    """
    found: list[Synonym] = []
    for number, line in enumerate(text.splitlines(), start=1):
        rule = line.split("#", 1)[0].strip()
        if not rule:
            continue
        left, arrow, term = rule.partition("=>")
        phrases = tuple(phrase for part in left.split(",") if (phrase := normalise(part).strip()))
        if not arrow or not phrases or not term.strip():
            raise UnreadableDocument(
                f"synonyms, line {number}: {line!r} is not of the form `phrase, phrase => term`"
            )
        found.append(Synonym(phrases, term.strip()))
    return tuple(found)


def read_synonyms(path: Path) -> tuple[Synonym, ...]:
    """Read a file of synonyms; there are none where there is no file."""
    return parse_synonyms(path.read_text(encoding="utf-8-sig")) if path.exists() else ()


def expand(question: str, synonyms: tuple[Synonym, ...]) -> str:
    """Return the question with the documents' terms behind it."""
    text = normalise(question)
    dense = re.sub(r"\s", "", text)
    terms = [s.term for s in synonyms if any(_holds(text, dense, p) for p in s.phrases)]
    return " ".join([question, *terms])


def _holds(text: str, dense: str, phrase: str) -> bool:
    if is_unspaced(phrase):
        return re.sub(r"\s", "", phrase) in dense
    return bool(re.search(rf"(?<!\w){re.escape(phrase)}(?!\w)", text))
