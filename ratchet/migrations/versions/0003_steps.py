"""What an agent did before it answered is kept with its answer; of earlier answers it is not known.

Frozen: a table that changes gets a script of its own behind this one.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    steps = sa.Column("steps", sa.JSON(), server_default="[]", nullable=False)
    op.add_column("completions", steps)


def downgrade() -> None:
    """Drop it."""
    op.drop_column("completions", "steps")
