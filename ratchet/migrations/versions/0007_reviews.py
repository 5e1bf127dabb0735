"""Operators' reviews of answers; of each vote, whose answer to what language it is about.

Frozen: a table that changes gets a script of its own behind this one.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

COUNTED = ["updated", "responder", "language", "liked", "person"]
HANGUL = "[\u1100-\u11ff\uac00-\ud7a3]"
ASKED_IN = {
    "sqlite": f"json_extract(messages, '$[#-1].content') GLOB '*{HANGUL}*'",
    "postgresql": f"(messages -> -1 ->> 'content') ~ '{HANGUL}'",
}


def upgrade() -> None:
    """Create the new tables, and say of each vote what it is about."""
    _reviews()
    columns = {"responder": "as of the answer", "language": "of the question"}
    for name, comment in columns.items():
        column = sa.Column(name, sa.String(), nullable=False, server_default="", comment=comment)
        op.add_column("votes", column)
    korean = ASKED_IN[op.get_bind().dialect.name]
    op.execute(
        "UPDATE votes SET responder = c.responder,"
        f" language = CASE WHEN {korean} THEN 'ko' ELSE 'other' END"
        " FROM completions AS c WHERE c.id = votes.completion_id"
    )
    op.drop_index("votes_by_update", "votes")
    op.create_index("votes_by_update", "votes", COUNTED, unique=False)


def downgrade() -> None:
    """Drop what is new, what refers to others first."""
    op.drop_index("votes_by_update", "votes")
    op.create_index("votes_by_update", "votes", ["updated"], unique=False)
    op.drop_column("votes", "language")
    op.drop_column("votes", "responder")
    for table in ("review_events", "reviews"):
        op.drop_table(table)


def _reviews() -> None:
    op.create_table(
        "reviews",
        sa.Column("completion_id", sa.String(), nullable=False),
        sa.Column("ruling", sa.String(), nullable=True, comment="null: none yet, or taken back"),
        sa.Column(
            "text",
            sa.Text(),
            nullable=False,
            comment="of a fix: the answer as it should have been",
        ),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("operator", sa.String(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.CheckConstraint(
            "ruling IN ('accept', 'fix', 'exclude')", name=op.f("ck_reviews_ruling")
        ),
        sa.ForeignKeyConstraint(
            ["completion_id"], ["completions.id"], name=op.f("fk_reviews_completion_id")
        ),
        sa.PrimaryKeyConstraint("completion_id", name=op.f("pk_reviews")),
    )
    op.create_table(
        "review_events",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("completion_id", sa.String(), nullable=False),
        sa.Column("ruling", sa.String(), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("operator", sa.String(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["completion_id"], ["completions.id"], name=op.f("fk_review_events_completion_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_review_events")),
    )
    op.create_index(
        op.f("review_events_by_completion_id"), "review_events", ["completion_id"], unique=False
    )
