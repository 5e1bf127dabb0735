"""What people said, as rows that a trainer understands: votes, comparisons, rankings, corrections.

Invariant: a row's `prompt` is exactly what the responder's model was asked, or of `agent` would
have been asked behind retrieval (training/served.py), in one spelling (training/tidy.py).
"""

import math
from collections import deque
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal, NamedTuple, TypeVar

from feedback.consent import ASK, Consents, Rule
from feedback.counting import votes_within
from feedback.rankings import Rankings, best_and_worst
from feedback.store import FeedbackStore
from feedback.types import Comparison, Completion, Correction, Message, Ranking, Vote
from training.consenting import consenting
from training.left_out import LeftOut, Said
from training.served import Turns, served_prompt, sound_by_heart, unusable
from training.tidy import tidied, tidy

Origin = Literal["vote", "comparison", "ranking", "correction"]
T = TypeVar("T")
OLDER = "older than the newest read"
NEWEST = 50_000
"""Feedback that a round looks at: ten times what it trains on, and what fits in memory."""


@dataclass(frozen=True, slots=True)
class UnpairedPreference:
    """One answer and whether it was liked."""

    prompt: Turns
    """The conversation as it was served, passages included."""
    completion: Turns
    label: bool
    person: str
    completion_id: str
    origin: Origin
    created: float
    question: Turns
    """The conversation as the person sent it, without passages."""
    by_heart: bool
    """Whether `question` and `completion` are a sound row of their own."""
    masked: tuple[str, ...] = ()
    """The rule that found it, for each piece of personal data that was masked."""
    responder: str = ""
    took: float | None = None
    """Seconds from the question to the vote; None: unknown, over the API others act for people."""
    on_page: bool = False
    """Whether the answer was asked for, and so judged, on the page: by a person, not a program."""
    block: str | None = None
    """Of whom only a cookie is known: the address block that they asked from, as a keyed hash."""
    accepted: bool = False
    """An operator has looked at it and stands by it: nobody's doubts set it aside."""


@dataclass(frozen=True, slots=True)
class PreferencePair:
    """Two answers to one prompt, the better one first."""

    prompt: Turns
    chosen: Turns
    rejected: Turns
    person: str
    chosen_id: str
    rejected_id: str
    origin: Origin
    created: float
    question: Turns
    by_heart: bool
    masked: tuple[str, ...] = ()
    block: str | None = None
    accepted: bool = False


@dataclass(frozen=True, slots=True)
class Preferences:
    """Everything of a window that can be trained on, and why the rest cannot."""

    unpaired: tuple[UnpairedPreference, ...]
    pairs: tuple[PreferencePair, ...]
    left_out: dict[str, int]
    reasons: Mapping[Said, str] = field(default_factory=dict)
    """Why something that was said gave no row."""


def read_preferences(
    store: FeedbackStore,
    *,
    since: float = 0.0,
    until: float = math.inf,
    current: Container[str] | None = None,
    newest: int = NEWEST,
    consent: Rule = ASK,
) -> Preferences:
    """Read a window of feedback.

    Args:
        store: Where feedback is kept.
        since: Feedback given at or after this time.
        until: Feedback given before this time: fixed once a round, so that a round can be repeated.
        current: The ids of the passages that the library holds now; None when that is not known.
        newest: How many votes, comparisons, rankings and corrections (each) are looked at.
        consent: Whose words may train; people who said no are left out whatever it is.
    """
    left_out = LeftOut()
    window = {"since": since, "until": until}
    refusal = Consents(store.database).refusing(consent)
    may = partial(consenting, refusal=refusal, left_out=left_out)
    votes = _votes(store, newest, refusal, left_out, **window)
    comparisons = _newest(may(store.iter_comparisons(**window)), newest, left_out)
    rankings = _newest(may(Rankings(store.database).iter(**window)), newest, left_out)
    corrections = _newest(may(store.iter_corrections(**window)), newest, left_out)
    said = (comparisons, corrections, rankings)
    rows = tuple(unpaired(votes, *said, current=current, left_out=left_out))
    # What cannot be used at all was counted as an answer already.
    pairs = tuple(paired(*said, current=current))
    return Preferences(rows, pairs, dict(left_out.counts), left_out.reasons)


def unpaired(
    votes: Iterable[tuple[Vote, Completion]],
    comparisons: Iterable[tuple[Comparison, Completion, Completion]] = (),
    corrections: Iterable[tuple[Correction, Completion]] = (),
    rankings: Iterable[tuple[Ranking, Sequence[Completion]]] = (),
    *,
    current: Container[str] | None = None,
    left_out: LeftOut | None = None,
) -> Iterator[UnpairedPreference]:
    """Yield a row for every answer that somebody judged; `left_out` counts the others by reason."""
    reasons = LeftOut() if left_out is None else left_out
    for vote, completion in votes:
        took = vote.updated - completion.created if completion.interface == "page" else None
        said = _By(vote.person, "vote", vote.updated, took)
        yield from _row(completion, completion.text, vote.liked, said, current, reasons)
    for comparison, *sides in comparisons:
        verdicts = _VERDICTS.get(str(comparison.outcome))
        if verdicts is None:
            reasons.add("tie", *(("comparison", side.id) for side in sides))
            continue
        said = _By(comparison.person, "comparison", comparison.updated)
        for completion, liked in zip(sides, verdicts, strict=True):
            yield from _row(completion, completion.text, liked, said, current, reasons)
    for ranking, answers in rankings:
        ends = best_and_worst(ranking, answers)
        if ends is None:
            reasons.add("tie", *(("ranking", answer.id) for answer in answers))
            continue
        said = _By(ranking.person, "ranking", ranking.updated)
        for completion, liked in zip(ends, (True, False), strict=True):
            yield from _row(completion, completion.text, liked, said, current, reasons)
    for correction, completion in corrections:
        said = _By(correction.person, "correction", correction.updated)
        yield from _row(completion, completion.text, False, said, current, reasons)
        # A correction is complete, whatever became of the answer that it corrects.
        whole = replace(completion, status="complete", finish_reason="stop")
        yield from _row(whole, correction.text, True, said, current, reasons)


