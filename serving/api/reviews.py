"""What operators see of the feedback and make of it: votes, rates, reviews, exports.

Invariant: for operators only, every one of these; a review carries the name of who gave it.
"""

import asyncio
import time
from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from starlette.responses import Response, StreamingResponse

from feedback.contexts import Beside, read_contexts
from feedback.exchange import FORMATS
from feedback.found_votes import LONGEST_SEARCH, FoundVote, Place, State, Wanted, find_votes
from feedback.rates import Rate, ReasonCount, rates, reasons
from feedback.reviews import Reviews
from feedback.types import Completion, InvalidFeedback, Review, Ruling, Vote
from serving.api.callers import Operator, ServicesOf
from serving.api.conversations import Before, Limit
from serving.downloads import export_to_download
from serving.errors import BadRequest
from serving.services import Services

router = APIRouter(prefix="/v1/feedback", tags=["Feedback"])

RATED_SECONDS = 84 * 86_400.0
"""How far back rates go where nothing is said: twelve weeks."""
LONGEST_NAME = 200
Name = Annotated[str, Query(max_length=LONGEST_NAME)]
Since = Annotated[
    float | None, Query(allow_inf_nan=False, description="Unix seconds: only what is later")
]
Until = Annotated[
    float | None, Query(allow_inf_nan=False, description="Unix seconds: nothing that is later")
]


class ReviewBody(BaseModel):
    """What an operator says of an answer; null takes the ruling back and keeps the comment."""

    ruling: Ruling | None
    text: str = Field(default="", max_length=100_000, description="Of a fix, and only there")
    comment: str = Field(default="", max_length=10_000)


@dataclass(frozen=True)
class VotePage:
    """Votes, the latest first; `next` is null on the last page."""

    votes: list[FoundVote]
    next: Place | None


@dataclass(frozen=True)
class Figures:
    """How often answers are liked, and why or why not."""

    since: float
    until: float
    rates: list[Rate]
    reasons: list[ReasonCount]


@dataclass(frozen=True)
class ReviewedAnswer:
    """An answer with all that stands around it, and every review of it, oldest first."""

    completion: Completion
    vote: Vote | None
    correction: str
    beside: tuple[Beside, ...]
    review: Review | None
    history: list[Review]


@router.get("/votes")
async def found(
    operator: Operator,
    services: ServicesOf,
    said: Literal["liked", "disliked"] | None = None,
    state: State | None = None,
    responder: Name = "",
    language: Name = "",
    reason: Name = "",
    person: Name = "",
    text: Annotated[str, Query(max_length=LONGEST_SEARCH)] = "",
    since: Since = None,
    until: Until = None,
    limit: Limit = 50,
    before: Before = None,
    before_id: Name = "",
) -> VotePage:
    """Find votes; `before` and `before_id` are the `next` of the page before."""
    wanted = Wanted(
        liked=None if said is None else said == "liked",
        state=state,
        responder=responder,
        language=language,
        reason=reason,
        person=person,
        text=text,
        since=since or 0.0,
        until=float("inf") if until is None else until,
    )
    after = None if before is None else Place(before, before_id)
    return await asyncio.to_thread(vote_page, services, wanted, limit, after)


def vote_page(services: Services, wanted: Wanted, limit: int, after: Place | None) -> VotePage:
    """Read a page, and whether there is a next one."""
    votes = find_votes(services.database, wanted, limit + 1, after)
    last = votes[limit - 1].vote if len(votes) > limit else None
    return VotePage(votes[:limit], Place(last.updated, last.completion_id) if last else None)


@router.get("/rates")
async def figures(
    operator: Operator,
    services: ServicesOf,
    responder: Name = "",
    language: Name = "",
    since: Since = None,
    until: Until = None,
    spans: Annotated[int, Query(ge=1, le=60)] = 12,
) -> Figures:
    """Return how often answers were liked in each span of a window, with 95 % intervals."""
    end = time.time() if until is None else until
    begin = end - RATED_SECONDS if since is None else since
    if begin >= end:
        raise BadRequest(f"`since` is {begin} and `until` {end}: the window ends before it begins")
    return await asyncio.to_thread(
        read_figures, services, begin, end, spans, responder=responder, language=language
    )


def read_figures(
    services: Services, since: float, until: float, spans: int, *, responder: str, language: str
) -> Figures:
    """Read rates and reasons of a window."""
    said = {"responder": responder, "language": language}
    return Figures(
        since,
        until,
        rates(services.database, since, until, spans, **said),
        reasons(services.database, since, until, **said),
    )


@router.get("/reviews/{completion_id}")
async def reviewed(completion_id: str, operator: Operator, services: ServicesOf) -> ReviewedAnswer:
    """Return an answer with all that stands around it, and its reviews."""
    return await asyncio.to_thread(_reviewed, services, completion_id)


def _reviewed(services: Services, completion_id: str) -> ReviewedAnswer:
    reviews = Reviews(services.database)
    history = reviews.history(completion_id)
    context = read_contexts(services.database, [completion_id])[completion_id]
    return ReviewedAnswer(
        context.completion,
        services.store.vote(completion_id, context.completion.person),
        context.correction,
        context.beside,
        reviews.of(completion_id),
        history,
    )


@router.put("/reviews/{completion_id}")
async def review(
    completion_id: str, body: ReviewBody, operator: Operator, services: ServicesOf
) -> Review:
    """Say what is to become of an answer and of what was said of it."""
    return await put_review(
        services, completion_id, operator.id, body.ruling, body.text, body.comment
    )


async def put_review(
    services: Services,
    completion_id: str,
    operator: str,
    ruling: Ruling | None,
    text: str,
    comment: str,
) -> Review:
    """Record a review; it is on disk when this returns."""
    return await services.recorder.write(
        lambda store: Reviews(store.database, store.clock).record(
            completion_id, operator, ruling, text, comment
        )
    )


class _File(Response):
    media_type = "application/octet-stream"


@router.get("/exports", response_class=_File)
async def export(
    operator: Operator,
    services: ServicesOf,
    format: Annotated[str, Query(json_schema_extra={"enum": list(FORMATS)})] = "raw",  # noqa: A002
) -> StreamingResponse:
    """Return feedback as a file, as `ratchet feedback export` writes it."""
    if format not in FORMATS:
        raise InvalidFeedback(f"format {format[:40]!r} is none of {', '.join(FORMATS)}")
    config = services.config
    made = await asyncio.to_thread(
        export_to_download, services.store, format, config.home, config.consent
    )
    headers = {
        "Content-Disposition": f'attachment; filename="{made.name}"',
        "Content-Length": str(made.size),
        "Cache-Control": "no-store",
    }
    return StreamingResponse(made.pieces(), media_type=_File.media_type, headers=headers)
