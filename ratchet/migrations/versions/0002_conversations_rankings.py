"""Conversations kept per person (those of the page so far among them), rankings, uses of feedback.

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
    _rankings()
    _uses()
    for said in SAID:
        op.create_index(f"{said}_by_person", said, ["person", "updated"], unique=False)
    _list_conversations()


def downgrade() -> None:
    """Drop what is new, what refers to others first."""
    for said in SAID:
        op.drop_index(f"{said}_by_person", said)
    for table in TABLES:
        op.drop_table(table)


SAID = ("votes", "comparisons", "corrections")
TABLES = ("conversations", "ranking_events", "rankings", "feedback_uses", "cycle_reads")


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


def _rankings() -> None:
    op.create_table(
        "rankings",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("conversation", sa.String(), nullable=False),
        sa.Column(
            "answers",
            sa.JSON(),
            nullable=False,
            comment="completions in the order they were shown in",
        ),
        sa.Column(
            "order",
            sa.JSON(none_as_null=True),
            nullable=True,
            comment="the blind order; null: not ranked yet",
        ),
        sa.Column("unblinded", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("created", sa.Float(), nullable=False),
        sa.Column("updated", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rankings")),
    )
    op.create_index("rankings_by_person", "rankings", ["person", "conversation"], unique=False)
    op.create_index("rankings_by_time", "rankings", ["created", "id"], unique=False)
    op.create_index("rankings_by_update", "rankings", ["updated"], unique=False)
    op.create_table(
        "ranking_events",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("ranking_id", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("order", sa.JSON(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["ranking_id"], ["rankings.id"], name=op.f("fk_ranking_events_ranking_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ranking_events")),
    )
    op.create_index(
        op.f("ranking_events_by_ranking_id"), "ranking_events", ["ranking_id"], unique=False
    )


def _uses() -> None:
    op.create_table(
        "cycle_reads",
        sa.Column("cycle", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column(
            "cutoff", sa.Float(), nullable=False, comment="what was said up to then was read"
        ),
        sa.Column(
            "adapter",
            sa.String(),
            nullable=True,
            comment="what was trained on it; null: nothing, or not yet",
        ),
        sa.PrimaryKeyConstraint("cycle", name=op.f("pk_cycle_reads")),
    )
    op.create_table(
        "feedback_uses",
        sa.Column("completion_id", sa.String(), nullable=False),
        sa.Column(
            "kind", sa.String(), nullable=False, comment="vote, comparison, ranking or correction"
        ),
        sa.Column("cycle", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False, comment="why it is left out"),
        sa.CheckConstraint(
            "role IN ('train', 'judge', 'check', 'left_out')", name=op.f("ck_feedback_uses_role")
        ),
        sa.ForeignKeyConstraint(
            ["completion_id"], ["completions.id"], name=op.f("fk_feedback_uses_completion_id")
        ),
        sa.PrimaryKeyConstraint("completion_id", "kind", "cycle", name=op.f("pk_feedback_uses")),
    )
    op.create_index(op.f("feedback_uses_by_cycle"), "feedback_uses", ["cycle"], unique=False)


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
