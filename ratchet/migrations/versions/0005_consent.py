"""Consent, what people imply, time to choose; events carry their interface and consent.

Frozen: a table that changes gets a script of its own behind this one.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

EVENTS = ("vote_events", "comparison_events", "ranking_events", "correction_events")
CHOSEN = ("comparisons", "rankings")


def upgrade() -> None:
    """Create the new tables and columns; what was said before has no interface and no consent."""
    for events in EVENTS:
        for column in _given():
            op.add_column(events, column)
    seconds = "from the last answer's end to the blind choice"
    for chosen in CHOSEN:
        op.add_column(chosen, sa.Column("seconds", sa.Float(), nullable=True, comment=seconds))
    _implied()
    _consents()


def downgrade() -> None:
    """Drop what is new."""
    for table in ("implied_events", "consent_events", "consents"):
        op.drop_table(table)
    for chosen in CHOSEN:
        op.drop_column(chosen, "seconds")
    for events in EVENTS:
        op.drop_column(events, "consent")
        op.drop_column(events, "interface")


def _given() -> tuple[sa.Column[str], sa.Column[str]]:
    return (
        sa.Column(
            "interface", sa.String(), nullable=True, comment="null: said before this was kept"
        ),
        sa.Column(
            "consent", sa.String(), nullable=True, comment="the text agreed to by then; null: none"
        ),
    )


def _implied() -> None:
    op.create_table(
        "implied_events",
        sa.Column("completion_id", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        *_given(),
        sa.CheckConstraint(
            "kind IN ('copy', 'edit', 'regenerate')", name=op.f("ck_implied_events_kind")
        ),
        sa.ForeignKeyConstraint(
            ["completion_id"], ["completions.id"], name=op.f("fk_implied_events_completion_id")
        ),
        sa.PrimaryKeyConstraint("completion_id", "person", "kind", name=op.f("pk_implied_events")),
    )
    by_time = ["at", "completion_id", "person", "kind"]
    op.create_index("implied_events_by_time", "implied_events", by_time, unique=False)


def _consents() -> None:
    op.create_table(
        "consents",
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("agreed", sa.Boolean(), nullable=True, comment="null: put off"),
        sa.Column("version", sa.String(), nullable=False, comment="of the text that was answered"),
        sa.Column("updated", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("person", name=op.f("pk_consents")),
    )
    op.create_table(
        "consent_events",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("agreed", sa.Boolean(), nullable=True),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("interface", sa.String(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent_events")),
    )
    op.create_index("consent_events_by_person", "consent_events", ["person"], unique=False)
