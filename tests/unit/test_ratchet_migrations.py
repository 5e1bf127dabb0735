"""One history for every table: it leads from nothing to what the code registers."""

from collections.abc import Callable
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

import ratchet.tables
import serving.tables  # noqa: F401
from feedback.conversations import Conversations, title_of
from feedback.database import Database, metadata
from feedback.found_votes import Wanted, find_votes
from feedback.rows import completion_values
from feedback.store import FeedbackStore
from feedback.tables import completions, votes
from feedback.types import Completion
from ratchet.migrations import head, migrate, revision


@pytest.fixture
def database(new_url: Callable[[], str]) -> Database:
    """One without any tables: they are what is tested."""
    return Database(new_url())


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


def move(database: Database, number: str, step: Callable[[Config, str], None]) -> None:
    """Bring a database to an older revision, as an earlier version of the service left it."""
    config = Config()
    folder = Path(ratchet.tables.__file__).parent / "migrations"
    config.set_main_option("script_location", str(folder))
    with database.write() as db:
        config.attributes["connection"] = db
        step(config, number)


def test_conversations_held_before_they_were_listed_are_listed(database: Database) -> None:
    move(database, "0001", command.upgrade)
    question = "What is covered, " * 10

    def row(id_: str, conversation: str, at: float, interface: str = "page") -> dict[str, object]:
        completion = Completion(
            id=id_,
            conversation=conversation,
            person="ada",
            messages=({"role": "user", "content": f"{question}{id_}?"},),
            responder="rag",
            sampling={},
            interface=interface,
            created=at,
            updated=at,
        )
        assert title_of(completion).endswith("…")
        values = completion_values(completion)
        del values["steps"]  # there was no such column yet
        del values["block"]  # came later
        return values

    rows = [row("a", "one", 1.0), row("b", "two", 2.0), row("c", "one", 3.0)]
    with database.write() as db:
        db.execute(completions.insert(), [*rows, row("d", "d", 4.0, "api")])
    migrate(database)
    assert {c.steps for c in FeedbackStore(database).completions()} == {()}
    first, second = Conversations(database).list("ada")
    assert (first.id, first.created, first.updated) == ("one", 1.0, 3.0)
    assert first.title == ("What is covered, " * 10)[:79].rstrip() + "…"
    assert (second.id, second.updated) == ("two", 2.0)
    database.dispose()


def test_votes_given_before_it_was_kept_say_what_they_are_about(database: Database) -> None:
    move(database, "0006", command.upgrade)
    asked = {"a": "Is it covered?", "b": "면책기간은?", "c": "면책"}
    answers = [
        Completion(
            id=id_, conversation=id_, person="ada", responder=f"maker of {id_}", sampling={},
            messages=({"role": "user", "content": text},),
        )
        for id_, text in asked.items()
    ]  # fmt: skip
    given = {"person": "ada", "reasons": [], "comment": "", "created": 1.0, "updated": 1.0}
    old = votes.insert().values(given | {"completion_id": "", "liked": True})
    with database.write() as db:
        db.execute(completions.insert(), [completion_values(answer) for answer in answers])
        for id_ in asked:
            db.execute(old.values(completion_id=id_))
    migrate(database)
    told = {found.vote.completion_id: found for found in find_votes(database, Wanted())}
    assert [(told[i].responder, told[i].language) for i in "abc"] == [
        ("maker of a", "other"), ("maker of b", "ko"), ("maker of c", "ko")
    ]  # fmt: skip
    database.dispose()


def test_going_back_drops_what_a_revision_added(database: Database) -> None:
    migrate(database)
    move(database, "0001", command.downgrade)
    assert revision(database) == "0001"
    migrate(database)
    assert revision(database) == head()
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
