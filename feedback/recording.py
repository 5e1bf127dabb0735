"""What it means to record each kind of feedback, inside a transaction that somebody else opened.

Each function checks that the person may speak, changes the record and appends the event; the store
calls one in a transaction, an import calls many. Time is passed in.

Invariant: saying the same thing again writes nothing, so it is no event and moves no time stamp.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, and_, bindparam, insert, select, update

from feedback.choices import CONSENT, Choices, given, seconds_since_shown
from feedback.rows import comparison_of, completion_values, correction_of, vote_of
from feedback.search import Language
from feedback.tables import (
    comparison_events,
    comparisons,
    completions,
    correction_events,
    corrections,
    vote_events,
    votes,
)
from feedback.types import (
    OUTCOMES,
    PEOPLE_PURPOSES,
    Comparison,
    Completion,
    Correction,
    InvalidFeedback,
    NotServedTo,
    Outcome,
    UnknownComparison,
    UnknownCompletion,
    Vote,
)

# Built once: composing a statement costs more than running it.
SERVED = select(completions.c.person, completions.c.purpose, completions.c.conversation).where(
    completions.c.id == bindparam("completion_id")
)
ADD_COMPLETION = insert(completions)
END_COMPLETION = update(completions).where(completions.c.id == bindparam("of"))
ADD_VOTE = insert(votes)
ADD_VOTE_EVENT = insert(vote_events).values(consent=CONSENT)
ADD_CORRECTION_EVENT = insert(correction_events).values(consent=CONSENT)
VOTE = select(votes).where(
    votes.c.completion_id == bindparam("completion_id"), votes.c.person == bindparam("person")
)
# One look instead of two: whom the answer was served to, and what they have said of it so far.
SERVED_AND_VOTE = (
    select(
        votes,
        completions.c.person.label("served_to"),
        completions.c.purpose,
        completions.c.responder.label("answered_by"),
        Language(completions.c.messages).label("asked_in"),
    )
    .select_from(
        completions.outerjoin(
            votes,
            and_(votes.c.completion_id == completions.c.id, votes.c.person == bindparam("person")),
        )
    )
    .where(completions.c.id == bindparam("completion_id"))
)
CHANGE_VOTE = update(votes).where(
    votes.c.completion_id == bindparam("of"), votes.c.person == bindparam("by")
)
CORRECTION = select(corrections).where(
    corrections.c.completion_id == bindparam("completion_id"),
    corrections.c.person == bindparam("person"),
)
CHANGE_CORRECTION = update(corrections).where(
    corrections.c.completion_id == bindparam("of"), corrections.c.person == bindparam("by")
)
COMPARISON = select(comparisons).where(comparisons.c.id == bindparam("id"))
PAIRS = Choices("comparison", "outcome", comparisons, comparison_events, UnknownComparison)


def add_completion(connection: Connection, completion: Completion, now: float) -> None:
    """Add a completion; where it carries no time, it is `now`.

    Raises:
        InvalidFeedback: its id is taken, or its text cannot be stored.
    """
    values = completion_values(completion)
    values["created"] = completion.created or now
    values["updated"] = completion.updated or values["created"]
    said = (message["content"] for message in completion.messages)
    check_storable("completion", completion.id, completion.person, completion.text, *said)
    if connection.execute(SERVED, {"completion_id": completion.id}).first() is not None:
        raise InvalidFeedback(f"completion {completion.id!r} exists: each needs an id of its own")
    connection.execute(ADD_COMPLETION, values)


def end_completion(
    connection: Connection, completion_id: str, values: dict[str, Any], now: float
) -> None:
    """Write how a completion ended.

    Raises:
        UnknownCompletion: it was never opened, or its person has been forgotten meanwhile.
    """
    ended = connection.execute(END_COMPLETION, {**values, "of": completion_id, "updated": now})
    if ended.rowcount == 0:
        raise UnknownCompletion(f"no completion {completion_id!r}: open it before closing it")


def put_vote(
    connection: Connection,
    completion_id: str,
    person: str,
    liked: bool | None,
    reasons: Sequence[str],
    comment: str,
    now: float,
    created: float | None = None,
    interface: str = "api",
) -> Vote | None:
    """Give, change or take back a vote; return what counts now.

    Raises:
        UnknownCompletion: no such completion, or an evaluation's.
        NotServedTo: it was given to somebody else.
        InvalidFeedback: the reasons or the comment cannot be stored.
    """
    if liked is None:
        reasons, comment = (), ""
    check_storable("vote", comment, *reasons)
    key = {"completion_id": completion_id, "person": person}
    said: dict[str, Any] = {"liked": liked, "reasons": list(reasons), "comment": comment}
    row = connection.execute(SERVED_AND_VOTE, key).first()
    _refuse_unless_served(row and (row.served_to, row.purpose), completion_id, person)
    assert row is not None
    if row.completion_id is None and liked is None:
        return None
    if row.completion_id is None:
        created = now if created is None else created
        of_answer = {"responder": row.answered_by, "language": row.asked_in}
        stamps = {"created": created, "updated": now}
        connection.execute(ADD_VOTE, {**key, **said, **stamps, **of_answer})
    elif (row.liked, row.reasons, row.comment) == (liked, list(reasons), comment):
        return None if liked is None else vote_of(row)
    else:
        created = row.created
        change = {"of": completion_id, "by": person, "updated": now}
        connection.execute(CHANGE_VOTE, {**change, **said})
    event = {"at": now, **given(person, interface)}
    connection.execute(ADD_VOTE_EVENT, {**key, **said, **event})
    if liked is None:
        return None
    return Vote(completion_id, person, liked, tuple(reasons), comment, created, now)


def add_comparison(connection: Connection, comparison: Comparison, now: float) -> None:
    """Add a pair that has not been chosen from yet; where it carries no time, it is `now`.

    Raises:
        UnknownCompletion: one of its sides does not exist, or is an evaluation's.
        NotServedTo: one of its sides was given to somebody else.
        InvalidFeedback: its id is taken, its sides are the same, or it is decided already.
    """
    if comparison.left_id == comparison.right_id:
        raise InvalidFeedback(f"comparison {comparison.id!r} has the same answer on both sides")
    if comparison.outcome is not None:
        raise InvalidFeedback(f"comparison {comparison.id!r} is decided: open it, then choose")
    for side in (comparison.left_id, comparison.right_id):
        check_served(connection, side, comparison.person)
    if connection.execute(COMPARISON, {"id": comparison.id}).first() is not None:
        raise InvalidFeedback(f"comparison {comparison.id!r} exists: each needs an id of its own")
    created = comparison.created or now
    values = {
        "id": comparison.id,
        "person": comparison.person,
        "left_id": comparison.left_id,
        "right_id": comparison.right_id,
        "outcome": None,
        "unblinded": False,
        "created": created,
        "updated": comparison.updated or created,
    }
    connection.execute(insert(comparisons), values)


def put_outcome(
    connection: Connection,
    comparison_id: str,
    person: str,
    outcome: Outcome | None,
    now: float,
    interface: str = "api",
    seconds: float | None = None,
) -> Comparison:
    """Decide a pair, or note that the person decided again after seeing who was who.

    The first choice is the evidence and keeps its time stamp; None chooses nothing. `seconds` is
    what it took them; None: the time since both answers were finished.

    Raises:
        UnknownComparison: there is no such pair.
        NotServedTo: somebody else asked for it.
        InvalidFeedback: there is no such outcome.
    """
    if outcome is not None and outcome not in OUTCOMES:
        raise InvalidFeedback(f"outcome {outcome!r} is none of {', '.join(OUTCOMES)} or null")
    row = PAIRS.shown_to(connection, comparison_id, person)
    if seconds is None:
        seconds = seconds_since_shown(connection, (row.left_id, row.right_id), now)
    chosen = PAIRS.choose(connection, row, outcome, now, interface=interface, seconds=seconds)
    return comparison_of(chosen)


def put_correction(
    connection: Connection,
    completion_id: str,
    person: str,
    text: str,
    now: float,
    created: float | None = None,
    interface: str = "api",
) -> Correction:
    """Record how the answer should have been, or change that.

    Raises:
        UnknownCompletion: no such completion, or an evaluation's.
        NotServedTo: it was given to somebody else.
        InvalidFeedback: the text is empty, or cannot be stored.
    """
    if not text.strip():
        raise InvalidFeedback("text is empty: write the answer as it should have been")
    check_storable("correction", text)
    check_served(connection, completion_id, person)
    key = {"completion_id": completion_id, "person": person}
    row = connection.execute(CORRECTION, key).first()
    if row is not None and row.text == text:
        return correction_of(row)
    if row is None:
        created = now if created is None else created
        stamps = {"created": created, "updated": now}
        connection.execute(insert(corrections), {**key, "text": text, **stamps})
    else:
        created = row.created
        change = {"of": completion_id, "by": person, "text": text, "updated": now}
        connection.execute(CHANGE_CORRECTION, change)
    event = {"at": now, **given(person, interface)}
    connection.execute(ADD_CORRECTION_EVENT, {**key, "text": text, **event})
    return Correction(completion_id, person, text, created, now)


def check_served(connection: Connection, completion_id: str, person: str) -> None:
    """Refuse a completion that this person was not served.

    Raises:
        UnknownCompletion: no such completion, or an evaluation's.
        NotServedTo: it was given to somebody else.
    """
    row = connection.execute(SERVED, {"completion_id": completion_id}).first()
    _refuse_unless_served(row and (row.person, row.purpose), completion_id, person)


def _refuse_unless_served(served: tuple[str, str] | None, completion_id: str, person: str) -> None:
    if served is None or served[1] not in PEOPLE_PURPOSES:
        raise UnknownCompletion(
            f"no completion {completion_id!r}: use the `id` of the response that was answered with"
        )
    if served[0] != person:
        raise NotServedTo(
            f"completion {completion_id!r} was served to somebody else: only they may judge it"
        )


def check_storable(what: str, *texts: str) -> None:
    """Refuse what no database can keep, by name instead of by a driver's error.

    Raises:
        InvalidFeedback: a text is half a surrogate pair, or contains the character NUL.
    """
    for text in texts:
        try:
            text.encode()
        except UnicodeEncodeError as err:
            raise InvalidFeedback(
                f"{what}: character {err.start} of {text[:40]!a} is half a surrogate pair: send"
                " valid Unicode"
            ) from err
        if "\0" in text:
            raise InvalidFeedback(f"{what}: {text[:40]!a} contains the character NUL: remove it")
