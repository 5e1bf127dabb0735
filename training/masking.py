"""Rows without personal data: nothing is trained on, or judged with, that could be somebody's.

What stands in a row's passages is not personal: it is published to everybody who asks, and a model
that never sees the organisation's own number in an answer learns to say a placeholder instead.

Invariant: in a row, prompt and answers, chosen and rejected share their placeholders; the form with
passages and the one without do too. An answer to learn from says no placeholder that its prompt
does not hold.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from feedback.masking import mask, placeholders
from feedback.personal_rules import RULES
from training.curation import Curated
from training.left_out import LeftOut
from training.preferences import PreferencePair, Preferences, UnpairedPreference
from training.served import Turns
from training.split import Row

_SHARED = ("question", "completion", "prompt", "masked")
UNFOUNDED = "personal data that the question does not hold"
"""Why a row is left out whose answer says somebody's address that nobody gave it."""


def masked(preferences: Preferences) -> Preferences:
    """Return a window's preferences with all that is personal masked; each row says by what.

    Left out is what would teach to say a placeholder that its prompt does not hold.
    """
    left_out = LeftOut(preferences.left_out, preferences.reasons)
    answers, pairs = [], []
    for row in _answers(preferences.unpaired):
        if row.label and _invents(row.completion, row.prompt):
            left_out.add(UNFOUNDED, (row.origin, row.completion_id))
        else:
            sound = row.by_heart and not _invents(row.completion, row.question)
            answers.append(replace(row, by_heart=sound) if sound != row.by_heart else row)
    for pair in map(_pair, preferences.pairs):
        if _invents(pair.chosen, pair.prompt):
            # The same answer is counted above: a pair is two of those.
            left_out.note(UNFOUNDED, (pair.origin, pair.chosen_id), (pair.origin, pair.rejected_id))
        else:
            sound = pair.by_heart and not _invents(pair.chosen, pair.question)
            pairs.append(replace(pair, by_heart=sound) if sound != pair.by_heart else pair)
    return replace(
        preferences,
        unpaired=tuple(answers),
        pairs=tuple(pairs),
        left_out=dict(left_out.counts),
        reasons=left_out.reasons,
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


def _answers(rows: Iterable[UnpairedPreference]) -> Iterator[UnpairedPreference]:
    """Mask every answer once, however many judge it."""
    known: dict[tuple[str, str], UnpairedPreference] = {}
    for row in rows:
        key = (row.completion_id, row.completion[-1]["content"])
        first = known.get(key)
        if first is None:
            known[key] = _answer(row)
            yield known[key]
        else:
            shared = {name: getattr(first, name) for name in _SHARED}
            yield replace(row, **shared)


def _answer(row: UnpairedPreference) -> UnpairedPreference:
    conversation = (row.question, row.completion, row.prompt)
    (question, completion, prompt), rules = _masked(*conversation, public=_passages(row))
    if not rules:
        return row
    return replace(row, question=question, completion=completion, prompt=prompt, masked=rules)


def _pair(row: PreferencePair) -> PreferencePair:
    conversation = (row.question, row.chosen, row.rejected, row.prompt)
    (question, chosen, rejected, prompt), rules = _masked(*conversation, public=_passages(row))
    if not rules:
        return row
    return replace(
        row, question=question, chosen=chosen, rejected=rejected, prompt=prompt, masked=rules
    )


def _passages(row: Row) -> str:
    """Return what was put before the question."""
    asked, served = (
        next((turn["content"] for turn in reversed(turns) if turn["role"] == "user"), "")
        for turns in (row.question, row.prompt)
    )
    # What does not end with the question is no prompt of ours: nothing in it is known as public.
    return served.removesuffix(asked) if asked and served.endswith(asked) else ""


def _invents(answer: Turns, prompt: Turns) -> bool:
    said = _placeholders(answer)
    return bool(said) and not said <= _placeholders(prompt)


def _placeholders(turns: Turns) -> frozenset[str]:
    return placeholders(*(text for turn in turns for text in _texts(turn)))


def _masked(*conversation: Turns, public: str) -> tuple[list[Turns], tuple[str, ...]]:
    texts_of = [text for turns in conversation for turn in turns for text in _texts(turn)]
    found = mask(texts_of, public)
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
