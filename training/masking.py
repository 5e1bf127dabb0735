"""Rows without personal data: nothing is trained on, or judged with, that could be somebody's.

Passages are masked too: they come from the operator's documents, but a model that has learned a
number by heart says it to anybody.

Invariant: in a row, prompt and answers, chosen and rejected share their placeholders; the form with
passages and the one without do too.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from feedback.masking import mask
from feedback.personal_rules import RULES
from training.curation import Curated
from training.preferences import PreferencePair, Preferences, Turns, UnpairedPreference
from training.split import Row


def masked(preferences: Preferences) -> Preferences:
    """Return a window's preferences with all that is personal masked; each row says by what."""
    return replace(
        preferences,
        unpaired=tuple(_answer(row) for row in preferences.unpaired),
        pairs=tuple(_pair(row) for row in preferences.pairs),
    )


def masked_questions(questions: Iterable[str]) -> list[str]:
    """Return questions as they stand in masked rows."""
    return [mask([question]).texts[0] for question in questions]


def report(curated: Curated) -> dict[str, Any]:
    """Say what was masked in the rows of a round.

    Returns:
        `rows`: how many rows something was masked in, of all parts. `found`: by kind and rule, how
        often, the same thing once a row.
    """
    rows = list(_rows(curated))
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        for rule in row.masked:
            found[RULES[rule].kind][rule] += 1
    return {
        "rows": sum(bool(row.masked) for row in rows),
        "found": {kind: dict(sorted(rules.items())) for kind, rules in sorted(found.items())},
    }


def _rows(curated: Curated) -> Iterator[Row]:
    # A row that is used in two forms is one row.
    forms = {id(form.row): form.row for form in (*curated.train, *curated.heldout)}
    yield from forms.values()
    yield from curated.judge
    yield from curated.check


def _answer(row: UnpairedPreference) -> UnpairedPreference:
    (question, completion, prompt), rules = _masked(row.question, row.completion, row.prompt)
    if not rules:
        return row
    return replace(row, question=question, completion=completion, prompt=prompt, masked=rules)


def _pair(row: PreferencePair) -> PreferencePair:
    conversation = (row.question, row.chosen, row.rejected, row.prompt)
    (question, chosen, rejected, prompt), rules = _masked(*conversation)
    if not rules:
        return row
    return replace(
        row, question=question, chosen=chosen, rejected=rejected, prompt=prompt, masked=rules
    )


def _masked(*conversation: Turns) -> tuple[list[Turns], tuple[str, ...]]:
    found = mask([text for turns in conversation for turn in turns for text in _texts(turn)])
    if not found.rules:
        return list(conversation), ()
    texts = iter(found.texts)
    return [tuple(_with(turn, texts) for turn in turns) for turns in conversation], found.rules


# What a turn says: its content, and what an assistant passes to a caller's functions. Names and ids
# are the caller's own.
def _texts(turn: Any) -> Iterator[str]:
    yield turn["content"]
    for call in turn.get("tool_calls") or ():
        yield call["function"]["arguments"]


def _with(turn: Any, texts: Iterator[str]) -> Any:
    changed = {**turn, "content": next(texts)}
    if turn.get("tool_calls"):
        changed["tool_calls"] = [
            {**call, "function": {**call["function"], "arguments": next(texts)}}
            for call in turn["tool_calls"]
        ]
    return changed
