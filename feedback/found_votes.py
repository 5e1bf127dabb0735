"""Votes found by what an operator looks for, the newest first, a page at a time.

A page goes on behind the last vote of the one before, by time and id, so that it costs the same
however far somebody leafs. Invariant: a vote that was taken back is none; every word that is
searched is taken literally.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, Literal

from sqlalchemy import ColumnElement, Row, String, and_, cast, not_, or_, select, tuple_

from feedback.database import Database
from feedback.rows import VOTE_FIELDS, vote_of
from feedback.search import Asked, mentions
from feedback.tables import completions, reviews, votes
from feedback.types import Review, Vote

State = Literal["open", "accept", "fix", "exclude"]
"""Open: no operator has ruled, or what was accepted is not what is said now."""
LONGEST_SEARCH = 200
EVER = float("inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is looked for; what is empty or None does not matter."""

    liked: bool | None = None
    state: State | None = None
    responder: str = ""
    language: str = ""
    reason: str = ""
    person: str = ""
    text: str = ""
    """Each of its words must occur in the question, the answer or the comment."""
    since: float = 0.0
    until: float = EVER


@dataclass(frozen=True, slots=True)
class FoundVote:
    """A vote, what it is about, and what operators say of it."""

    vote: Vote
    responder: str
    language: str
    question: str
    """Empty once its text was removed."""
    answer: str
    state: State
    review: Review | None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page ended: the last vote's `updated` and completion."""

    updated: float
    completion_id: str


def find_votes(
    database: Database, wanted: Wanted, limit: int = 20, after: Place | None = None
) -> list[FoundVote]:
    """Return at most `limit` votes, those that were given or changed last first."""
    key = (votes.c.updated, votes.c.completion_id)
    query = (
        select(votes, Asked(completions.c.messages), completions.c.text, reviews)
        .join(completions, completions.c.id == votes.c.completion_id)
        .outerjoin(reviews, reviews.c.completion_id == votes.c.completion_id)
        .where(votes.c.liked.is_not(None), *_conditions(wanted))
        .order_by(*(column.desc() for column in key))
        .limit(limit)
    )
    if after is not None:
        # The first part is what an index can begin at.
        query = query.where(
            votes.c.updated <= after.updated,
            tuple_(*key) < tuple_(after.updated, after.completion_id),
        )
    with database.read() as connection:
        return [_found(row) for row in connection.execute(query)]


def _conditions(wanted: Wanted) -> Iterator[ColumnElement[bool]]:
    table = votes.c
    if wanted.liked is not None:
        yield table.liked.is_(wanted.liked)
    for name in ("responder", "language", "person"):
        if value := getattr(wanted, name):
            yield table[name] == value
    if wanted.since > 0:
        yield table.updated > wanted.since
    if wanted.until < EVER:
        yield table.updated <= wanted.until
    if wanted.reason:
        # As it stands in the list's text, in quotes: one is not found inside another.
        quoted = json.dumps(wanted.reason, ensure_ascii=False)
        yield cast(table.reasons, String).contains(quoted, autoescape=True)
    if wanted.state == "open":
        yield or_(reviews.c.ruling.is_(None), _outdated())
    elif wanted.state is not None:
        yield and_(reviews.c.ruling == wanted.state, not_(_outdated()))
    for word in wanted.text.split():
        places = (Asked(completions.c.messages), completions.c.text, table.comment)
        yield or_(*(mentions(word, place) for place in places))


def _outdated() -> ColumnElement[bool]:
    return and_(reviews.c.ruling == "accept", reviews.c.at < votes.c.updated)


def _found(row: Row[Any]) -> FoundVote:
    vote = vote_of(row)
    responder, language, question, answer, *reviewed = row[VOTE_FIELDS:]
    review = Review(*reviewed[: len(fields(Review))]) if reviewed[0] is not None else None
    return FoundVote(
        vote, responder, language, question or "", answer, state_of(vote, review), review
    )


def state_of(vote: Vote, review: Review | None) -> State:
    """Say what operators have made of a vote as it is now."""
    if review is None or review.ruling is None:
        return "open"
    if review.ruling == "accept" and review.at < vote.updated:
        return "open"
    return review.ruling
