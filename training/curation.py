"""Which rows a round learns from, which ones judge it, and why the others are left out.

The order matters: people are split into train, judge and check before anything else looks at their
rows, so that no rule and no fit can carry one person's taste from one part into another. Conflicts
and duplicates are settled in the train part only; in judge and check every vote stays what somebody
said, because that is what the judge must predict.

A question is a cluster of nearly the same ones: it is trained on, held out or judges, never two of
these, and nothing near a question of the gate is used at all.

Invariant: the result depends on rows, rules and seed alone, and every row is either used or counted
under the reason why not (an answer that is used twice, with and without passages, counts twice).
"""

from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Literal

from training.balance import interleave
from training.flips import Flips, flips
from training.forms import TrainRow, agreed, answers_of, forms_of, said_by
from training.leaks import Asked
from training.left_out import LeftOut, Said
from training.places import places
from training.preferences import PreferencePair, Preferences, UnpairedPreference
from training.shares import ShareRules, weighed
from training.split import (
    PARTS,
    Part,
    R,
    Row,
    held_questions,
    is_liked,
    question_key,
)
from training.trust import Doubts, TrustRules
from training.trust import doubts as find_doubts
from training.voters import Voter, voters

Method = Literal["kto", "dpo"]

# A thumb is about this answer; a comparison only says which of two was better.
_DIRECTNESS = {"vote": 0, "correction": 1, "comparison": 2, "ranking": 2}


@dataclass(frozen=True)
class Rules:
    """How curation is done; the defaults fit rounds of a hundred to a few thousand votes."""

    rows_max: int = 5_000
    """Training rows of a round: the newest are kept."""
    judged_max: int = 2_000
    """Rows of the judge part and of the check part, each."""
    shares: tuple[float, float, float] = (0.6, 0.2, 0.2)
    """Of the votes, for train, judge and check."""
    heldout: float = 0.15
    """Share of the train part's questions that training never sees, for early stopping."""
    most: ShareRules = field(default_factory=ShareRules)
    """What one person, one question and one address block may contribute to the train part."""
    trust: TrustRules = field(default_factory=TrustRules)
    """Whose votes are set aside."""
    similarity: float = 0.8
    """Jaccard similarity of character 5-grams from which a question counts as a protected one."""
    longest: int = 8_000
    """Characters of an answer: training would cut a longer one, its end with it."""
    batch: int = 16
    """Rows of one training batch, within which no question occurs twice."""


@dataclass(frozen=True)
class Curated:
    """A round's rows in the order in which they are trained on, and the parts that judge it."""

    method: Method
    train: tuple[TrainRow, ...]
    heldout: tuple[TrainRow, ...]
    judge: tuple[UnpairedPreference, ...]
    check: tuple[UnpairedPreference, ...]
    left_out: dict[str, int]
    split_by: Literal["person", "question"]
    people: dict[Part, int]
    seed: int
    rules: Rules = field(default_factory=Rules)
    reasons: Mapping[Said, str] = field(default_factory=dict)
    """Why a form of something that was said is left out; another form of it may be used."""
    voters: tuple[Voter, ...] = ()
    """The people of the train part, and how far each one's word goes."""
    flips: Flips = field(default_factory=Flips)
    """How often the choices that train are turned when they are asked for again."""


def curate(
    preferences: Preferences,
    *,
    method: Method,
    seed: int,
    protected: Iterable[str] = (),
    rules: Rules | None = None,
    blocked: Container[str] = (),
    restored: Container[str] = (),
) -> Curated:
    """Split, clean and order a window's preferences for one round of training.

    Args:
        preferences: The window.
        method: `kto` trains on single answers, `dpo` on pairs; the judge fits single answers.
        seed: Decides the split and the order.
        protected: Questions of the gate's suites: nothing near them may be trained on.
        rules: Shares, caps and thresholds.
        blocked: People who have no word, by an operator's decision.
        restored: People whose votes no rule of trust sets aside or weighs, likewise.
    """
    rules = rules or Rules()
    left_out = LeftOut(preferences.left_out, preferences.reasons)
    # With KTO a pair is two answers, and those are rows already.
    offered = preferences.pairs if method == "dpo" else ()
    asked = Asked([*preferences.unpaired, *offered], protected, rules.similarity)
    refused = partial(_refused, asked=asked, blocked=blocked, longest=rules.longest)
    answers = _said_once(_allowed(preferences.unpaired, refused, left_out), left_out)
    pairs = _allowed(offered, refused, left_out)
    part_of, split_by = places([*answers, *pairs], asked.cluster, rules.shares, seed)
    parts = _parted(answers, part_of, left_out)
    mine = _parted(pairs, part_of, left_out)["train"]
    if method == "dpo":
        for row in parts["train"]:
            # What else was said is pairs; what becomes of those is noted below.
            count = left_out.add if row.origin == "vote" else left_out.note
            count("vote without a pair", *said_by(row))
    given: Sequence[Row] = mine if method == "dpo" else parts["train"]
    doubts = find_doubts(parts["train"], rules.trust, restored)
    believed = _trusted(given, doubts, left_out)
    kept, cut = weighed(believed, doubts.weight, asked.cluster, rules.most, left_out)
    forms = agreed(forms_of(kept), left_out)
    train, heldout = _ordered(forms, rules, seed, asked, left_out)
    judge, check = (_newest(parts[name], rules.judged_max, left_out) for name in PARTS[1:])
    used: dict[Part, Iterable[Row]] = {
        "train": [form.row for form in (*train, *heldout)],
        "judge": judge,
        "check": check,
    }
    return Curated(
        method=method,
        train=train,
        heldout=heldout,
        judge=judge,
        check=check,
        left_out=left_out.in_order(),
        split_by=split_by,
        people={part: len({row.person for row in rows}) for part, rows in used.items()},
        seed=seed,
        rules=rules,
        reasons=left_out.reasons,
        voters=voters(given, [form.row for form in (*train, *heldout)], cut, doubts),
        flips=flips([row for row in believed if isinstance(row, PreferencePair)]),
    )


