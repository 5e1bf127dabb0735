"""What operators say of answers, done to the rows: left out, corrected, or taken without doubts.

| ruling  | KTO rows | DPO pairs |
|---------|----------|-----------|
| exclude | none of what was said of the answer | none in which it is a side |
| fix     | a correction's, of its person; that it was liked is left out | one: fixed, original |
| accept  | as they are; trust sets none of them aside | likewise |

Invariant: only what was said up to the review is accepted; an exclusion and a fix outlast what the
person says later.
"""

import math
from collections.abc import Callable, Container, Iterator
from dataclasses import replace

from feedback.consent import ASK, Consents, Rule
from feedback.reviews import Reviews, Rulings
from feedback.store import FeedbackStore
from training.consenting import consenting
from training.forms import said_by
from training.left_out import LeftOut
from training.preferences import (
    Preferences,
    UnpairedPreference,
    paired,
    read_preferences,
    unpaired,
)
from training.split import R

EXCLUDED = "excluded by an operator"


def read_reviewed(
    store: FeedbackStore,
    *,
    until: float = math.inf,
    current: Container[str] | None = None,
    consent: Rule = ASK,
) -> Preferences:
    """Read the feedback up to a time as rows, with all that operators had said of it by then.

    Args:
        store: Where feedback is kept.
        until: What was said or ruled later is not read.
        current: The ids of the passages that the library holds now; None when that is not known.
        consent: Whose words may train; a question that is answered anew is its person's.
    """
    found = read_preferences(store, until=until, current=current, consent=consent)
    rulings = Reviews(store.database).rulings(until)
    left_out = LeftOut(found.left_out, found.reasons)
    refusal = Consents(store.database).refusing(consent)
    fixes = tuple(consenting(rulings.fixes, refusal=refusal, left_out=left_out))
    found = replace(found, left_out=dict(left_out.counts), reasons=left_out.reasons)
    return reviewed(found, replace(rulings, fixes=fixes), current)


def reviewed(
    preferences: Preferences, rulings: Rulings, current: Container[str] | None = None
) -> Preferences:
    """Return a window's preferences as the rulings have them.

    Args:
        preferences: The window.
        rulings: Of operators.
        current: The ids of the passages that the library holds now, as of the window.
    """
    left_out = LeftOut(preferences.left_out, preferences.reasons)
    fixed = {completion.id for _, completion in rulings.fixes}
    answers = [
        row
        for row in _ruled(preferences.unpaired, rulings, left_out.add)
        if not _contradicted(row, fixed, left_out)
    ]
    # What is counted above is not counted again: a pair is two answers.
    pairs = list(_ruled(preferences.pairs, rulings, left_out.note))
    fixes = unpaired((), (), rulings.fixes, current=current, left_out=left_out)
    answers += [replace(row, accepted=True) for row in fixes]
    pairs += [replace(pair, accepted=True) for pair in paired((), rulings.fixes, current=current)]
    return replace(
        preferences,
        unpaired=tuple(answers),
        pairs=tuple(pairs),
        left_out=dict(left_out.counts),
        reasons=left_out.reasons,
    )


def _ruled(rows: tuple[R, ...], rulings: Rulings, leave: Callable[..., None]) -> Iterator[R]:
    for row in rows:
        about = [completion_id for _, completion_id in said_by(row)]
        if not rulings.excluded.isdisjoint(about):
            leave(EXCLUDED, *said_by(row))
        elif any(rulings.accepted.get(id_, -math.inf) >= row.created for id_ in about):
            yield replace(row, accepted=True)
        else:
            yield row


def _contradicted(row: UnpairedPreference, fixed: Container[str], left_out: LeftOut) -> bool:
    """Tell whether somebody likes what an operator has corrected; their own correction stays."""
    wrong = row.label and row.origin != "correction" and row.completion_id in fixed
    if wrong:
        left_out.add(EXCLUDED, *said_by(row))
    return wrong
