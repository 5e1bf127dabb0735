"""The tables of feedback: the current state of each thing said, and beside it every earlier state.

Invariant: `votes`, `comparisons`, `rankings`, `corrections`, `consents` and `reviews` hold what
counts now; the `*_events` tables only ever grow, until a person asks to be forgotten. Each event of
feedback says through which interface it came and which consent its person had given by then: none,
where it was imported, as it was said elsewhere. An answer's responder and question never change, so
what a vote holds of them does not either.
"""

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    false,
)

from feedback.database import metadata


def _given() -> tuple[Column[str], Column[str]]:
    """Return what every event of feedback carries beside what was said."""
    return (
        Column("interface", String, comment="null: said before this was kept"),
        Column("consent", String, comment="the text agreed to by then; null: none"),
    )


completions = Table(
    "completions",
    metadata,
    Column("id", String, primary_key=True),
    Column("conversation", String, nullable=False),
    Column("person", String, nullable=False),
    Column("purpose", String, nullable=False),
    Column("messages", JSON, nullable=False),
    Column("text", Text, nullable=False),
    Column("responder", String, nullable=False),
    Column("named", Boolean, nullable=False),
    Column("passages", JSON, nullable=False),
    Column("index_version", String),
    Column("steps", JSON, nullable=False, server_default="[]"),
    Column("sampling", JSON, nullable=False),
    Column("status", String, nullable=False),
    Column("finish_reason", String),
    Column("prompt_tokens", Integer),
    Column("completion_tokens", Integer),
    Column("ttft_ms", Float),
    Column("duration_ms", Float),
    Column("interface", String, nullable=False),
    Column("parent", String),
    Column("created", Float, nullable=False),
    Column("updated", Float, nullable=False),
    Column("block", String),
    CheckConstraint("purpose IN ('chat', 'pair', 'evaluation')", name="purpose"),
    CheckConstraint("status IN ('streaming', 'complete', 'cut', 'failed')", name="status"),
    Index("completions_by_time", "created", "id"),
    Index("completions_by_person", "person", "conversation", "created"),
)
# A start-up looks for what a crash left open: a handful of rows, whatever the table's size.
Index(
    "completions_open",
    completions.c.id,
    sqlite_where=completions.c.status == "streaming",
    postgresql_where=completions.c.status == "streaming",
)

conversations = Table(
    # What a client calls a conversation is only its own: two people may use the same id.
    "conversations",
    metadata,
    Column("person", String, primary_key=True),
    Column("id", String, primary_key=True),
    Column("title", Text, nullable=False),
    Column("created", Float, nullable=False),
    Column("updated", Float, nullable=False),
    Column("deleted", Float, comment="stays, so that a tab left open does not bring it back"),
    Index("conversations_by_update", "person", "updated"),
)

votes = Table(
    "votes",
    metadata,
    Column("completion_id", ForeignKey("completions.id"), primary_key=True),
    Column("person", String, primary_key=True),
    Column("liked", Boolean, comment="null: taken back"),
    Column("reasons", JSON, nullable=False),
    Column("comment", Text, nullable=False),
    Column("created", Float, nullable=False),
    Column("updated", Float, nullable=False),
    Column("responder", String, nullable=False, server_default="", comment="as of the answer"),
    Column("language", String, nullable=False, server_default="", comment="of the question"),
    # Readers page by `created`, which never moves: a vote changed meanwhile is read exactly once.
    Index("votes_by_time", "created", "completion_id", "person"),
    # With all that rates are made of: they are read from here alone.
    Index("votes_by_update", "updated", "responder", "language", "liked", "person"),
    Index("votes_by_person", "person", "updated"),
)

vote_events = Table(
    "vote_events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("completion_id", ForeignKey("completions.id"), nullable=False, index=True),
    Column("person", String, nullable=False, index=True),
    Column("liked", Boolean),
    Column("reasons", JSON, nullable=False),
    Column("comment", Text, nullable=False),
    Column("at", Float, nullable=False),
    *_given(),
)

comparisons = Table(
    "comparisons",
    metadata,
    Column("id", String, primary_key=True),
    Column("person", String, nullable=False),
    Column("left_id", ForeignKey("completions.id"), nullable=False, index=True),
    Column("right_id", ForeignKey("completions.id"), nullable=False, index=True),
    Column("outcome", String, comment="the blind choice; null: not chosen yet"),
    Column("unblinded", Boolean, nullable=False, server_default=false()),
    Column("created", Float, nullable=False),
    Column("updated", Float, nullable=False),
    Column("seconds", Float, comment="from the last answer's end to the blind choice"),
    CheckConstraint("outcome IN ('left', 'right', 'tie', 'both_bad')", name="outcome"),
    Index("comparisons_by_time", "created", "id"),
    Index("comparisons_by_update", "updated"),
    Index("comparisons_by_person", "person", "updated"),
)

comparison_events = Table(
    "comparison_events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("comparison_id", ForeignKey("comparisons.id"), nullable=False, index=True),
    Column("person", String, nullable=False, index=True),
    Column("outcome", String, nullable=False),
    Column("at", Float, nullable=False),
    *_given(),
)

