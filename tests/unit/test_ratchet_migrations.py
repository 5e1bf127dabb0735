"""One history for every table: it leads from nothing to what the code registers."""

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

import ratchet.tables
import serving.tables  # noqa: F401
from feedback.database import Database, metadata
from feedback.tables import completions
from ratchet.migrations import head, migrate, revision


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(f"sqlite:///{tmp_path / 'ratchet.db'}")


def test_an_empty_database_comes_to_what_the_code_registers(database: Database) -> None:
    migrate(database)
    with database.read() as db:
        context = MigrationContext.configure(db, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    assert revision(database) == head()
    database.dispose()


def test_migrating_twice_changes_nothing(database: Database) -> None:
    migrate(database)
    migrate(database)
    assert revision(database) == head()
    database.dispose()


def test_a_migration_keeps_what_is_there(database: Database) -> None:
    migrate(database)
    with database.write() as db:
        db.execute(ratchet.tables.leases.insert().values(name="loop", holder="me", expires=1.0))
    migrate(database)
    with database.read() as db:
        assert db.execute(ratchet.tables.leases.select()).one().holder == "me"
        assert db.execute(completions.select()).all() == []
    database.dispose()


def test_an_empty_database_has_no_revision(database: Database) -> None:
    assert revision(database) is None
    database.dispose()


def test_revisions_are_one_line_with_unique_ids() -> None:
    folder = Path(ratchet.tables.__file__).parent / "migrations"
    config = Config()
    config.set_main_option("script_location", str(folder))
    scripts = list(ScriptDirectory.from_config(config).walk_revisions())
    files = [p for p in (folder / "versions").glob("*.py") if p.name != "__init__.py"]
    assert len({s.revision for s in scripts}) == len(scripts) == len(files)
    assert ScriptDirectory.from_config(config).get_heads() == [head()]
