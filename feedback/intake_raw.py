"""Records of our own `raw` export back in, each with the answers that it is about.

Invariant: what is here already is not touched, unless what comes in was said later; an id that
means something else here is refused.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

from pydantic import AwareDatetime, BaseModel, TypeAdapter
from sqlalchemy import Connection, select, update

from feedback import recording
from feedback.consent import CONSENT_OF, put_consent
from feedback.foreign import STRANGER, messages_of, seconds_of
from feedback.rankings import add_ranking, find_ranking, put_order
from feedback.tables import comparisons, completions, rankings
from feedback.types import (
    Comparison,
    Completion,
    InvalidFeedback,
    Order,
    Outcome,
    Ranking,
)

RESOLUTION = 1e-6
"""Files keep microseconds, the database the clock's full float."""

_completion = TypeAdapter(Completion)


class Taken(NamedTuple):
    """What became of a row: the record that it is, and whether that is new or changed by it."""

    kind: str
    id: str
    """Of the completion, or of the comparison or ranking."""
    new: bool


class RawConsent(BaseModel):
    """What the person of a row answers about training."""

    agreed: bool | None
    version: str
    at: AwareDatetime | Literal[""] = ""
    """Empty: this person never answered."""


class RawRow(BaseModel):
    """A record of our own export, with the answers that it is about."""

    kind: Literal["vote", "comparison", "ranking", "correction", "consent"]
    person: str = STRANGER
    completion_id: str = ""
    completions: list[dict[str, Any]] = []
    liked: bool | None = None
    reasons: tuple[str, ...] = ()
    comment: str = ""
    text: str = ""
    comparison_id: str = ""
    right_completion_id: str = ""
    outcome: Outcome | Literal[""] = ""
    ranking_id: str = ""
    answers: tuple[str, ...] = ()
    order: Order | None = None
    unblinded: bool = False
    seconds: float | None = None
    consent: RawConsent | None = None
    agreed: bool | None = None
    """This and `version`: of the kind `consent`, which exports wrote once."""
    version: str = ""
    created: AwareDatetime | None = None
    updated: AwareDatetime | None = None


def take_raw(connection: Connection, record: dict[str, Any], now: float) -> Taken:
    """Take a record as it was, with the answers it is about.

    Raises:
        ValidationError: it is none.
        FeedbackError: it cannot be taken.
    """
    row = RawRow.model_validate(record)
    created = row.created.timestamp() if row.created else now
    updated = row.updated.timestamp() if row.updated else created
    for answer in row.completions:
        stamps = {name: _stamp(answer.get(name), now) for name in ("created", "updated")}
        messages = {"messages": messages_of(answer.get("messages"))}
        admit(connection, _completion.validate_python(answer | messages | stamps), now)
    if (said := row.consent) and said.at:
        _answer(connection, row.person, said.agreed, said.version, said.at.timestamp())
    new = _RECORDS[row.kind](connection, row, created, updated)
    return Taken(row.kind, row.comparison_id or row.ranking_id or row.completion_id, new)


def _stamp(value: object, now: float) -> float:
    return now if value is None else seconds_of(str(value))


def _take_vote(connection: Connection, row: RawRow, created: float, updated: float) -> bool:
    if row.liked is None:
        raise InvalidFeedback("liked is null: a vote that was taken back is no vote")
    key = {"completion_id": row.completion_id, "person": row.person}
    known = connection.execute(recording.VOTE, key).first()
    if known is not None and known.updated > updated - RESOLUTION:
        return False
    recording.put_vote(
        connection, **key, liked=row.liked, reasons=row.reasons, comment=row.comment,
        now=updated, created=created, interface="import",
    )  # fmt: skip
    return True


def _take_comparison(connection: Connection, row: RawRow, created: float, updated: float) -> bool:
    if not (row.comparison_id and row.right_completion_id and row.outcome):
        raise InvalidFeedback("a comparison needs comparison_id, right_completion_id and outcome")
    pair = Comparison(
        row.comparison_id, row.person, row.completion_id, row.right_completion_id, created=created
    )
    return decide_pair(
        connection, pair, row.outcome, updated, unblinded=row.unblinded, seconds=row.seconds
    )


def _take_ranking(connection: Connection, row: RawRow, created: float, updated: float) -> bool:
    if not (row.ranking_id and row.answers and row.order):
        raise InvalidFeedback("a ranking needs ranking_id, answers and order")
    known = find_ranking(connection, row.ranking_id)
    if known is None:
        asked = Ranking(row.ranking_id, row.person, row.answers, created=created)
        add_ranking(connection, asked, updated)
    elif known.order is not None:
        return False
    put_order(connection, row.ranking_id, row.person, row.order, updated, "import", row.seconds)
    if row.unblinded:
        change = update(rankings).where(rankings.c.id == row.ranking_id)
        connection.execute(change, {"unblinded": True})
    return True


def _take_correction(connection: Connection, row: RawRow, created: float, updated: float) -> bool:
    key = {"completion_id": row.completion_id, "person": row.person}
    known = connection.execute(recording.CORRECTION, key).first()
    if known is not None and known.updated > updated - RESOLUTION:
        return False
    recording.put_correction(
        connection, **key, text=row.text, now=updated, created=created, interface="import"
    )
    return True


def _take_consent(connection: Connection, row: RawRow, created: float, updated: float) -> bool:
    return _answer(connection, row.person, row.agreed, row.version, updated)


def _answer(
    connection: Connection, person: str, agreed: bool | None, version: str, at: float
) -> bool:
    """Take what somebody answers about training, unless what is here was said later."""
    known = connection.execute(CONSENT_OF, {"of": person}).first()
    if known is not None and known.updated > at - RESOLUTION:
        return False
    put_consent(connection, person, agreed, version, "import", at)
    return True


_RECORDS: Mapping[str, Callable[[Connection, RawRow, float, float], bool]] = {
    "vote": _take_vote,
    "comparison": _take_comparison,
    "ranking": _take_ranking,
    "correction": _take_correction,
    "consent": _take_consent,
}


def decide_pair(
    connection: Connection,
    pair: Comparison,
    outcome: Outcome,
    at: float,
    *,
    unblinded: bool,
    seconds: float | None = None,
) -> bool:
    """Add a decided pair, or decide one that is here; say whether that changed anything."""
    known = connection.execute(recording.COMPARISON, {"id": pair.id}).first()
    if known is None:
        recording.add_comparison(connection, pair, at)
    elif known.outcome is not None:
        return False
    recording.put_outcome(connection, pair.id, pair.person, outcome, at, "import", seconds)
    if unblinded:
        change = update(comparisons).where(comparisons.c.id == pair.id)
        connection.execute(change, {"unblinded": True})
    return True


def admit(connection: Connection, completion: Completion, now: float) -> None:
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
