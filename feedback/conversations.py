"""Each person's conversations, kept on the server: found again, renamed, deleted.

A conversation begins with its first completion on the page, or with the first that gave the id of
its conversation over the API; a single question over the API is none.

Deleting takes a conversation out of the list and out of every read of it, at once and for good.
What was asked, answered and said in it stays as evidence, texts included, until the person is
forgotten (`feedback/privacy.py`).

Invariant: every read and write names the person, and finds nothing of anybody else's.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Row, bindparam, insert, or_, select, update

from feedback.database import Database
from feedback.recording import add_completion, check_storable
from feedback.rows import completion_of, has_texts
from feedback.search import Asked, mentions
from feedback.sides import read_sides
from feedback.tables import completions, conversations
from feedback.threads import Turn, thread
from feedback.types import PEOPLE_PURPOSES, Completion, InvalidFeedback, UnknownConversation

TITLE_CHARACTERS = 80
"""Where a first question is cut to be a title."""
LONGEST_TITLE = 200
LONGEST_QUERY = 200

# Built once: they run with every answer.
_GO_ON = update(conversations).where(
    conversations.c.person == bindparam("of"), conversations.c.id == bindparam("which")
)
_BEGIN = insert(conversations)


@dataclass(frozen=True, slots=True)
class Conversation:
    """One person's conversation, as the list shows it. Times are Unix seconds."""

    id: str
    person: str
    title: str
    created: float
    updated: float
    """When it last went on; renaming does not move it."""


Listed = list[Conversation]
"""By this name, because `Conversations` has a method called like the type."""


class Conversations:
    """Lists and changes conversations; each call is one short transaction."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self.database = database
        self.clock = clock

    def list(
        self, person: str, query: str = "", *, limit: int = 50, before: float | None = None
    ) -> Listed:
        """Return conversations, the one that went on last first.

        Args:
            person: Whose.
            query: Words that must all occur, each in the title, a question or an answer.
            limit: How many at most.
            before: Only those that went on before this time: the `updated` of the last one seen.

        Raises:
            InvalidFeedback: the query is too long, or no text.
        """
        check_storable("query", query)
        if len(query) > LONGEST_QUERY:
            raise InvalidFeedback(
                f"query has {len(query)} characters: search for at most {LONGEST_QUERY}"
            )
        table = conversations.c
        found = select(conversations).where(table.person == person, table.deleted.is_(None))
        if before is not None:
            found = found.where(table.updated < before)
        found = found.where(*(_holds(word) for word in query.split()))
        newest_first = found.order_by(table.updated.desc(), table.id.desc()).limit(limit)
        with self.database.read() as connection:
            return [_conversation(row) for row in connection.execute(newest_first)]

    def get(self, conversation_id: str, person: str) -> Conversation | None:
        """Return this person's conversation; None where there is none, or no longer."""
        with self.database.read() as connection:
            row = connection.execute(select(conversations).where(_is(conversation_id, person)))
            found = row.first()
        return _conversation(found) if found else None

    def turns(
        self, conversation_id: str, person: str, chosen: Sequence[str] = ()
    ) -> Sequence[Turn]:
        """Return a conversation as a thread, without the sides that it does not go on with.

        Args:
            conversation_id: Which.
            person: Whose.
            chosen: Completions that the person switched to, the latest last.

        Raises:
            UnknownConversation: this person has none with this id.
        """
        table = completions.c
        said = select(completions).where(
            table.person == person,
            table.conversation == conversation_id,
            table.purpose.in_(PEOPLE_PURPOSES),
            has_texts(table.messages),
        )
        with self.database.read() as connection:
            row = connection.execute(select(conversations.c.id).where(_is(conversation_id, person)))
            if row.first() is None:
                raise _unknown(conversation_id)
            found = [completion_of(row) for row in connection.execute(said)]
            return thread(found, chosen, read_sides(connection, conversation_id, person))

    def rename(self, conversation_id: str, person: str, title: str) -> Conversation:
        """Give a conversation another title, made one line.

        Raises:
            UnknownConversation: this person has none with this id.
            InvalidFeedback: the title is empty or too long, or cannot be stored.
        """
        check_storable("title", title)
        line = " ".join(title.split())
        if not 0 < len(line) <= LONGEST_TITLE:
            raise InvalidFeedback(
                f"title has {len(line)} characters: write 1 to {LONGEST_TITLE} on one line"
            )
        mine = _is(conversation_id, person)

        def renamed(connection: Connection) -> Conversation:
            if not connection.execute(update(conversations).where(mine), {"title": line}).rowcount:
                raise _unknown(conversation_id)
            return _conversation(connection.execute(select(conversations).where(mine)).one())

        return self.database.submit(renamed).result()

    def delete(self, conversation_id: str, person: str) -> None:
        """Take a conversation away, for good: what is still answered in it stays out of sight too.

        Its completions and what was said of them are kept as evidence until the person is
        forgotten.

        Raises:
            UnknownConversation: this person has none with this id, or has deleted it already.
        """
        gone = {"title": "", "deleted": self.clock()}
        change = update(conversations).where(_is(conversation_id, person))

        def deleted(connection: Connection) -> None:
            if not connection.execute(change, gone).rowcount:
                raise _unknown(conversation_id)

        self.database.submit(deleted).result()


