"""Several processes write one file: nobody is turned away, and nothing acknowledged is lost."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import select

from feedback.database import Database, default_url
from feedback.tables import votes
from tests.voters_kit import PEOPLE, Voters, check_votes

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


# The same by many at once, as the service does it: they share commits.
WRITERS = """
import asyncio, itertools, sys
from feedback.database import Database
from feedback.store import FeedbackStore
from feedback.types import Completion
from serving.recording import Recorder
url, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
database = Database(url)
database.create_tables()
recorder = Recorder(FeedbackStore(database))
numbers = iter(range(count)) if count else itertools.count()
async def person():
    for number in numbers:
        id_ = f"{name}-{number}"
        await recorder.open([Completion(id=id_, conversation="c", person=name, responder="rag",
                                        messages=({"role": "user", "content": "?"},), sampling={})])
        await recorder.write(lambda store: store.record_vote(id_, name, True))
        print(id_, flush=True)
async def main():
    await asyncio.gather(*(person() for _ in range(24)))
asyncio.run(main())
"""


def writer(
    url: str, name: str, said: Path, count: int = 0, code: str = WRITER
) -> subprocess.Popen[bytes]:
    with said.open("wb") as file:
        return subprocess.Popen(
            [sys.executable, "-c", code, url, name, str(count)], cwd=ROOT, stdout=file
        )


def voted(database: Database) -> set[str]:
    with database.read() as connection:
        return set(connection.scalars(select(votes.c.completion_id)))


def test_processes_that_start_at_once_and_write_at_once_never_find_it_locked(
    tmp_path: Path,
) -> None:
    url = default_url(tmp_path / "new")
    writers = [
        writer(url, f"w{number}", tmp_path / f"{number}", count=60, code=code)
        for number, code in enumerate((WRITER, WRITER, WRITERS, WRITERS))
    ]
    assert [process.wait(timeout=120) for process in writers] == [0] * 4
    database = Database(url)
    assert len(voted(database)) == 240
    database.dispose()


@pytest.mark.parametrize("code", [WRITER, WRITERS], ids=["one by one", "sharing commits"])
def test_no_acknowledged_vote_is_lost_by_kill_9(
    database: Database, tmp_path: Path, code: str
) -> None:
    acknowledged: set[str] = set()
    for turn in range(5):
        said = [tmp_path / f"said-{turn}-{number}" for number in range(4)]
        writers = [writer(database.url, path.name, path, code=code) for path in said]
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


@pytest.mark.parametrize("kills", [3, pytest.param(20, marks=pytest.mark.slow)])
def test_fifty_people_who_change_their_minds_find_their_last_word(
    database: Database, tmp_path: Path, kills: int
) -> None:
    killed = []
    for turn in range(kills):
        voters = Voters(database.url, f"turn-{turn}", tmp_path)
        voters.wait_for_votes(4 * PEOPLE + 37 * turn)
        voters.kill()
        killed.append(voters)
        with database.read() as connection:
            assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
    assert check_votes(database, killed) >= kills * 4 * PEOPLE
