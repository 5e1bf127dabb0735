"""Conversations that are kept per person, those of the page so far among them.

Frozen: a table that changes gets a script of its own behind this one.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

BATCH = 500
TITLE_CHARACTERS = 80


def upgrade() -> None:
    """Create the new tables and list the conversations that there are."""
    _conversations()
    _list_conversations()


def downgrade() -> None:
    """Drop the new tables, what refers to others first."""
    for table in TABLES:
        op.drop_table(table)


TABLES = ("conversations",)


def _conversations() -> None:
    op.create_table(
        "conversations",
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("created", sa.Float(), nullable=False),
        sa.Column("updated", sa.Float(), nullable=False),
        sa.Column(
            "deleted",
            sa.Float(),
            nullable=True,
            comment="stays, so that a tab left open does not bring it back",
        ),
        sa.PrimaryKeyConstraint("person", "id", name=op.f("pk_conversations")),
    )
    op.create_index("conversations_by_update", "conversations", ["person", "updated"], unique=False)


def _list_conversations() -> None:
    """Write a row for every conversation that was held on the page."""
    answers = sa.table(
        "completions",
        *(sa.column(name) for name in ("id", "person", "conversation", "purpose", "interface")),
        sa.column("messages", sa.JSON()),
        sa.column("created"),
    ).c
    held = (
        sa.select(answers.person, answers.conversation, answers.messages, answers.created)
        .where(answers.interface == "page", answers.purpose != "evaluation")
        .order_by(answers.created, answers.id)
        .execution_options(yield_per=BATCH)
    )
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for person, conversation, messages, created in op.get_bind().execute(held):
        first = {"person": person, "id": conversation, "created": created}
        row = found.setdefault((person, conversation), first | {"title": _title(messages)})
        row["updated"] = created
    conversations = sa.table(
        "conversations",
        *(sa.column(name) for name in ("person", "id", "title", "created", "updated")),
    )
    rows = list(found.values())
    for start in range(0, len(rows), BATCH):
        op.bulk_insert(conversations, rows[start : start + BATCH])


def _title(messages: list[dict[str, str]]) -> str:
    asked = (message["content"] for message in messages if message["role"] == "user")
    line = " ".join(next(asked, "").split())
    return line if len(line) <= TITLE_CHARACTERS else line[: TITLE_CHARACTERS - 1].rstrip() + "…"
