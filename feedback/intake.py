"""Feedback in from files: our own `raw` export, or what other tools write.

Answers that did not come from here get an id made of their content, so importing a file twice adds
nothing; they count as named by the caller, so they are never live evidence.

Invariant: an import obeys the rules that people obey, keeps the time stamps it is given, never
overrules what was said later, and refuses a broken row by its number without losing the others.
Memory does not grow with the file.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError
from sqlalchemy import Connection
from sqlalchemy.exc import DataError

from feedback import recording
from feedback.foreign import Foreign, ForeignComparison, ForeignVote
from feedback.intake_raw import RESOLUTION, Taken, admit, decide_pair, take_raw
from feedback.publishing import published
from feedback.records import Record
from feedback.sources import AUTO, IMPORTS, Source
from feedback.store import FeedbackStore
from feedback.types import Comparison, Completion, FeedbackError, InvalidFeedback

BATCH, BATCH_BYTES = 500, 4 * 2**20
"""Rows and bytes a transaction: people's votes wait their turn behind it."""
LATEST = datetime(9999, 12, 31, tzinfo=UTC).timestamp()
LISTED = 1000
"""Refused rows that the report lists; all of them are in its file."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A row that was not taken, and why."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What came in. `unchanged`: it was here already, or something later was."""

    path: str
    format: str
    added: int
    unchanged: int
    refused_rows: int
    refused: tuple[Refusal, ...]
    """The first of them, at most `LISTED`."""
    dry_run: bool


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of one row, as the line-by-line report says it."""

    line: int
    """Where it begins in the file; in a JSON array, which element it is."""
    became: Literal["added", "unchanged", "refused"]
    kind: str = ""
    id: str = ""
    """Of the completion, or of the comparison or ranking."""
    why: str = ""


def import_feedback(
    store: FeedbackStore,
    form: str,
    path: Path,
    *,
    dry_run: bool = False,
    report: Path | None = None,
) -> ImportReport:
    """Take in the rows of a file; with `dry_run` only say what would happen.

    `form` is one of `IMPORTS`, or `auto`: told from the first row that can be read. `report` is
    where to write what became of each row, as JSON lines. A dry run takes back each transaction,
    so a row that comes again more than `BATCH` rows later counts as added again.

    Raises:
        InvalidFeedback: there is no such format, or the file is in none of them.
        OSError: the file cannot be read, or the report not be written.
    """
    if form not in {AUTO, *IMPORTS}:
        raise InvalidFeedback(f"format {form!r} is none of {', '.join((*IMPORTS, AUTO))}")
    source = Source(path, form)
    counts: Counter[str] = Counter()
    refused: list[Refusal] = []
    with published(report) if report else nullcontext() as draft, _lines(draft) as write:
        for batch in _batches(source.rows()):
            with store.database.write() as connection:
                fates = [_fate(connection, source, record, store.clock()) for record in batch]
                if dry_run:
                    connection.rollback()
            for fate in fates:
                write(asdict(fate))
                counts[fate.became] += 1
                if fate.became == "refused" and len(refused) < LISTED:
                    refused.append(Refusal(fate.line, fate.why))
    added, unchanged, refusals = (counts[word] for word in ("added", "unchanged", "refused"))
    return ImportReport(
        str(path), source.form, added, unchanged, refusals, tuple(refused), dry_run
    )  # fmt: skip


def _fate(connection: Connection, source: Source, record: Record, now: float) -> Fate:
    """Take one record, behind a savepoint of its own."""
    try:
        with connection.begin_nested():
            taken = _take(connection, source, record, now)
    except FeedbackError as err:
        return Fate(record.number, "refused", why=str(err))
    except ValidationError as err:
        return Fate(record.number, "refused", why=_first_problem(err))
    except (DataError, OverflowError) as err:
        why = f"the database cannot keep it: {str(getattr(err, 'orig', err)).splitlines()[0]}"
        return Fate(record.number, "refused", why=why)
    became: Literal["added", "unchanged"] = "added" if taken.new else "unchanged"
    return Fate(record.number, became, taken.kind, taken.id)


def _take(connection: Connection, source: Source, record: Record, now: float) -> Taken:
    said = source.read(record)
    if isinstance(said, dict):
        return take_raw(connection, said, now)
    if not said.prompt:
        raise InvalidFeedback("the prompt is empty: what was asked is needed")
    for name, at in (("created", said.created), ("updated", said.updated)):
        if at is not None and not 0 <= at <= LATEST:
            raise InvalidFeedback(f"{name}: {at!r} is no time in seconds since 1970")
    if isinstance(said, ForeignVote):
        return _take_vote(connection, said, now)
    return _take_comparison(connection, said, now)


def _take_vote(connection: Connection, vote: ForeignVote, now: float) -> Taken:
    created = now if vote.created is None else vote.created
    updated = created if vote.updated is None else vote.updated
    id_ = vote.own_id or _id_of(vote.person, vote.prompt, vote.text, "")
    key = {"completion_id": id_, "person": vote.person}
    known = connection.execute(recording.VOTE, key).first()
    if vote.liked is not None or known is not None:
        admit(connection, _answer(vote, id_, vote.text, vote.responder, created), now)
    later = known is not None and known.updated > updated - RESOLUTION
    if later or (known is None and vote.liked is None) or (known and vote.updated is None):
        return Taken("vote", id_, new=False)
    recording.put_vote(
        connection, **key, liked=vote.liked, reasons=vote.reasons, comment=vote.comment,
        now=updated, created=created, interface="import",
    )  # fmt: skip
    return Taken("vote", id_, new=True)


def _take_comparison(connection: Connection, said: ForeignComparison, now: float) -> Taken:
    created = now if said.created is None else said.created
    updated = created if said.updated is None else said.updated
    # The salt keeps two equal answers apart.
    sides = [
        _answer(said, _id_of(said.person, said.prompt, text, salt), text, responder, created)
        for text, responder, salt in (
            (said.left, said.left_responder, "chosen"),
            (said.right, said.right_responder, "rejected"),
        )
    ]
    for side in sides:
        admit(connection, side, now)
    left, right = (side.id for side in sides)
    pair = Comparison(_id_of(left, right), said.person, left, right, created=created)
    new = decide_pair(connection, pair, said.outcome, updated, unblinded=False)
    return Taken("comparison", pair.id, new)


def _answer(foreign: Foreign, id_: str, text: str, responder: str, created: float) -> Completion:
    """Build the completion of an answer about which no more is known."""
    return Completion(
        id=id_,
        conversation=id_,
        person=foreign.person,
        messages=tuple(foreign.prompt),
        text=text,
        responder=responder,
        named=True,
        sampling={},
        status="complete",
        interface="import",
        created=created,
    )


def _id_of(*content: object) -> str:
    return "imported-" + hashlib.sha256(json.dumps(content).encode()).hexdigest()[:32]


def _batches(rows: Iterator[Record]) -> Iterator[list[Record]]:
    batch: list[Record] = []
    size = 0
    for record in rows:
        batch.append(record)
        size += len(record.data)
        if len(batch) == BATCH or size > BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


@contextmanager
def _lines(path: Path | None) -> Iterator[Callable[[Mapping[str, Any]], object]]:
    """Give a way to write rows as JSON lines, to nowhere if there is no path."""
    if path is None:
        yield lambda row: None
        return
    with path.open("w", encoding="utf-8") as file:
        yield lambda row: file.write(json.dumps(row, ensure_ascii=False) + "\n")


def _first_problem(err: ValidationError) -> str:
    problem = err.errors(include_url=False)[0]
    where = ".".join(str(part) for part in problem["loc"]) or "row"
    return f"{where}: {problem['msg']}"
