"""Feedback in from files: our own `raw` export, or preferences in TRL's formats from elsewhere.

Answers that did not come from here get an id made of their content, so importing a file twice adds
nothing; they count as named by the caller, so they are never live evidence.

Invariant: an import obeys the rules that people obey, keeps the time stamps it is given, never
overrules what was said later, and refuses a broken row by its number without losing the others.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import Connection, select, update

from feedback import recording
from feedback.exchange import Format
from feedback.import_rows import (
    ConversationRow,
    PairRow,
    RatedRow,
    RawRow,
    SaidRow,
    UnpairedRow,
    conversation_of,
    seconds_of,
    stamps_of,
    text_of,
)
from feedback.store import FeedbackStore
from feedback.tables import comparisons, completions
from feedback.types import (
    Comparison,
    Completion,
    FeedbackError,
    InvalidFeedback,
    Message,
    Outcome,
)

BATCH = 500
"""Rows a transaction: people's votes wait their turn behind it."""
RESOLUTION = 1e-6
"""Files keep microseconds, the database the clock's full float."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A row that was not taken, and why."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What came in. `unchanged`: it was here already, or something later was."""

    path: str
    format: Format
    added: int
    unchanged: int
    refused: tuple[Refusal, ...]
    dry_run: bool


_completion = TypeAdapter(Completion)


def import_feedback(
    store: FeedbackStore, form: Format, path: Path, *, dry_run: bool = False
) -> ImportReport:
    """Take in the rows of a file; with `dry_run` only say what would happen.

    Raises:
        InvalidFeedback: there is no such format.
        OSError: the file cannot be read.
    """
    if form not in _TAKERS:
        raise InvalidFeedback(f"format {form!r} is none of {', '.join(_TAKERS)}")
    added = unchanged = 0
    refused: list[Refusal] = []
    with path.open(encoding="utf-8") as file:
        for batch in _batches(file):
            with store.database.write() as connection:
                for number, line in batch:
                    try:
                        with connection.begin_nested():
                            new = _TAKERS[form](connection, line, store.clock())
                    except FeedbackError as err:
                        refused.append(Refusal(number, str(err)))
                    except ValidationError as err:
                        refused.append(Refusal(number, _first_problem(err)))
                    else:
                        added, unchanged = added + new, unchanged + (not new)
                if dry_run:
                    connection.rollback()
    return ImportReport(str(path), form, added, unchanged, tuple(refused), dry_run)


def _take_raw(connection: Connection, line: str, now: float) -> bool:
    """Take a record as it was, with the answers it is about."""
    row = RawRow.model_validate_json(line)
    created, updated = stamps_of(row, now)
    for answer in row.completions:
        stamps = {name: seconds_of(answer.get(name), now) for name in ("created", "updated")}
        _admit(connection, _completion.validate_python(answer | stamps), now)
    key = {"completion_id": row.completion_id, "person": row.person}
    if row.kind == "vote":
        if row.liked is None:
            raise InvalidFeedback("liked is null: a vote that was taken back is no vote")
        known = connection.execute(recording.VOTE, key).first()
        if known is not None and known.updated > updated - RESOLUTION:
            return False
        recording.put_vote(
            connection, **key, liked=row.liked, reasons=row.reasons, comment=row.comment,
            now=updated, created=created,
        )  # fmt: skip
        return True
    if row.kind == "correction":
        known = connection.execute(recording.CORRECTION, key).first()
        if known is not None and known.updated > updated - RESOLUTION:
            return False
        recording.put_correction(connection, **key, text=row.text, now=updated, created=created)
        return True
    if not (row.comparison_id and row.right_completion_id and row.outcome):
        raise InvalidFeedback("a comparison needs comparison_id, right_completion_id and outcome")
    pair = Comparison(
        row.comparison_id, row.person, row.completion_id, row.right_completion_id, created=created
    )
    return _take_comparison(connection, pair, row.outcome, updated, unblinded=row.unblinded)


def _take_unpaired(connection: Connection, line: str, now: float) -> bool:
    """Take TRL's `prompt`, `completion`, `label` as a vote."""
    row = UnpairedRow.model_validate_json(line)
    prompt, text = conversation_of(row.prompt), text_of(row.completion)
    return _take_vote(connection, row, prompt, text, liked=row.label, now=now)