rankings = Table(
    "rankings",
    metadata,
    Column("id", String, primary_key=True),
    Column("person", String, nullable=False),
    Column("conversation", String, nullable=False),
    Column("answers", JSON, nullable=False, comment="completions in the order they were shown in"),
    Column("order", JSON(none_as_null=True), comment="the blind order; null: not ranked yet"),
    Column("unblinded", Boolean, nullable=False, server_default=false()),
    Column("created", Float, nullable=False),
    Column("updated", Float, nullable=False),
    Column("seconds", Float, comment="from the last answer's end to the blind choice"),
    Index("rankings_by_person", "person", "conversation"),
    Index("rankings_by_time", "created", "id"),
    Index("rankings_by_update", "updated"),
)

ranking_events = Table(
    "ranking_events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("ranking_id", ForeignKey("rankings.id"), nullable=False, index=True),
    Column("person", String, nullable=False, index=True),
    Column("order", JSON, nullable=False),
    Column("at", Float, nullable=False),
    *_given(),
)

corrections = Table(
    "corrections",
    metadata,
    Column("completion_id", ForeignKey("completions.id"), primary_key=True),
    Column("person", String, primary_key=True),
    Column("text", Text, nullable=False),
    Column("created", Float, nullable=False),
    Column("updated", Float, nullable=False),
    Index("corrections_by_time", "created", "completion_id", "person"),
    Index("corrections_by_update", "updated"),
    Index("corrections_by_person", "person", "updated"),
)

correction_events = Table(
    "correction_events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("completion_id", ForeignKey("completions.id"), nullable=False, index=True),
    Column("person", String, nullable=False, index=True),
    Column("text", Text, nullable=False),
    Column("at", Float, nullable=False),
    *_given(),
)

implied_events = Table(
    # What people did with an answer, the first time that they did it.
    "implied_events",
    metadata,
    Column("completion_id", ForeignKey("completions.id"), primary_key=True),
    Column("person", String, primary_key=True),
    Column("kind", String, primary_key=True),
    Column("at", Float, nullable=False),
    *_given(),
    CheckConstraint("kind IN ('copy', 'edit', 'regenerate')", name="kind"),
    Index("implied_events_by_person", "person"),
    Index("implied_events_by_time", "at", "completion_id", "person", "kind"),
)

consents = Table(
    "consents",
    metadata,
    Column("person", String, primary_key=True),
    Column("agreed", Boolean, comment="null: put off"),
    Column("version", String, nullable=False, comment="of the text that was answered"),
    Column("updated", Float, nullable=False),
)

consent_events = Table(
    "consent_events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("person", String, nullable=False, index=True),
    Column("agreed", Boolean),
    Column("version", String, nullable=False),
    Column("interface", String, nullable=False),
    Column("at", Float, nullable=False),
)

erasures = Table(
    # Who was forgotten, told by a salted hash only: a restore of an older backup looks for them.
    "erasures",
    metadata,
    Column("id", String, primary_key=True),
    Column("salt", String, nullable=False),
    Column("digest", String, nullable=False),
    Column("actor", String, nullable=False),
    Column("asked", Float, nullable=False),
    Column("counts", JSON, nullable=False, comment="rows deleted, by table"),
    Column("left", JSON, nullable=False, comment="what finishing needs; empty once it is done"),
    Column("adapters", JSON, nullable=False, comment="that learned from the person"),
    Column("done", Float, comment="when files were cleaned and the proof was written"),
    # Whatever is answered asks whether its person was forgotten meanwhile.
    Index("erasures_by_time", "asked"),
)

voter_decisions = Table(
    "voter_decisions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("person", String, nullable=False, index=True),
    Column("action", String, nullable=False),
    Column("comment", Text, nullable=False),
    Column("actor", String, nullable=False),
    Column("at", Float, nullable=False),
    CheckConstraint("action IN ('block', 'restore', 'comment')", name="action"),
)

reviews = Table(
    # What an operator says of an answer, and so of all that its person said of it.
    "reviews",
    metadata,
    Column("completion_id", ForeignKey("completions.id"), primary_key=True),
    Column("ruling", String, comment="null: none yet, or taken back"),
    Column("text", Text, nullable=False, comment="of a fix: the answer as it should have been"),
    Column("comment", Text, nullable=False),
    Column("operator", String, nullable=False),
    Column("at", Float, nullable=False),
    CheckConstraint("ruling IN ('accept', 'fix', 'exclude')", name="ruling"),
)

review_events = Table(
    "review_events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("completion_id", ForeignKey("completions.id"), nullable=False, index=True),
    Column("ruling", String),
    Column("text", Text, nullable=False),
    Column("comment", Text, nullable=False),
    Column("operator", String, nullable=False),
    Column("at", Float, nullable=False),
)

cycle_reads = Table(
    # What a cycle read is visible once this row is there.
    "cycle_reads",
    metadata,
    Column("cycle", Integer, primary_key=True, autoincrement=False),
    Column("cutoff", Float, nullable=False, comment="what was said up to then was read"),
    Column("adapter", String, comment="what was trained on it; null: nothing, or not yet"),
)

feedback_uses = Table(
    "feedback_uses",
    metadata,
    Column("completion_id", ForeignKey("completions.id"), primary_key=True),
    Column("kind", String, primary_key=True, comment="vote, comparison, ranking or correction"),
    Column("cycle", Integer, primary_key=True, autoincrement=False, index=True),
    Column("role", String, nullable=False),
    Column("reason", String, nullable=False, comment="why it is left out"),
    CheckConstraint("role IN ('train', 'judge', 'check', 'left_out')", name="role"),
)
