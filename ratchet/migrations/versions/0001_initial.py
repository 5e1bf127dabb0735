"""The first shape of every table.

Frozen: a table that changes gets a script of its own behind this one.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create everything."""
    for create in (_answers, _votes, _comparisons, _corrections, _adapters, _live, _people, _loop):
        create()


def downgrade() -> None:
    """Drop everything, what refers to others first."""
    for table in TABLES:
        op.drop_table(table)


TABLES = (
    "comparison_events",
    "votes",
    "vote_events",
    "corrections",
    "correction_events",
    "comparisons",
    "replicas",
    "leases",
    "holds",
    "deployments",
    "decisions",
    "cycles",
    "cycle_requests",
    "completions",
    "api_keys",
    "aliases",
    "adapters",
    "adapter_numbers",
)


def _answers() -> None:
    op.create_table(
        "completions",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("conversation", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("messages", sa.JSON(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("responder", sa.String(), nullable=False),
        sa.Column("named", sa.Boolean(), nullable=False),
        sa.Column("passages", sa.JSON(), nullable=False),
        sa.Column("index_version", sa.String(), nullable=True),
        sa.Column("sampling", sa.JSON(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("finish_reason", sa.String(), nullable=True),
        sa.Column("prompt_tokens", sa.Integer(), nullable=True),
        sa.Column("completion_tokens", sa.Integer(), nullable=True),
        sa.Column("ttft_ms", sa.Float(), nullable=True),
        sa.Column("duration_ms", sa.Float(), nullable=True),
        sa.Column("interface", sa.String(), nullable=False),
        sa.Column("parent", sa.String(), nullable=True),
        sa.Column("created", sa.Float(), nullable=False),
        sa.Column("updated", sa.Float(), nullable=False),
        sa.CheckConstraint(
            "purpose IN ('chat', 'pair', 'evaluation')", name=op.f("ck_completions_purpose")
        ),
        sa.CheckConstraint(
            "status IN ('streaming', 'complete', 'cut', 'failed')",
            name=op.f("ck_completions_status"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_completions")),
    )
    op.create_index(
        "completions_by_person", "completions", ["person", "conversation", "created"], unique=False
    )
    op.create_index("completions_by_time", "completions", ["created", "id"], unique=False)
    op.create_index(
        "completions_open",
        "completions",
        ["id"],
        unique=False,
        sqlite_where=sa.text("status = 'streaming'"),
        postgresql_where=sa.text("status = 'streaming'"),
    )


def _votes() -> None:
    op.create_table(
        "votes",
        sa.Column("completion_id", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("liked", sa.Boolean(), nullable=True, comment="null: taken back"),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("created", sa.Float(), nullable=False),
        sa.Column("updated", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["completion_id"], ["completions.id"], name=op.f("fk_votes_completion_id")
        ),
        sa.PrimaryKeyConstraint("completion_id", "person", name=op.f("pk_votes")),
    )
    op.create_index("votes_by_time", "votes", ["created", "completion_id", "person"], unique=False)
    op.create_index("votes_by_update", "votes", ["updated"], unique=False)
    op.create_table(
        "vote_events",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("completion_id", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("liked", sa.Boolean(), nullable=True),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["completion_id"], ["completions.id"], name=op.f("fk_vote_events_completion_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_vote_events")),
    )
    op.create_index(
        op.f("vote_events_by_completion_id"), "vote_events", ["completion_id"], unique=False
    )


def _comparisons() -> None:
    op.create_table(
        "comparisons",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("left_id", sa.String(), nullable=False),
        sa.Column("right_id", sa.String(), nullable=False),
        sa.Column(
            "outcome", sa.String(), nullable=True, comment="the blind choice; null: not chosen yet"
        ),
        sa.Column("unblinded", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("created", sa.Float(), nullable=False),
        sa.Column("updated", sa.Float(), nullable=False),
        sa.CheckConstraint(
            "outcome IN ('left', 'right', 'tie', 'both_bad')", name=op.f("ck_comparisons_outcome")
        ),
        sa.ForeignKeyConstraint(
            ["left_id"], ["completions.id"], name=op.f("fk_comparisons_left_id")
        ),
        sa.ForeignKeyConstraint(
            ["right_id"], ["completions.id"], name=op.f("fk_comparisons_right_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_comparisons")),
    )
    op.create_index(op.f("comparisons_by_left_id"), "comparisons", ["left_id"], unique=False)
    op.create_index(op.f("comparisons_by_right_id"), "comparisons", ["right_id"], unique=False)
    op.create_index("comparisons_by_time", "comparisons", ["created", "id"], unique=False)
    op.create_index("comparisons_by_update", "comparisons", ["updated"], unique=False)
    op.create_table(
        "comparison_events",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("comparison_id", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["comparison_id"], ["comparisons.id"], name=op.f("fk_comparison_events_comparison_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_comparison_events")),
    )
    op.create_index(
        op.f("comparison_events_by_comparison_id"),
        "comparison_events",
        ["comparison_id"],
        unique=False,
    )


def _corrections() -> None:
    op.create_table(
        "corrections",
        sa.Column("completion_id", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("created", sa.Float(), nullable=False),
        sa.Column("updated", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["completion_id"], ["completions.id"], name=op.f("fk_corrections_completion_id")
        ),
        sa.PrimaryKeyConstraint("completion_id", "person", name=op.f("pk_corrections")),
    )
    op.create_index(
        "corrections_by_time", "corrections", ["created", "completion_id", "person"], unique=False
    )
    op.create_index("corrections_by_update", "corrections", ["updated"], unique=False)
    op.create_table(
        "correction_events",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("completion_id", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["completion_id"], ["completions.id"], name=op.f("fk_correction_events_completion_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_correction_events")),
    )
    op.create_index(
        op.f("correction_events_by_completion_id"),
        "correction_events",
        ["completion_id"],
        unique=False,
    )


def _adapters() -> None:
    op.create_table(
        "adapters",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.String(length=128), nullable=False),
        sa.Column("base_hash", sa.String(length=128), nullable=False),
        sa.Column("recipe", sa.String(length=64), nullable=False),
        sa.Column("dataset", sa.String(length=128), nullable=False),
        sa.Column("cycle", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("created", sa.Float(), nullable=False),
        sa.Column("metrics", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_adapters")),
    )
    op.create_index(op.f("adapters_by_base_hash"), "adapters", ["base_hash"], unique=False)
    op.create_table(
        "adapter_numbers",
        sa.Column("number", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("created", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_adapter_numbers")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "aliases",
        sa.Column("base_hash", sa.String(length=128), nullable=False),
        sa.Column("alias", sa.String(length=32), nullable=False),
        sa.Column("target", sa.String(length=64), nullable=False),
        sa.Column("share", sa.Float(), nullable=True),
        sa.Column("updated", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("base_hash", "alias", name=op.f("pk_aliases")),
    )
    op.create_table(
        "decisions",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("base_hash", sa.String(length=128), nullable=False),
        sa.Column("cycle", sa.String(length=64), nullable=False),
        sa.Column("responder", sa.String(length=80), nullable=False),
        sa.Column("decision", sa.String(length=16), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("created", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decisions")),
    )
    op.create_index(op.f("decisions_by_base_hash"), "decisions", ["base_hash"], unique=False)
    op.create_index(op.f("decisions_by_responder"), "decisions", ["responder"], unique=False)


def _live() -> None:
    op.create_table(
        "deployments",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("base_hash", sa.String(length=128), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("responder", sa.String(length=80), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor", sa.String(length=128), nullable=False),
        sa.Column("forced", sa.Boolean(), nullable=False),
        sa.Column("started", sa.Float(), nullable=False),
        sa.Column("ended", sa.Float(), nullable=True),
        sa.Column("below", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["below"], ["deployments.id"], name=op.f("fk_deployments_below")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deployments")),
    )
    op.create_index(op.f("deployments_by_base_hash"), "deployments", ["base_hash"], unique=False)
    op.create_table(
        "holds",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor", sa.String(length=128), nullable=False),
        sa.Column("started", sa.Float(), nullable=False),
        sa.Column("ended", sa.Float(), nullable=True),
        sa.Column("resume_reason", sa.Text(), nullable=True),
        sa.Column("resumed_by", sa.String(length=128), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_holds")),
    )
    op.create_table(
        "replicas",
        sa.Column("url", sa.String(length=255), nullable=False),
        sa.Column("loaded", sa.JSON(), nullable=False),
        sa.Column("ready", sa.Boolean(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("updated", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("url", name=op.f("pk_replicas")),
    )


def _people() -> None:
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("holder", sa.String(length=128), nullable=False),
        sa.Column("rights", sa.JSON(), nullable=False),
        sa.Column("created", sa.Float(), nullable=False),
        sa.Column("revoked", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("hash", name=op.f("uq_api_keys_hash")),
    )


def _loop() -> None:
    op.create_table(
        "cycles",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("request", sa.Integer(), nullable=True),
        sa.Column("method", sa.String(length=16), nullable=False),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("stage", sa.String(length=16), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("adapter", sa.String(length=64), nullable=True),
        sa.Column("promoted", sa.String(length=64), nullable=True),
        sa.Column("dataset", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("gate", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("stages", sa.JSON(), nullable=False),
        sa.Column("work", sa.JSON(), nullable=False),
        sa.Column("resumed", sa.Integer(), nullable=False),
        sa.Column("cutoff", sa.Float(), nullable=False),
        sa.Column("holder", sa.String(length=200), nullable=False),
        sa.Column("created", sa.Float(), nullable=False),
        sa.Column("updated", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cycles")),
        sa.UniqueConstraint("request", name=op.f("uq_cycles_request")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("cycles_by_state"), "cycles", ["state"], unique=False)
    op.create_table(
        "cycle_requests",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("method", sa.String(length=16), nullable=False),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("cycle", sa.Integer(), nullable=True),
        sa.Column("created", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cycle_requests")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "leases",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("holder", sa.String(length=200), nullable=False),
        sa.Column("expires", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_leases")),
    )
