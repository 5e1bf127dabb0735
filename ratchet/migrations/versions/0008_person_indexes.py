"""Whoever is to be forgotten is found by an index in every table; erasures by their time.

Frozen: a table that changes gets a script of its own behind this one.
"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

TABLES = (
    "vote_events",
    "comparison_events",
    "ranking_events",
    "correction_events",
    "implied_events",
)


def upgrade() -> None:
    """Create the indexes."""
    for table in TABLES:
        op.create_index(f"{table}_by_person", table, ["person"], unique=False)
    op.create_index("erasures_by_time", "erasures", ["asked"], unique=False)


def downgrade() -> None:
    """Drop them."""
    op.drop_index("erasures_by_time", "erasures")
    for table in reversed(TABLES):
        op.drop_index(f"{table}_by_person", table)