def paired(
    comparisons: Iterable[tuple[Comparison, Completion, Completion]],
    corrections: Iterable[tuple[Correction, Completion]] = (),
    rankings: Iterable[tuple[Ranking, Sequence[Completion]]] = (),
    *,
    current: Container[str] | None = None,
) -> Iterator[PreferencePair]:
    """Yield a pair for every decided comparison, every ranking and every correction."""
    for comparison, left, right in comparisons:
        if comparison.outcome in ("left", "right"):
            better, worse = (left, right) if comparison.outcome == "left" else (right, left)
            said = _By(comparison.person, "comparison", comparison.updated)
            yield from _pair(better, worse, said, current)
    for ranking, answers in rankings:
        if ends := best_and_worst(ranking, answers):
            said = _By(ranking.person, "ranking", ranking.updated)
            yield from _pair(*ends, said, current)
    for correction, original in corrections:
        said = _By(correction.person, "correction", correction.updated)
        better = replace(original, text=correction.text, status="complete", finish_reason="stop")
        yield from _pair(better, original, said, current)


# For (left, right): was it liked?
_VERDICTS = {"left": (True, False), "right": (False, True), "both_bad": (False, False)}


class _By(NamedTuple):
    person: str
    origin: Origin
    at: float
    took: float | None = None


def _votes(
    store: FeedbackStore,
    newest: int,
    refusal: Callable[[str], str | None],
    left_out: LeftOut,
    **window: float,
) -> Sequence[tuple[Vote, Completion]]:
    """Read the newest votes that may train: only these, and more where some of them may not."""
    total, most = votes_within(store.database, **window), newest
    while True:
        refused = LeftOut()
        kept = list(consenting(store.iter_votes(**window, newest=most), refusal, refused))
        if len(kept) >= newest or most >= total:
            break
        most *= 2
    kept = kept[-newest:]
    left_out.counts.update(refused.counts)
    left_out.reasons.update(refused.reasons)
    # What was refused before the newest is not read: it is older, whatever its person said.
    if older := total - len(kept) - sum(refused.counts.values()):
        left_out.counts[OLDER] += older
    return kept


def _newest(items: Iterator[T], most: int, left_out: LeftOut) -> Sequence[T]:
    """Keep the end of a reading that is oldest first, in bounded memory."""
    kept: deque[T] = deque(maxlen=most)
    for item in items:
        if len(kept) == most:
            left_out.add(OLDER)
        kept.append(item)
    return kept


def _row(
    completion: Completion,
    text: str,
    liked: bool,
    said: _By,
    current: Container[str] | None,
    reasons: LeftOut,
) -> Iterator[UnpairedPreference]:
    reason = unusable(completion, text)
    if reason is not None:
        reasons.add(reason, (said.origin, completion.id))
        return
    yield UnpairedPreference(
        prompt=tidied(served_prompt(completion)),
        completion=_assistant(text),
        label=liked,
        person=said.person,
        completion_id=completion.id,
        origin=said.origin,
        created=said.at,
        question=tidied(completion.messages),
        by_heart=sound_by_heart(completion, text, current),
        responder=completion.responder,
        took=said.took,
        on_page=completion.interface == "page",
        block=completion.block,
    )


def _pair(
    better: Completion, worse: Completion, said: _By, current: Container[str] | None
) -> Iterator[PreferencePair]:
    sides = (better, worse)
    if any(unusable(side, side.text) for side in sides) or tidy(better.text) == tidy(worse.text):
        return
    prompt, question = tidied(served_prompt(worse)), tidied(worse.messages)
    by_heart = all(sound_by_heart(side, side.text, current) for side in sides)
    if tidied(served_prompt(better)) != prompt:
        # One side saw passages and the other none (or others): only the question is common.
        if not by_heart or tidied(better.messages) != question:
            return
        prompt = question
    yield PreferencePair(
        prompt=prompt,
        chosen=_assistant(better.text),
        rejected=_assistant(worse.text),
        person=said.person,
        chosen_id=better.id,
        rejected_id=worse.id,
        origin=said.origin,
        created=said.at,
        question=question,
        by_heart=by_heart,
        block=worse.block,
    )


def _assistant(text: str) -> Turns:
    return (Message(role="assistant", content=tidy(text)),)
