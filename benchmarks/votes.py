"""Durable votes a second: at the store, and over HTTP through the service as people run it.

Every vote counts only when it has been acknowledged, and an acknowledged vote is on disk
(`synchronous=FULL`). Everything runs on one core, over HTTP the client on another one. Beside it
stands what one writer alone reaches: the disk.
"""

import argparse
import asyncio
import os
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import aiohttp

from benchmarks.client import closed_loop, open_loop, percentile, session
from benchmarks.processes import ENGINE_CORE, OUR_CORE, gateway, pin, upstream
from benchmarks.results import table, write_section
from feedback.database import Database, default_url
from feedback.store import FeedbackStore
from feedback.types import Completion, Message

WRITERS = 128
"""People who vote at once."""
RATE = 300.0
"""Votes a second of the run whose latencies are measured."""


def at_store(folder: Path, votes: int, writers: int) -> float:
    """Return votes a second by so many threads at one store."""
    folder.mkdir()
    database = Database(default_url(folder))
    database.create_tables()
    store = FeedbackStore(database)
    ids = [f"c{number}" for number in range(votes)]
    _together(WRITERS, ids, lambda id_: store.open_completion(_completion(id_)))
    began = time.perf_counter()
    _together(writers, ids, lambda id_: store.record_vote(id_, "ann", True))
    seconds = time.perf_counter() - began
    if store.counts().votes != votes:
        raise RuntimeError("a vote was acknowledged and is not there")
    database.dispose()
    return votes / seconds


def _together(writers: int, ids: list[str], write: Callable[[str], object]) -> None:
    left, turn = iter(ids), threading.Lock()

    def person() -> None:
        while True:
            with turn:
                id_ = next(left, None)
            if id_ is None:
                return
            write(id_)

    threads = [threading.Thread(target=person) for _ in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _completion(id_: str) -> Completion:
    question: Message = {"role": "user", "content": "What is the deductible?"}
    return Completion(
        id=id_, conversation=id_, person="ann", responder="rag", messages=(question,), sampling={}
    )


async def over_http(url: str, home: Path, votes: int, seconds: float) -> tuple[float, list[float]]:
    """Return votes a second at full load, and the latencies in ms at the fixed rate."""
    store = FeedbackStore(Database(f"sqlite:///{home / 'ratchet.db'}"))
    slow = int(RATE * seconds)
    ids = [f"c{number}" for number in range(votes + slow)]
    await asyncio.to_thread(
        _together, WRITERS, ids, lambda id_: store.open_completion(_completion(id_))
    )
    async with session() as http:

        async def vote(number: int) -> float:
            return await _vote(http, url, ids[number])

        _, took = await closed_loop(WRITERS, votes, vote)
        latencies = await open_loop(RATE, seconds, lambda number: vote(votes + number))
    if store.counts().votes != len(ids):
        raise RuntimeError("a vote was acknowledged and is not there")
    store.database.dispose()
    return votes / took, [latency * 1000 for latency in latencies]


async def _vote(http: aiohttp.ClientSession, url: str, id_: str) -> float:
    began = time.perf_counter()
    path = f"{url}/v1/feedback/votes/{id_}"
    async with http.put(path, json={"liked": True, "user": "ann"}) as response:
        if response.status != 200:
            raise RuntimeError(await response.text())
    return time.perf_counter() - began


def main() -> None:
    """Run everything and write the section."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--votes", type=int, default=30_000)
    parser.add_argument("--seconds", type=float, default=30.0, help="of the run at 300/s")
    parser.add_argument("--folder", type=Path, help="where the database lies, for its disk")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        root, everywhere = Path(name), os.sched_getaffinity(0)
        pin(OUR_CORE)
        alone = at_store(root / "alone", min(arguments.votes, 2000), 1)
        print(f"store, 1 writer: {alone:.0f}/s", flush=True)
        many = at_store(root / "many", arguments.votes, WRITERS)
        print(f"store, {WRITERS} writers: {many:.0f}/s", flush=True)
        os.sched_setaffinity(0, everywhere)
        with upstream(root) as engine_url, gateway(root / "home", engine_url) as (url, _):
            pin(ENGINE_CORE)
            http, latencies = asyncio.run(
                over_http(url, root / "home", arguments.votes // 3, arguments.seconds)
            )
    at_rate = f"{percentile(latencies, 50):.1f} / {percentile(latencies, 99):.1f} ms"
    rows = [
        ("at the store, one writer", f"{alone:,.0f}/s", ""),
        (f"at the store, {WRITERS} writers, one core", f"{many:,.0f}/s", "3,000/s"),
        (f"over HTTP, {WRITERS} clients, service on one core", f"{http:,.0f}/s", "800/s"),
        (f"over HTTP at {RATE:.0f}/s, p50 / p99", at_rate, "p99 20 ms"),
    ]
    body = "Acknowledged means on disk.\n\n" + table(("durable votes", "measured", "goal"), rows)
    write_section("Durable votes", body)
    print(body)


if __name__ == "__main__":
    main()
