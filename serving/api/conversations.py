"""A person's conversations: list and search them, read one as a thread, rename it, delete it.

Invariant: everything is about the caller's own conversations; anybody else's are unknown.
"""

import asyncio
from collections.abc import Collection
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from feedback.conversations import LONGEST_QUERY, LONGEST_TITLE, Conversation, Conversations
from feedback.threads import Turn
from serving.api.callers import Caller, ServicesOf
from serving.api.feedback import SPOKEN_FOR, User
from serving.services import Services

router = APIRouter(prefix="/v1", tags=["Conversations"])

LONGEST_PAGE = 200
Limit = Annotated[int, Query(ge=1, le=LONGEST_PAGE)]
Before = Annotated[
    float | None, Query(allow_inf_nan=False, description="Unix seconds: only what is older")
]
ActingFor = Annotated[str | None, SPOKEN_FOR, Query()]


class TitleBody(BaseModel):
    """What the conversation shall be called."""

    title: str = Field(min_length=1, max_length=LONGEST_TITLE)
    user: User


@router.get("/conversations")
async def conversations(
    caller: Caller,
    services: ServicesOf,
    query: Annotated[str, Query(max_length=LONGEST_QUERY)] = "",
    limit: Limit = 50,
    before: Before = None,
    user: ActingFor = None,
) -> dict[str, Any]:
    """List the caller's conversations, the one that went on last first."""
    caller.require("chat")
    person = services.identity.acting(caller, user)
    kept = Conversations(services.database)
    found = await asyncio.to_thread(kept.list, person.id, query, limit=limit, before=before)
    return {"conversations": [_shown(conversation) for conversation in found]}


@router.get("/conversations/{conversation_id:path}")
async def conversation(
    conversation_id: str,
    caller: Caller,
    services: ServicesOf,
    chosen: Annotated[tuple[str, ...], Query(description="Siblings to switch to")] = (),
    user: ActingFor = None,
) -> dict[str, Any]:
    """Return a conversation as a thread, along the siblings that are chosen."""
    caller.require("chat")
    person = services.identity.acting(caller, user)
    return await asyncio.to_thread(_thread, services, conversation_id, person.id, chosen)


@router.patch("/conversations/{conversation_id:path}")
async def rename(
    conversation_id: str, body: TitleBody, caller: Caller, services: ServicesOf
) -> dict[str, Any]:
    """Give a conversation another title."""
    caller.require("chat")
    person = services.identity.acting(caller, body.user)
    renamed = await services.recorder.write(
        lambda store: Conversations(store.database).rename(conversation_id, person.id, body.title)
    )
    return _shown(renamed)


@router.delete("/conversations/{conversation_id:path}", status_code=204)
async def delete(
    conversation_id: str, caller: Caller, services: ServicesOf, user: ActingFor = None
) -> Response:
    """Take a conversation away; what was said in it stays as evidence."""
    caller.require("chat")
    person = services.identity.acting(caller, user)
    await services.recorder.write(
        lambda store: Conversations(store.database, store.clock).delete(conversation_id, person.id)
    )
    return Response(status_code=204)


def _thread(
    services: Services, conversation_id: str, person: str, chosen: Collection[str]
) -> dict[str, Any]:
    kept = Conversations(services.database)
    turns = kept.turns(conversation_id, person, tuple(chosen))
    about = kept.get(conversation_id, person)
    shown = [_turn(services, turn, person) for turn in turns]
    # Deleted between the two reads, it has no title any more.
    return (_shown(about) if about else {"id": conversation_id}) | {"turns": shown}


def _turn(services: Services, turn: Turn, person: str) -> dict[str, Any]:
    completion = turn.completion
    vote = services.store.vote(completion.id, person)
    return {
        "id": completion.id,
        "question": completion.messages[-1]["content"],
        "answer": completion.text,
        "status": completion.status,
        "created": completion.created,
        "responder": None if turn.blind else completion.responder,
        "sources": [] if turn.blind else [_source(passage) for passage in completion.passages],
        "steps": [] if turn.blind else completion.steps,
        "siblings": turn.siblings,
        "edits": turn.edits,
        "vote": None if vote is None else _said(asdict(vote)),
    }


def _said(vote: dict[str, Any]) -> dict[str, Any]:
    return {name: vote[name] for name in ("liked", "reasons", "comment")}


def _source(passage: dict[str, Any]) -> dict[str, Any]:
    return {name: passage.get(name) for name in ("document", "article")}


def _shown(conversation: Conversation) -> dict[str, Any]:
    return {
        "id": conversation.id,
        "title": conversation.title,
        "created": conversation.created,
        "updated": conversation.updated,
    }
