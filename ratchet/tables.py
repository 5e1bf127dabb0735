"""The loop's own tables: cycles, what was asked for, and who may run.

Invariant: a cycle's row is the only record of how far it got; page, command line and a restarted
worker all read the same row. Registered in the metadata of `feedback/database.py`.
"""

from sqlalchemy import JSON, Column, Float, Integer, String, Table, Text

from feedback.database import metadata

cycles = Table(
    "cycles",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("request", Integer, nullable=True, unique=True),
    Column("method", String(16), nullable=False),
    Column("actor", String(200), nullable=False),
    Column("state", String(16), nullable=False, index=True),  # running | done
    Column("stage", String(16), nullable=False),
    Column("outcome", String(16), nullable=True),
    Column("reason", Text, nullable=False),
    Column("adapter", String(64), nullable=True),
    Column("promoted", String(64), nullable=True),
    Column("dataset", JSON(none_as_null=True), nullable=True),
    Column("gate", JSON(none_as_null=True), nullable=True),
    Column("stages", JSON, nullable=False),
    Column("work", JSON, nullable=False),  # what later stages, or a restart, need of earlier ones
    Column("resumed", Integer, nullable=False),
    Column("cutoff", Float, nullable=False),
    Column("holder", String(200), nullable=False),
    Column("created", Float, nullable=False),
    Column("updated", Float, nullable=False),
    sqlite_autoincrement=True,  # folders are named by it: a number is never given twice
)

cycle_requests = Table(
    "cycle_requests",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("method", String(16), nullable=False),
    Column("actor", String(200), nullable=False),
    Column("cycle", Integer, nullable=True),
    Column("created", Float, nullable=False),
    sqlite_autoincrement=True,
)

leases = Table(
    "leases",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("holder", String(200), nullable=False),
    Column("expires", Float, nullable=False),
)
