"""A write is whole, on disk and alone; tests/integration has what several processes do."""

import threading

import pytest
from sqlalchemy import inspect, text
from sqlalchemy.exc import DBAPIError

from feedback.database import Database
from feedback.types import FeedbackError


def test_a_write_is_on_disk_when_it_returns(database: Database) -> None:
    with database.write() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    full = 2
    assert pragmas == {
        "journal_mode": "wal",
        "synchronous": full,
        "foreign_keys": 1,
        "busy_timeout": 60_000,
    }


def test_a_failed_write_leaves_nothing(database: Database) -> None:
    def fail() -> None:
        with database.write() as connection:
            connection.execute(text("CREATE TABLE half (a INTEGER)"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with database.read() as connection:
        assert "half" not in inspect(connection).get_table_names()


def test_a_reader_cannot_write(database: Database) -> None:
    with database.read() as connection, pytest.raises(DBAPIError, match=r"read-?only"):
        connection.execute(text("DELETE FROM votes"))


def test_a_write_inside_a_write_is_refused_instead_of_waiting_for_itself(
    database: Database,
) -> None:
    with database.write(), pytest.raises(RuntimeError, match="inside"), database.write():
        pass
    with database.write():
        pass


def test_data_version_changes_with_every_commit_of_anybody(database: Database) -> None:
    seen = database.data_version()
    assert database.data_version() == seen
    with database.write() as connection:
        connection.execute(text("CREATE TABLE mine (a INTEGER)"))
    own = database.data_version()
    assert own != seen
    other = Database(database.url)
    with other.write() as connection:
        connection.execute(text("INSERT INTO mine VALUES (1)"))
    other.dispose()
    assert database.data_version() != own


def test_threads_wait_for_each_other(database: Database) -> None:
    with database.write() as connection:
        connection.execute(text("CREATE TABLE counter (n INTEGER)"))
        connection.execute(text("INSERT INTO counter VALUES (0)"))

    def count() -> None:
        for _ in range(25):
            with database.write() as connection:
                n = connection.execute(text("SELECT n FROM counter")).scalar_one()
                connection.execute(text("UPDATE counter SET n = :n"), {"n": n + 1})

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as connection:
        assert connection.execute(text("SELECT n FROM counter")).scalar() == 100


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("sqlite://", "memory"),
        ("sqlite:///:memory:", "memory"),
        ("mysql://host/name", "neither"),
        ("no url", "no database URL"),
    ],
)
def test_a_database_that_cannot_be_shared_is_refused_by_name(url: str, why: str) -> None:
    with pytest.raises(FeedbackError, match=why):
        Database(url)
