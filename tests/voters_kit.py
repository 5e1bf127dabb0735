"""Fifty people who vote at once and change their minds, until something is killed.

Each step of a person is another vote on the same few answers, told apart by its comment, and said
aloud once it was acknowledged. Invariant: who is told no asks the same again, so what the database
must hold afterwards is known to the letter: the last step that was said aloud, or the one after it.
"""

import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import select

from feedback.database import Database
from feedback.tables import vote_events, votes

ROOT = Path(__file__).parents[1]
PEOPLE, ANSWERS = 50, 3

VOTERS = """
import asyncio, itertools, logging, sys
from feedback.database import Database
from feedback.store import FeedbackStore
from feedback.types import Completion
from serving.errors import StorageFailed
from serving.recording import Recorder

url, name, people, answers = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
logging.disable()
recorder = Recorder(FeedbackStore(Database(url)))

async def until_done(write):
    while True:
        try:
            return await write()
        except StorageFailed:
            await asyncio.sleep(0.02)

def open_(id_, person):
    message = {"role": "user", "content": "?"}
    completion = Completion(id=id_, conversation="c", person=person, responder="rag",
                            messages=(message,), sampling={})
    def once(store):
        if store.completion(id_) is None:
            store.open_completion(completion)
    return lambda: recorder.write(once)

def vote(id_, person, step):
    return lambda: recorder.write(
        lambda store: store.record_vote(id_, person, step % 2 == 0, comment=str(step)))

async def person(number):
    person = f"{name}-{number}"
    ids = [f"{person}-{answer}" for answer in range(answers)]
    for id_ in ids:
        await until_done(open_(id_, person))
    for step in itertools.count():
        for id_ in ids:
            await until_done(vote(id_, person, step))
            print(id_, step, flush=True)

async def main():
    await asyncio.gather(*(person(number) for number in range(people)))
asyncio.run(main())
"""


class Voters:
    """A process of people who vote, and what it said aloud."""

    def __init__(self, url: str, name: str, folder: Path) -> None:
        self._said = folder / f"{name}.said"
        words = (url, name, str(PEOPLE), str(ANSWERS))
        with self._said.open("wb") as out, (folder / f"{name}.err").open("wb") as err:
            self._process = subprocess.Popen(
                [sys.executable, "-c", VOTERS, *words], cwd=ROOT, stdout=out, stderr=err
            )

    def wait_for_votes(self, more: int, seconds: float = 60) -> None:
        """Wait until so many more votes were acknowledged."""
        start, deadline = self.count(), time.monotonic() + seconds
        while self.count() < start + more:
            assert self._process.poll() is None, "the voters have ended"
            assert time.monotonic() < deadline, "no vote gets through"
            time.sleep(0.005)

    def count(self) -> int:
        """Return how many votes were acknowledged so far."""
        return self._said.read_bytes().count(b"\n")

    def kill(self) -> None:
        """Kill the process as a machine that loses its power would."""
        self._process.kill()
        self._process.wait()

    def last_steps(self) -> dict[str, int]:
        """Return each answer's last acknowledged step."""
        # What follows the last line's end was cut off by a kill: nobody was told of it.
        lines = self._said.read_text(encoding="utf-8").split("\n")[:-1]
        return {id_: int(step) for id_, step in (line.split() for line in lines)}


def check_votes(database: Database, voters: Sequence[Voters]) -> int:
    """Assert that each vote is as last acknowledged, and each step kept once; count them."""
    with database.read() as connection:
        kept = {row.completion_id: row for row in connection.execute(select(votes))}
        history: dict[str, list[str]] = defaultdict(list)
        for event in connection.execute(select(vote_events).order_by(vote_events.c.id)):
            history[event.completion_id].append(event.comment)
    said = {id_: step for each in voters for id_, step in each.last_steps().items()}
    for id_, step in said.items():
        row = kept[id_]
        last = int(row.comment)
        assert last in {step, step + 1}, f"{id_}: {step} was acknowledged, {last} is there"
        assert row.liked is (last % 2 == 0)
        assert history[id_] == [str(number) for number in range(last + 1)]
    return sum(each.count() for each in voters)
