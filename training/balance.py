"""What KTO asks of its rows beyond what they say: an order, and weights for the two classes.

It never shuffles, so the order is a decision.

Within a batch every row's neighbour supplies the completion for the KL estimate. So a batch mixes
liked and disliked rows evenly, holds no question twice (the neighbour's answer would fit), and has
rows of one length: with passages or without, which halves the padding.

Invariant: the same rows and the same seed give the same order, and no row appears twice.
"""

from collections import deque
from collections.abc import Callable, Sequence
from random import Random
from typing import NamedTuple, TypeVar

T = TypeVar("T")


class ClassWeights(NamedTuple):
    """What liked and disliked rows weigh in KTO's loss."""

    desirable: float
    undesirable: float


def class_weights(liked: int, disliked: int, balance: float = 1.15) -> ClassWeights:
    """Weigh the rarer class up until liked to disliked is `balance`, changing one side only.

    KTO wants (desirable weight x liked) / (undesirable weight x disliked) between 1 and 4/3.
    """
    if not liked or not disliked or 1 <= liked / disliked <= 4 / 3:
        return ClassWeights(1.0, 1.0)
    ratio = liked / disliked
    if ratio < 1:
        return ClassWeights(round(balance / ratio, 4), 1.0)
    return ClassWeights(1.0, round(ratio / balance, 4))


def interleave(
    rows: Sequence[T],
    *,
    label: Callable[[T], bool],
    question: Callable[[T], str],
    long: Callable[[T], bool],
    batch: int,
    rng: Random,
) -> list[T]:
    """Return `rows` in batches of `batch`, the incomplete one last; a lone last row is dropped."""
    batches: list[list[T]] = []
    rest: list[T] = []
    for group in ([r for r in rows if long(r)], [r for r in rows if not long(r)]):
        mixed = _apart(_mixed(group, label, rng), question, batch)
        whole = len(mixed) // batch * batch
        batches.extend(mixed[i : i + batch] for i in range(0, whole, batch))
        rest.extend(mixed[whole:])
    # What is left of both lengths makes at most two more batches.
    rest = _apart(_mixed(rest, label, rng), question, batch)
    whole = len(rest) // batch * batch
    batches.extend(rest[i : i + batch] for i in range(0, whole, batch))
    rng.shuffle(batches)
    last = rest[whole:]
    # A batch of one has no neighbour, and with it no KL estimate.
    return [row for block in batches for row in block] + (last if len(last) > 1 else [])


def _mixed(rows: Sequence[T], label: Callable[[T], bool], rng: Random) -> list[T]:
    """Shuffle, and spread liked rows evenly among disliked ones."""
    placed = []
    for wanted in (True, False):
        side = [row for row in rows if label(row) is wanted]
        rng.shuffle(side)
        offset = rng.random()
        placed += [((i + offset) / len(side), wanted, row) for i, row in enumerate(side)]
    return [row for *_, row in sorted(placed, key=lambda item: item[:2])]


def _apart(rows: Sequence[T], question: Callable[[T], str], batch: int) -> list[T]:
    """Move a row to the next batch where its question is in this one already, if there is one."""
    waiting = deque(rows)
    ordered: list[T] = []
    while waiting:
        asked: set[str] = set()
        for _ in range(min(batch, len(waiting))):
            for skipped in range(len(waiting)):
                if question(waiting[skipped]) not in asked:
                    break
            else:
                skipped = 0
            row = waiting[skipped]
            del waiting[skipped]
            asked.add(question(row))
            ordered.append(row)
    return ordered
