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

from pydantic import ValidationError
from sqlalchemy import Connection

from feedback import recording
from feedback.exchange import Format
from feedback.import_rows import (
    ConversationRow,
    PairRow,
    RatedRow,
    SaidRow,
    UnpairedRow,
    conversation_of,
    stamps_of,
    text_of,
)
from feedback.intake_raw import RESOLUTION, admit, decide_pair, take_raw
from feedback.store import FeedbackStore
from feedback.types import (
    Comparison,
    Completion,
    FeedbackError,
    InvalidFeedback,
    Message,
)

BATCH = 500
"""Rows a transaction: people's votes wait their turn behind it."""


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
        admit(connection, side, now)
    left, right = (side.id for side in sides)
    pair = Comparison(_id_of(left, right), row.person, left, right, created=created)
    return decide_pair(connection, pair, "left", updated, unblinded=False)


_TAKERS: Mapping[str, Callable[[Connection, str, float], bool]] = {
    "kto": _take_unpaired,
    "dpo": _take_pair,
    "sft": _take_conversation,
    "raw": take_raw,
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
    admit(connection, answer, now)
    key = {"completion_id": answer.id, "person": row.person}
    known = connection.execute(recording.VOTE, key).first()
    if known is not None and (row.updated is None or known.updated > updated - RESOLUTION):
        return False
    recording.put_vote(
        connection,
        **key,
        liked=liked,
        reasons=(),
        comment="",
        now=updated,
        created=created,
        interface="import",
    )
    return True


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
