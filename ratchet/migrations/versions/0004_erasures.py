"""Who was forgotten: a ledger that names nobody.

Frozen: a table that changes gets a script of its own behind this one.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the ledger."""
    op.create_table(
        "erasures",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("salt", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("asked", sa.Float(), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False, comment="rows deleted, by table"),
        sa.Column(
            "left", sa.JSON(), nullable=False, comment="what finishing needs; empty once it is done"
        ),
        sa.Column("adapters", sa.JSON(), nullable=False, comment="that learned from the person"),
        sa.Column(
            "done",
            sa.Float(),
            nullable=True,
            comment="when files were cleaned and the proof was written",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erasures")),
    )


def downgrade() -> None:
    """Drop the ledger."""
    op.drop_table("erasures")
