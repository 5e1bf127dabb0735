"""Memory of the web process over ten thousand short conversations: it must not grow.

The service as people run it, in front of an engine that costs nothing; every conversation is a new
person's: a streamed answer, a vote, and now and then a client that leaves in the middle.
"""

import argparse
import asyncio
import tempfile
from functools import partial
from pathlib import Path

import aiohttp
import psutil

from benchmarks.client import CHAT, ask, closed_loop, session
from benchmarks.processes import ENGINE_CORE, gateway, pin, upstream
from benchmarks.results import table, write_section

CLIENTS = 16
LEAVES = 10
"""Every so many conversations, the client hangs up."""


async def converse(http: aiohttp.ClientSession, url: str, before: int, number: int) -> None:
    """Be one person, `before` others having been there: ask, and vote or leave."""
    number += before
    person = f"person-{number}"
    body = {"messages": [{"role": "user", "content": f"Question {number}?"}], "user": person}
    if number % LEAVES == 0:
        async with http.post(url + CHAT, json={**body, "stream": True}) as response:
            await response.content.readany()
        return
    reply = await ask(http, url, body)
    path = f"{url}/v1/feedback/votes/{reply.id}"
    async with http.put(path, json={"liked": True, "user": person}) as response:
        if response.status != 200:
            raise RuntimeError(await response.text())


async def grow(url: str, process: psutil.Process, upto: list[int]) -> list[float]:
    """Return the resident MiB after so many conversations."""
    sizes: list[float] = []
    done = 0
    async with session() as http:
        for count in upto:
            people = partial(converse, http, url, done)
            await closed_loop(CLIENTS, count - done, people)
            done = count
            sizes.append(process.memory_info().rss / 2**20)
            print(f"{count} conversations: {sizes[-1]:.1f} MiB", flush=True)
    return sizes


def main() -> None:
    """Run it and write the section."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--conversations", type=int, default=10_000)
    arguments = parser.parse_args()
    steps = [arguments.conversations * tenth // 10 for tenth in (1, 2, 5, 10)]
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        with upstream(root) as engine_url, gateway(root / "home", engine_url) as (url, process):
            pin(ENGINE_CORE)
            sizes = asyncio.run(grow(url, psutil.Process(process.pid), steps))
    rows = [
        (f"{count:,}", f"{size:.1f}", f"{size - sizes[0]:+.1f}")
        for count, size in zip(steps, sizes, strict=True)
    ]
    heads = ("conversations", "resident, MiB", f"since {steps[0]:,}")
    body = "Each a new person, with a vote; a tenth hang up.\n\n" + table(heads, rows)
    write_section("Memory of web", body)
    print(body)


if __name__ == "__main__":
    main()
