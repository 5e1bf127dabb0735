"""Writes that share a commit: each is acknowledged after it, and none falls with another."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import wait as wait_for_all
from typing import Any

import pytest
from sqlalchemy import Connection, event, text
from sqlalchemy.exc import IntegrityError, OperationalError

from feedback.database import Database
from feedback.group_commit import LARGEST, GroupCommit


@pytest.fixture
def numbers(database: Database) -> Database:
    with database.write() as connection:
        connection.execute(text("CREATE TABLE numbers (n INTEGER PRIMARY KEY)"))
    return database


class Adding:
    """Adds a number and gives it back."""

    def __init__(self, n: int) -> None:
        self.n = n

    def __call__(self, connection: Connection) -> int:
        connection.execute(text("INSERT INTO numbers VALUES (:n)"), {"n": self.n})
        return self.n


def kept(database: Database) -> list[int]:
    with database.read() as connection:
        return list(connection.scalars(text("SELECT n FROM numbers ORDER BY n")))


def submit_at_once(database: Database, *jobs: Callable[[Connection], Any]) -> list[Future[Any]]:
    """Submit jobs while another write is under way, so that they share the next commit."""
    begun, go_on = threading.Event(), threading.Event()

    def hold_up(_: Connection) -> None:
        begun.set()
        go_on.wait(20)

    under_way = database.submit(hold_up)
    # Before it has begun, the first of the jobs could still go into its commit.
    assert begun.wait(20)
    futures = [database.submit(job) for job in jobs]
    go_on.set()
    wait_for_all([under_way, *futures])
    return futures


def commits_of(database: Database) -> list[object]:
    seen: list[object] = []
    event.listen(database._writer, "commit", seen.append)
    return seen


def test_what_waits_is_committed_together(numbers: Database) -> None:
    commits = commits_of(numbers)
    futures = submit_at_once(numbers, *(Adding(n) for n in range(LARGEST)))
    assert [future.result() for future in futures] == list(range(LARGEST))
    # The one that held the others up, and all the others.
    assert len(commits) <= 2
    assert kept(numbers) == list(range(LARGEST))


def test_a_commit_takes_only_so_many_so_that_other_processes_get_their_turn(
    numbers: Database,
) -> None:
    commits = commits_of(numbers)
    submit_at_once(numbers, *(Adding(n) for n in range(3 * LARGEST)))
    assert len(commits) >= 4
    assert len(kept(numbers)) == 3 * LARGEST


def test_a_result_comes_after_the_commit(numbers: Database) -> None:
    seen: list[list[int]] = []
    acknowledged = threading.Event()

    def look(future: "Future[int]") -> None:
        seen.append(kept(numbers))
        acknowledged.set()

    numbers.submit(Adding(7)).add_done_callback(look)
    assert acknowledged.wait(20)
    assert seen == [[7]]


def test_one_that_fails_is_undone_alone(numbers: Database) -> None:
    def half(connection: Connection) -> None:
        Adding(50)(connection)
        raise ZeroDivisionError

    good, twice, broken, also_good = submit_at_once(numbers, Adding(1), Adding(1), half, Adding(2))
    assert (good.result(), also_good.result()) == (1, 2)
    assert isinstance(twice.exception(), IntegrityError)
    assert isinstance(broken.exception(), ZeroDivisionError)
    assert kept(numbers) == [1, 2]


def test_a_job_submits_as_a_part_of_itself(numbers: Database) -> None:
    def both(_: Connection) -> list[int]:
        return [numbers.submit(Adding(1)).result(), numbers.submit(Adding(2)).result()]

    def both_or_none(_: Connection) -> None:
        numbers.submit(Adding(3)).result()
        numbers.submit(Adding(1)).result()

    assert numbers.submit(both).result() == [1, 2]
    with pytest.raises(IntegrityError):
        numbers.submit(both_or_none).result()
    assert kept(numbers) == [1, 2]


def test_a_write_cannot_be_taken_back(numbers: Database) -> None:
    go_on = threading.Event()
    numbers.submit(lambda _: go_on.wait(20))
    waiting = numbers.submit(Adding(1))
    assert not waiting.cancel()
    go_on.set()
    assert waiting.result() == 1
    assert kept(numbers) == [1]


def test_a_commit_that_fails_is_everybodys_failure_and_nobody_hangs(numbers: Database) -> None:
    def fail(_: object) -> None:
        raise OSError("no space left on device")

    event.listen(numbers._writer, "commit", fail)
    futures = submit_at_once(numbers, Adding(1), Adding(2))
    assert [str(future.exception()) for future in futures] == ["no space left on device"] * 2
    event.remove(numbers._writer, "commit", fail)
    assert kept(numbers) == []
    assert numbers.submit(Adding(3)).result() == 3


def test_a_transaction_that_the_database_gave_up_acknowledges_nothing(numbers: Database) -> None:
    """As SQLite does by itself on a full disk: the savepoints go with the transaction."""

    def given_up(connection: Connection) -> None:
        connection.exec_driver_sql("ROLLBACK")
        raise OSError("no space left on device")

    futures = submit_at_once(numbers, Adding(1), given_up, Adding(2))
    assert all(isinstance(future.exception(), Exception) for future in futures)
    assert kept(numbers) == []
    assert numbers.submit(Adding(3)).result() == 3


def test_nobody_waits_for_himself(numbers: Database) -> None:
    with numbers.write(), pytest.raises(RuntimeError, match="inside"):
        numbers.submit(Adding(1))

    def inner(_: Connection) -> None:
        with numbers.write():
            pass

    with pytest.raises(RuntimeError, match="inside"):
        numbers.submit(inner).result()


def test_closing_writes_what_waits(numbers: Database) -> None:
    go_on = threading.Event()
    numbers.submit(lambda _: go_on.wait(20))
    futures = [numbers.submit(Adding(n)) for n in range(5)]
    go_on.set()
    numbers.dispose()
    assert all(future.done() for future in futures)
    other = Database(numbers.url)
    assert kept(other) == [0, 1, 2, 3, 4]
    other.dispose()


def test_a_writer_that_cannot_begin_says_so_to_each(numbers: Database) -> None:
    def cannot_begin() -> object:
        raise OperationalError("BEGIN", {}, Exception("locked"))

    group = GroupCommit(cannot_begin)  # type: ignore[arg-type]
    assert isinstance(group.submit(Adding(1)).exception(), OperationalError)
    group.close()
