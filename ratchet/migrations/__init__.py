"""The one migration history, for every table of `feedback`, `serving` and `ratchet`.

Invariant: an upgrade is one transaction, so a database is at one revision or at the next, never
between. The scripts travel inside the package: a checkout and an installation find the same ones.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from feedback.database import Database


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    return config


def head() -> str:
    """The newest revision that this code knows."""
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    if revision is None:
        raise LookupError("ratchet/migrations/versions is empty: the installation is incomplete.")
    return revision


def revision(database: Database) -> str | None:
    """The revision that the database is at; None: it is empty."""
    with database.read() as db:
        return MigrationContext.configure(db).get_current_revision()


def migrate_url(url: str) -> None:
    """Open a database, bring it to the newest revision, and close it."""
    database = Database(url)
    try:
        database.check()
        migrate(database)
    finally:
        database.dispose()


def migrate(database: Database) -> None:
    """Bring the database to the newest revision."""
    config = _config()
    with database.write() as db:
        config.attributes["connection"] = db
        command.upgrade(config, "head")