def shortage(curated: Curated, fewest: int = 8) -> str | None:
    """Say what is missing before a round can be trained at all, or None."""
    batch = curated.rules.batch
    if len(curated.train) < batch:
        return (
            f"only {len(curated.train)} training rows are left after curation, {batch} are needed: "
            "collect more feedback"
        )
    if curated.method == "dpo":
        return None
    labels = Counter(is_liked(item.row) for item in curated.train)
    for label, word in ((True, "liked"), (False, "disliked")):
        if labels[label] < fewest:
            return (
                f"only {labels[label]} {word} answers are left after curation, {fewest} are "
                "needed: a model cannot learn a preference from one side"
            )
    return None


def _newest_first(row: Row) -> tuple[float, str, str]:
    if isinstance(row, UnpairedPreference):
        return (-row.created, row.completion_id, row.completion[0]["content"])
    return (-row.created, row.rejected_id, row.chosen[0]["content"])


def _allowed(rows: Iterable[R], refused: Callable[[Row], str | None], left_out: LeftOut) -> list[R]:
    kept = []
    for row in sorted(rows, key=_newest_first):
        reason = refused(row)
        if reason is None:
            kept.append(row)
        else:
            left_out.add(reason, *said_by(row))
    return kept


def _refused(row: Row, *, asked: Asked, blocked: Container[str], longest: int) -> str | None:
    """Return why a row is used in no part, or None."""
    if row.person in blocked:
        return "blocked by an operator"
    if any(len(text) > longest for text in answers_of(row)):
        return "answer too long"
    if asked.protected(row):
        return "close to a protected question"
    return None


def _parted(
    rows: Iterable[R], part_of: Callable[[Row], Part | None], left_out: LeftOut
) -> dict[Part, list[R]]:
    parts: dict[Part, list[R]] = {part: [] for part in PARTS}
    for row in rows:
        part = part_of(row)
        if part is None:
            left_out.add("close to a question of another part", *said_by(row))
        else:
            parts[part].append(row)
    return parts


def _said_once(rows: Iterable[UnpairedPreference], left_out: LeftOut) -> list[UnpairedPreference]:
    """Keep the most direct thing that a person said of an answer: the thumb, if there is one."""
    best: dict[tuple[str, str, str], UnpairedPreference] = {}
    for row in rows:
        key = (row.person, row.completion_id, row.completion[0]["content"])
        known = best.setdefault(key, row)
        if known is not row:
            better, worse = sorted((known, row), key=lambda each: _DIRECTNESS[each.origin])
            best[key] = better
            left_out.add("said in another way too", *said_by(worse))
    return sorted(best.values(), key=_newest_first)


def _newest(
    rows: Sequence[UnpairedPreference], most: int, left_out: LeftOut
) -> tuple[UnpairedPreference, ...]:
    for row in rows[most:]:
        left_out.add("older than the newest rows", *said_by(row))
    return tuple(rows[:most])


def _trusted(rows: Iterable[Row], doubts: Doubts, left_out: LeftOut) -> list[Row]:
    kept = []
    for row in rows:
        reason = doubts.about(row)
        if reason is None:
            kept.append(row)
        else:
            left_out.add(reason, *said_by(row))
    return kept


def _ordered(
    forms: Sequence[TrainRow], rules: Rules, seed: int, asked: Asked, left_out: LeftOut
) -> tuple[tuple[TrainRow, ...], tuple[TrainRow, ...]]:
    """Keep the newest, hold whole questions out for early stopping, and order the rest."""
    ordered = sorted(forms, key=lambda form: _newest_first(form.row))
    newest = ordered[: rules.rows_max]
    for form in ordered[rules.rows_max :]:
        left_out.add("older than the newest rows", *said_by(form.row))
    held = held_questions((form.row for form in newest), rules.heldout, seed, asked.cluster)
    train = [form for form in newest if asked.cluster(form.row) not in held]
    batches = interleave(
        train,
        label=lambda form: is_liked(form.row),
        question=lambda form: question_key(form.row),
        long=lambda form: form.prompt != form.row.question,
        batch=rules.batch,
        rng=Random(f"{seed} order"),
    )
    used = {id(form) for form in batches}
    for form in train:
        if id(form) not in used:
            left_out.add("alone in the last batch", *said_by(form.row))
    return tuple(batches), tuple(form for form in newest if asked.cluster(form.row) in held)
