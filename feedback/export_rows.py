"""What people said as rows: three kinds that TRL reads as they are, or `raw` with nothing left out.

| signal               | kto                 | dpo                           | sft        |
|----------------------|---------------------|-------------------------------|------------|
| vote                 | one row             | –                             | if liked   |
| comparison left/right| –                   | one pair                      | –          |
| comparison both_bad  | two undesirable rows| –                             | –          |
| comparison tie       | –                   | –                             | –          |
| ranking              | –                   | the best against the worst    | –          |
| correction           | one desirable row   | corrected against the original| one row    |

Invariant: every row says who said what about which answer of whom, under the same names in every
kind of row.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime

from feedback.consent import Consent, Consents
from feedback.formats.shape import Row, Source
from feedback.rankings import Rankings, best_and_worst
from feedback.store import FeedbackStore
from feedback.types import (
    Comparison,
    Completion,
    Correction,
    Message,
    Ranking,
    Vote,
)

REMOVED = "the answer's texts were removed"
# Every column is in every row, and has a type in it: a reader that infers columns from a large
# file's beginning (`datasets`) fails at the first correction if `text` was null until then.
NOTHING: Row = {
    "liked": None,
    "outcome": "",
    "text": "",
    "comparison_id": "",
    "unblinded": False,
    "right_completion_id": "",
    "right_responder": "",
}
UNASKED: Row = {"agreed": None, "version": "", "at": ""}
"""The column `consent` of somebody who never answered about training."""


def _raw(store: FeedbackStore, left_out: Counter[str]) -> Iterator[Row]:
    """One row a record, with the answers it is about in full: what an import needs."""
    # With every row: a file that is only half imported trains on nobody who said no.
    answers = {consent.person: _consent(consent) for consent in Consents(store.database).all()}
    for row in _raw_rows(store):
        yield row | {"consent": answers.get(row["person"], UNASKED)}


def _raw_rows(store: FeedbackStore) -> Iterator[Row]:
    for vote, completion in store.iter_votes():
        said = {"reasons": list(vote.reasons), "comment": vote.comment}
        yield _raw_row(_vote_fields(vote, completion) | said, completion)
    for comparison, left, right in store.iter_comparisons():
        fields = _comparison_fields(comparison, left, right) | {"seconds": comparison.seconds}
        yield _raw_row(fields, left, right)
    for ranking, answers in Rankings(store.database).iter():
        yield _raw_row(_ranking_fields(ranking, answers), *answers)
    for correction, completion in store.iter_corrections():
        yield _raw_row(_correction_fields(correction, completion), completion)


def _kto(store: FeedbackStore, left_out: Counter[str]) -> Iterator[Row]:
    """`prompt`, `completion`, `label`: unpaired preferences."""
    for vote, completion in store.iter_votes():
        if _usable(left_out, completion):
            fields = _vote_fields(vote, completion)
            yield _unpaired(fields, completion, completion.text, label=vote.liked)
    for comparison, left, right in store.iter_comparisons():
        if comparison.outcome != "both_bad":
            left_out[f"comparison: {comparison.outcome}"] += 1
            continue
        fields = _comparison_fields(comparison, left, right)
        for side in (left, right):
            if store.vote(side.id, comparison.person) is not None:
                left_out["comparison: both_bad, and a vote on the side says it already"] += 1
            elif _usable(left_out, side):
                own = fields | {"completion_id": side.id, "responder": side.responder}
                yield _unpaired(own, side, side.text, label=False)
    for correction, completion in _corrections(store, left_out):
        fields = _correction_fields(correction, completion)
        yield _unpaired(fields, completion, correction.text, label=True)
    left_out["ranking"] = store.counts().rankings


def _dpo(store: FeedbackStore, left_out: Counter[str]) -> Iterator[Row]:
    """`prompt`, `chosen`, `rejected`: preference pairs."""
    for comparison, left, right in store.iter_comparisons():
        if comparison.outcome not in {"left", "right"}:
            left_out[f"comparison: {comparison.outcome}"] += 1
        elif _usable(left_out, left, right):
            fields = _comparison_fields(comparison, left, right)
            chosen, rejected = (left, right) if comparison.outcome == "left" else (right, left)
            yield from _pair(left_out, fields, left, chosen.text, rejected.text)
    for ranking, answers in Rankings(store.database).iter():
        ends = best_and_worst(ranking, answers)
        if ends is None:
            left_out["ranking: all equally good"] += 1
        elif _usable(left_out, *ends):
            best, worst = ends
            sides = {"right_completion_id": worst.id, "right_responder": worst.responder}
            fields = _fields("ranking", ranking, best, unblinded=ranking.unblinded) | sides
            yield from _pair(left_out, fields, best, best.text, worst.text)
    for correction, completion in store.iter_corrections():
        if _usable(left_out, completion):
            fields = _correction_fields(correction, completion)
            yield from _pair(left_out, fields, completion, correction.text, completion.text)
    left_out["vote"] = store.counts().votes


def _sft(store: FeedbackStore, left_out: Counter[str]) -> Iterator[Row]:
    """`messages`: conversations that end in an answer worth learning."""
    for vote, completion in store.iter_votes():
        if not vote.liked:
            left_out["vote: disliked"] += 1
        elif _usable(left_out, completion):
            yield _conversation(_vote_fields(vote, completion), completion, completion.text)
    left_out["comparison"] = store.counts().comparisons
    left_out["ranking"] = store.counts().rankings
    for correction, completion in _corrections(store, left_out):
        fields = _correction_fields(correction, completion)
        yield _conversation(fields, completion, correction.text)


ROWS: Mapping[Source, Callable[[FeedbackStore, Counter[str]], Iterator[Row]]] = {
    "kto": _kto,
    "dpo": _dpo,
    "sft": _sft,
    "raw": _raw,
}


def _vote_fields(vote: Vote, completion: Completion) -> Row:
    return _fields("vote", vote, completion, liked=vote.liked)


def _correction_fields(correction: Correction, completion: Completion) -> Row:
    return _fields("correction", correction, completion, text=correction.text)


def _comparison_fields(comparison: Comparison, left: Completion, right: Completion) -> Row:
    """Name the left side where other kinds name their only completion, the right one beside it."""
    return _fields("comparison", comparison, left, outcome=comparison.outcome) | {
        "comparison_id": comparison.id,
        "unblinded": comparison.unblinded,
        "right_completion_id": right.id,
        "right_responder": right.responder,
    }


def _ranking_fields(ranking: Ranking, answers: Sequence[Completion]) -> Row:
    """Name the answer shown first where other kinds name their only completion."""
    return _fields("ranking", ranking, answers[0]) | {
        "ranking_id": ranking.id,
        "answers": list(ranking.answers),
        "order": ranking.order,
        "unblinded": ranking.unblinded,
        "seconds": ranking.seconds,
    }


def _fields(
    kind: str,
    record: Vote | Comparison | Ranking | Correction,
    completion: Completion,
    **said: object,
) -> Row:
    return {
        "kind": kind,
        "person": record.person,
        "completion_id": completion.id,
        "responder": completion.responder,
        **(NOTHING | said),
        "created": iso(record.created),
        "updated": iso(record.updated),
    }


def _consent(consent: Consent) -> Row:
    return {"agreed": consent.agreed, "version": consent.version, "at": iso(consent.at)}


def _raw_row(fields: Row, *completions: Completion) -> Row:
    answers = [
        asdict(each) | {"created": iso(each.created), "updated": iso(each.updated), "block": None}
        for each in completions
    ]
    return fields | {"completion": fields["completion_id"], "completions": answers}


def _unpaired(fields: Row, completion: Completion, text: str, *, label: bool) -> Row:
    return fields | {
        "prompt": list(completion.messages),
        "completion": _answer(text),
        "label": label,
    }


def _pair(
    left_out: Counter[str], fields: Row, completion: Completion, chosen: str, rejected: str
) -> Iterator[Row]:
    if chosen == rejected:
        left_out[f"{fields['kind']}: both answers are the same"] += 1
        return
    yield fields | {
        "prompt": list(completion.messages),
        "chosen": _answer(chosen),
        "rejected": _answer(rejected),
        # TRL looks at any one of the columns it knows to tell messages from plain text, so
        # `completion` has to be messages in all formats that it reads.
        "completion": _answer(chosen),
    }


def _conversation(fields: Row, completion: Completion, text: str) -> Row:
    answer = _answer(text)
    return fields | {"messages": [*completion.messages, *answer], "completion": answer}


def _answer(text: str) -> list[Message]:
    return [{"role": "assistant", "content": text}]


def _corrections(
    store: FeedbackStore, left_out: Counter[str]
) -> Iterator[tuple[Correction, Completion]]:
    """Read the corrections whose question is still known; what was corrected may be anything."""
    for correction, completion in store.iter_corrections():
        if completion.messages:
            yield correction, completion
        else:
            left_out[REMOVED] += 1


def _usable(left_out: Counter[str], *completions: Completion) -> bool:
    """Tell whether there is something to learn from; the engine's failures are nobody's style."""
    if not all(each.messages for each in completions):
        left_out[REMOVED] += 1
        return False
    if all(each.text.strip() and each.status != "failed" for each in completions):
        return True
    left_out["the answer is empty or failed"] += 1
    return False


def iso(seconds: float) -> str:
    """Return Unix seconds as ISO 8601 in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds")
