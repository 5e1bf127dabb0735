"""A preference in the forms that are trained on, and what people say of the same answer settled.

Invariant: of one answer to one prompt, in one form, there is one row and one verdict.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from training.left_out import LeftOut, Said
from training.preferences import UnpairedPreference
from training.served import Turns
from training.split import Row, is_liked, text_of


class TrainRow(NamedTuple):
    """A preference in one of its forms: `prompt` is with or without passages."""

    prompt: Turns
    row: Row


def said_by(row: Row) -> tuple[Said, ...]:
    """Return what a row stands for."""
    if isinstance(row, UnpairedPreference):
        return ((row.origin, row.completion_id),)
    return ((row.origin, row.chosen_id), (row.origin, row.rejected_id))


def forms_of(rows: Iterable[Row]) -> list[TrainRow]:
    """Write every row as it was served and, if liked and sound by heart, without passages too."""
    forms = []
    for row in rows:
        forms.append(TrainRow(row.prompt, row))
        if row.by_heart and is_liked(row) and row.question != row.prompt:
            forms.append(TrainRow(row.question, row))
    return forms


def agreed(forms: Sequence[TrainRow], left_out: LeftOut) -> list[TrainRow]:
    """Settle what was said about the same answer to the same prompt: the majority counts, once."""
    groups: dict[tuple[str, ...], list[TrainRow]] = defaultdict(list)
    for form in forms:
        groups[(text_of(form.prompt), *sorted(answers_of(form.row)))].append(form)
    kept = []
    for group in groups.values():
        votes = Counter(_verdict(form.row) for form in group)
        (winner, most), *others = votes.most_common()
        if others and others[0][1] == most:
            for form in group:
                left_out.add("people disagree", *said_by(form.row))
            continue
        first = next(form for form in group if _verdict(form.row) == winner)
        kept.append(first)
        for form in group:
            if form is not first:
                same = _verdict(form.row) == winner
                left_out.add("duplicate" if same else "outvoted", *said_by(form.row))
    return kept


def answers_of(row: Row) -> tuple[str, ...]:
    """Return the answers that a row holds, the better one first."""
    if isinstance(row, UnpairedPreference):
        return (row.completion[0]["content"],)
    return (row.chosen[0]["content"], row.rejected[0]["content"])


def _verdict(row: Row) -> bool | str:
    return row.label if isinstance(row, UnpairedPreference) else row.chosen[0]["content"]
