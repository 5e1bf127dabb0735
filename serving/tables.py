"""What serving remembers: adapters, aliases, decisions, deployments, holds, replicas and API keys.

Invariant: rows of `deployments` are only ever added, and `ended` is set once. The stack of what is
live hangs together by `below`: promote pushes a row, rollback adds one for the row below.
"""

from sqlalchemy import JSON, Boolean, Column, Float, ForeignKey, Integer, String, Table, Text

from feedback.database import metadata

adapters = Table(
    "adapters",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("path", Text, nullable=False),
    Column("fingerprint", String(128), nullable=False),
    Column("base_hash", String(128), nullable=False, index=True),
    Column("recipe", String(64), nullable=False),
    Column("dataset", String(128), nullable=False),
    Column("cycle", String(64), nullable=False),
    Column("state", String(32), nullable=False),
    Column("created", Float, nullable=False),
    Column("metrics", JSON, nullable=False),
)

adapter_numbers = Table(
    # A number is spent when it is given out: a crash between training and registering must not
    # let a second adapter have the name of a folder that an engine may know.
    "adapter_numbers",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("created", Float, nullable=False),
    sqlite_autoincrement=True,
)

aliases = Table(
    "aliases",
    metadata,
    Column("base_hash", String(128), primary_key=True),
    Column("alias", String(32), primary_key=True),
    Column("target", String(64), nullable=False),
    Column("share", Float),
    Column("updated", Float, nullable=False),
)

decisions = Table(
    "decisions",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("base_hash", String(128), nullable=False, index=True),
    Column("cycle", String(64), nullable=False),
    Column("responder", String(80), nullable=False, index=True),
    Column("decision", String(16), nullable=False),
    Column("body", JSON, nullable=False),
    Column("created", Float, nullable=False),
)

deployments = Table(
    "deployments",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("base_hash", String(128), nullable=False, index=True),
    Column("kind", String(16), nullable=False),
    Column("responder", String(80), nullable=False),
    Column("reason", Text, nullable=False),
    Column("actor", String(128), nullable=False),
    Column("forced", Boolean, nullable=False, default=False),
    Column("started", Float, nullable=False),
    Column("ended", Float),
    Column("below", Integer, ForeignKey("deployments.id")),
)

holds = Table(
    "holds",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("reason", Text, nullable=False),
    Column("actor", String(128), nullable=False),
    Column("started", Float, nullable=False),
    Column("ended", Float),
    Column("resume_reason", Text),
    Column("resumed_by", String(128)),
)

replicas = Table(
    "replicas",
    metadata,
    Column("url", String(255), primary_key=True),
    Column("loaded", JSON, nullable=False),
    Column("ready", Boolean, nullable=False),
    Column("detail", Text, nullable=False),
    Column("updated", Float, nullable=False),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("hash", String(64), nullable=False, unique=True),
    Column("holder", String(128), nullable=False),
    Column("rights", JSON, nullable=False),
    Column("created", Float, nullable=False),
    Column("revoked", Float),
)