def add_to_conversation(connection: Connection, completion: Completion, now: float) -> None:
    """Add a completion; its conversation goes on with it, or begins.

    Raises:
        InvalidFeedback: its id is taken, or its text cannot be stored.
    """
    check_storable("conversation", completion.conversation, completion.parent or "")
    add_completion(connection, completion, now)
    if not _is_listed(completion):
        return
    at = completion.created or now
    key = {"of": completion.person, "which": completion.conversation}
    if connection.execute(_GO_ON, {**key, "updated": at}).rowcount:
        return
    values = {
        "person": completion.person,
        "id": completion.conversation,
        "title": title_of(completion),
        "created": at,
        "updated": at,
    }
    connection.execute(_BEGIN, values)


def title_of(completion: Completion) -> str:
    """Return the first question of a completion's messages, in one line and cut."""
    asked = (m["content"] for m in completion.messages if m["role"] == "user")
    line = " ".join(next(asked, "").split())
    return line if len(line) <= TITLE_CHARACTERS else line[: TITLE_CHARACTERS - 1].rstrip() + "…"


def not_deleted(
    conversation: ColumnElement[str], person: ColumnElement[str]
) -> ColumnElement[bool]:
    """Return the condition that a conversation was not deleted, listed or not."""
    table = conversations.c
    gone = select(table.id).where(
        table.person == person, table.id == conversation, table.deleted.is_not(None)
    )
    return ~gone.exists()


def _is_listed(completion: Completion) -> bool:
    if completion.purpose not in PEOPLE_PURPOSES:
        return False
    # Without an id from its client, a conversation is named like its first completion, whose
    # choices and sides only add a suffix.
    id_, conversation = completion.id, completion.conversation
    unnamed = id_ == conversation or id_.startswith(f"{conversation}-")
    return completion.interface == "page" or (completion.interface == "api" and not unnamed)


def _is(conversation_id: str, person: str) -> ColumnElement[bool]:
    table = conversations.c
    return (table.person == person) & (table.id == conversation_id) & table.deleted.is_(None)


def _holds(word: str) -> ColumnElement[bool]:
    said = select(completions.c.id).where(
        completions.c.person == conversations.c.person,
        completions.c.conversation == conversations.c.id,
        completions.c.purpose.in_(PEOPLE_PURPOSES),
        has_texts(completions.c.messages),
        or_(mentions(word, Asked(completions.c.messages)), mentions(word, completions.c.text)),
    )
    return or_(mentions(word, conversations.c.title), said.exists())


def _conversation(row: Row[tuple[str, str, str, float, float, float]]) -> Conversation:
    return Conversation(row.id, row.person, row.title, row.created, row.updated)


def _unknown(conversation_id: str) -> UnknownConversation:
    return UnknownConversation(
        f"no conversation {conversation_id!r} of yours: GET /v1/conversations lists them"
    )
