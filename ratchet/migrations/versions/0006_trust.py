"""What operators say of voters, and from which address block an answer was asked for.

Frozen: a table that changes gets a script of its own behind this one.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table and the column."""
    op.create_table(
        "voter_decisions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.CheckConstraint(
            "action IN ('block', 'restore', 'comment')", name=op.f("ck_voter_decisions_action")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_voter_decisions")),
    )
    op.create_index(op.f("voter_decisions_by_person"), "voter_decisions", ["person"], unique=False)
    op.add_column("completions", sa.Column("block", sa.String(), nullable=True))


def downgrade() -> None:
    """Drop what is new."""
    op.drop_column("completions", "block")
    op.drop_table("voter_decisions")
