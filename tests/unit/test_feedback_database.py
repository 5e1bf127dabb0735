"""Several processes write one file: nobody is turned away, and nothing acknowledged is lost."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError

from feedback.database import Database, default_url
from feedback.tables import votes
from feedback.types import FeedbackError

ROOT = Path(__file__).parents[2]

# Votes for ever (or `count` times), and prints each id when its vote has been acknowledged.
WRITER = """
import itertools, sys
from feedback.database import Database
from feedback.store import FeedbackStore
from feedback.types import Completion
url, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
database = Database(url)
database.create_tables()
store = FeedbackStore(database)
for number in range(count) if count else itertools.count():
    id_ = f"{name}-{number}"
    store.open_completion(Completion(id=id_, conversation="c", person=name, responder="rag",
                                     messages=({"role": "user", "content": "?"},), sampling={}))
    store.record_vote(id_, name, number % 2 == 0)
    print(id_, flush=True)
"""


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(default_url(tmp_path))
    database.create_tables()
    yield database
    database.dispose()


def writer(url: str, name: str, said: Path, count: int = 0) -> subprocess.Popen[bytes]:
    with said.open("wb") as file:
        return subprocess.Popen(
            [sys.executable, "-c", WRITER, url, name, str(count)], cwd=ROOT, stdout=file
        )


def voted(database: Database) -> set[str]:
    with database.read() as connection:
        return set(connection.scalars(select(votes.c.completion_id)))


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
            connection.execute(text("CREATE TABLE half (a)"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with database.read() as connection:
        found = connection.execute(text("SELECT * FROM sqlite_master WHERE name = 'half'")).all()
    assert found == []


def test_a_reader_cannot_write(database: Database) -> None:
    with database.read() as connection, pytest.raises(OperationalError, match="readonly"):
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
        connection.execute(text("CREATE TABLE mine (a)"))
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


def test_processes_that_start_at_once_and_write_at_once_never_find_it_locked(
    tmp_path: Path,
) -> None:
    url = default_url(tmp_path / "new")
    writers = [writer(url, f"w{number}", tmp_path / f"{number}", count=60) for number in range(3)]
    assert [process.wait(timeout=120) for process in writers] == [0, 0, 0]
    database = Database(url)
    assert len(voted(database)) == 180
    database.dispose()


def test_no_acknowledged_vote_is_lost_by_kill_9(database: Database, tmp_path: Path) -> None:
    acknowledged: set[str] = set()
    for turn in range(5):
        said = [tmp_path / f"said-{turn}-{number}" for number in range(4)]
        writers = [writer(database.url, path.name, path) for path in said]
        deadline = time.monotonic() + 60
        while not all(path.stat().st_size for path in said):
            assert time.monotonic() < deadline, "a writer never got its first vote through"
            time.sleep(0.01)
        time.sleep(0.03 * turn)
        for process in writers:
            process.kill()
        assert [process.wait() for process in writers] == [-signal.SIGKILL] * 4
        for path in said:
            # What follows the last line's end was cut off by the kill: nobody was told of it.
            acknowledged |= set(path.read_text().split("\n")[:-1])
    assert len(acknowledged) >= 20
    assert acknowledged <= voted(database)
    with database.read() as connection:
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"


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