def _take_conversation(connection: Connection, line: str, now: float) -> bool:
    """Take TRL's `messages` as a liked answer to what precedes it."""
    row = ConversationRow.model_validate_json(line)
    if len(row.messages) < 2 or row.messages[-1]["role"] != "assistant":
        raise InvalidFeedback("messages: a question and then the assistant's answer are needed")
    prompt, text = row.messages[:-1], row.messages[-1]["content"]
    return _take_vote(connection, row, prompt, text, liked=True, now=now)


def _take_pair(connection: Connection, line: str, now: float) -> bool:
    """Take TRL's `prompt`, `chosen`, `rejected` as a comparison that the left side won."""
    row = PairRow.model_validate_json(line)
    created, updated = stamps_of(row, now)
    prompt = conversation_of(row.prompt)
    sides = [
        _foreign(row, prompt, text_of(answer), created, salt)
        for answer, salt in ((row.chosen, "chosen"), (row.rejected, "rejected"))
    ]
    for side in sides:
        _admit(connection, side, now)
    left, right = (side.id for side in sides)
    pair = Comparison(_id_of(left, right), row.person, left, right, created=created)
    return _take_comparison(connection, pair, "left", updated, unblinded=False)


_TAKERS: Mapping[str, Callable[[Connection, str, float], bool]] = {
    "kto": _take_unpaired,
    "dpo": _take_pair,
    "sft": _take_conversation,
    "raw": _take_raw,
}


def _take_vote(
    connection: Connection,
    row: RatedRow,
    prompt: Sequence[Message],
    text: str,
    *,
    liked: bool,
    now: float,
) -> bool:
    created, updated = stamps_of(row, now)
    answer = _foreign(row, prompt, text, created, "", row.own_id)
    _admit(connection, answer, now)
    key = {"completion_id": answer.id, "person": row.person}
    known = connection.execute(recording.VOTE, key).first()
    if known is not None and (row.updated is None or known.updated > updated - RESOLUTION):
        return False
    recording.put_vote(
        connection, **key, liked=liked, reasons=(), comment="", now=updated, created=created
    )
    return True


def _take_comparison(
    connection: Connection, pair: Comparison, outcome: Outcome, at: float, *, unblinded: bool
) -> bool:
    known = connection.execute(recording.COMPARISON, {"id": pair.id}).first()
    if known is None:
        recording.add_comparison(connection, pair, at)
    elif known.outcome is not None:
        return False
    recording.put_outcome(connection, pair.id, pair.person, outcome, at)
    if unblinded:
        change = update(comparisons).where(comparisons.c.id == pair.id)
        connection.execute(change, {"unblinded": True})
    return True


def _admit(connection: Connection, completion: Completion, now: float) -> None:
    """Add an answer unless it is here; refuse it where its id means something else here."""
    query = select(completions.c.person, completions.c.text).where(
        completions.c.id == completion.id
    )
    known = connection.execute(query).first()
    if known is None:
        recording.add_completion(connection, completion, now)
    elif tuple(known) != (completion.person, completion.text):
        raise InvalidFeedback(
            f"completion {completion.id!r} is here with another person or text: leave out its id"
        )


def _foreign(
    row: SaidRow,
    prompt: Sequence[Message],
    text: str,
    created: float,
    salt: str,
    own_id: str | None = None,
) -> Completion:
    """Build the completion of an answer about which no more is known."""
    id_ = own_id or _id_of(row.person, [dict(message) for message in prompt], text, salt)
    return Completion(
        id=id_,
        conversation=id_,
        person=row.person,
        messages=tuple(prompt),
        text=text,
        responder=row.responder,
        named=True,
        sampling={},
        status="complete",
        interface="import",
        created=created,
    )


def _id_of(*content: object) -> str:
    return "imported-" + hashlib.sha256(json.dumps(content).encode()).hexdigest()[:32]


def _batches(file: Iterator[str]) -> Iterator[list[tuple[int, str]]]:
    lines = ((number, line) for number, line in enumerate(file, 1) if line.strip())
    while batch := list(islice(lines, BATCH)):
        yield batch


def _first_problem(err: ValidationError) -> str:
    problem = err.errors(include_url=False)[0]
    where = ".".join(str(part) for part in problem["loc"]) or "row"
    return f"{where}: {problem['msg']}"
