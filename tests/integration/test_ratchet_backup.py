"""A backup is one moment of a database that fifty people are writing into."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import Table, select

from feedback.database import Database
from feedback.tables import completions, vote_events, votes
from ratchet.archive import write_backup
from ratchet.migrations import migrate_url
from ratchet.restore import read_backup
from ratchet.settings import Settings
from tests.voters_kit import PEOPLE, Voters


def rows(database: Database, table: Table) -> list[tuple[Any, ...]]:
    query = select(table).order_by(*table.primary_key.columns)
    with database.read() as connection:
        return [tuple(row) for row in connection.execute(query)]


def test_a_backup_under_votes_is_the_database_up_to_its_moment(
    new_url: Callable[[], str], tmp_path: Path
) -> None:
    here = Settings(home=tmp_path / "here", database_url=new_url())
    there = Settings(home=tmp_path / "there", database_url=new_url())
    migrate_url(here.database)
    voters = Voters(here.database, "people", tmp_path)
    try:
        voters.wait_for_votes(4 * PEOPLE)
        before = voters.last_steps()
        write_backup(here, tmp_path / "archive.tar")
        after = voters.last_steps()
        voters.wait_for_votes(4 * PEOPLE)
    finally:
        voters.kill()
    read_backup(there, tmp_path / "archive.tar")
    source, copy = Database(here.database), Database(there.database)
    kept, events = rows(copy, vote_events), rows(source, vote_events)
    assert len(before) <= len(kept) < len(events)
    # Events have rising numbers: those up to the moment, every one of them and no other.
    assert kept == events[: len(kept)]
    answers = rows(copy, completions)
    ids = {row[0] for row in answers}
    assert answers == [row for row in rows(source, completions) if row[0] in ids]
    steps = {id_: int(comment) for _, id_, _, _, _, comment, *_ in kept}
    assert {row[0]: int(row[4]) for row in rows(copy, votes)} == steps
    assert all(steps[id_] >= step for id_, step in before.items())
    assert all(step <= after[id_] + 1 for id_, step in steps.items() if id_ in after)
    for database in (source, copy):
        database.dispose()
