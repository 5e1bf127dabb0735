"""Promotions to and fro under full load: who notices?

Two adapters that answer differently, a real vLLM, 16 streams without a pause. Every answer must be
whole, must name one maker from its first event to its last, must be what that maker says (its
greedy answer, known beforehand), and must be recorded under that name. Beside it the same load
without promotions: its longest gap between two tokens and its first tokens are the measure.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from benchmarks.adapters import publish
from benchmarks.client import Reply, ask, percentile, session
from benchmarks.processes import OPERATOR, OUR_CORE, engine, gateway, pin
from benchmarks.results import table, write_section
from ratchet.settings import Settings
from ratchet.wiring import open_parts

STREAMS = 16
BODY = {
    "messages": [{"role": "user", "content": "What does the policy say about the deductible?"}],
    "temperature": 0,
    "max_tokens": 48,
}


@dataclass
class Load:
    """Streams that ask again and again until told to stop."""

    url: str
    replies: list[Reply] = field(default_factory=list)
    stopped: bool = False

    async def run(self, http: aiohttp.ClientSession) -> None:
        """Keep every stream busy."""

        async def person(number: int) -> None:
            while not self.stopped:
                self.replies.append(await ask(http, self.url, {**BODY, "user": f"p{number}"}))

        await asyncio.gather(*(person(number) for number in range(STREAMS)))


async def promote(http: aiohttp.ClientSession, url: str, responder: str) -> None:
    """Make a responder live; when this returns, the next request is its."""
    body = {"responder": responder, "reason": "benchmark", "force": True}
    headers = {"Authorization": f"Bearer {OPERATOR}"}
    async with http.post(f"{url}/v1/promote", json=body, headers=headers) as response:
        if response.status != 200:
            raise RuntimeError(await response.text())


@dataclass(frozen=True)
class Swapped:
    """What was seen."""

    known: dict[str, str]
    """What each adapter answers."""
    still: list[Reply]
    """Answers while nothing was promoted."""
    moving: list[Reply]
    promoted: list[float]
    """Milliseconds that each promotion took."""
    first: list[float]
    """Milliseconds from a promotion's return to the first token by the new responder."""
    usual: list[float]
    """Milliseconds to the first token of the same question under that load, nothing promoted."""


@asynccontextmanager
async def loaded(http: aiohttp.ClientSession, url: str) -> AsyncIterator[Load]:
    """Keep the load up while the block runs."""
    load = Load(url)
    running = asyncio.ensure_future(load.run(http))
    yield load
    load.stopped = True
    await running


async def swap(url: str, adapters: list[str], promotions: int) -> Swapped:
    """Run the load without and with promotions, one question more after each."""
    promoted: list[float] = []
    async with session() as http:
        known = {}
        for adapter in adapters:
            await promote(http, url, adapter)
            known[adapter] = (await ask(http, url, BODY)).text
        if len(set(known.values())) < len(known):
            raise RuntimeError(f"the adapters answer alike: {known}")
        async with loaded(http, url) as still:
            usual = [await ask(http, url, BODY) for _ in range(promotions)]
        firsts: list[Reply] = []
        async with loaded(http, url) as moving:
            for number in range(promotions):
                to = adapters[number % len(adapters)]
                began = time.perf_counter()
                await promote(http, url, to)
                promoted.append((time.perf_counter() - began) * 1000)
                firsts.append(await ask(http, url, BODY))
                if firsts[-1].model != to:
                    raise RuntimeError(f"{to} is live, {firsts[-1].model} answered")
                if number % 20 == 19:
                    print(f"{number + 1} promotions", flush=True)
    return Swapped(
        known,
        still.replies + usual,
        moving.replies + firsts,
        promoted,
        *([(reply.first - reply.began) * 1000 for reply in asked] for asked in (firsts, usual)),
    )


def misattributed(replies: list[Reply], known: dict[str, str], recorded: dict[str, str]) -> int:
    """Count answers that another maker gave than they say, or than was recorded."""

    def nearest(text: str) -> str:
        # The same model in another batch may round differently, late in an answer.
        return max(known, key=lambda name: _alike(known[name], text))

    return sum(
        nearest(reply.text) != reply.model or recorded.get(reply.id) != reply.model
        for reply in replies
    )


def _alike(one: str, other: str) -> int:
    """Return how many characters two texts begin with alike."""
    pairs = zip(one, other, strict=False)
    return next((at for at, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def main() -> None:
    """Run it and write the section."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--promotions", type=int, default=200)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        home = root / "web"
        home.mkdir()
        adapters = [publish(Settings(home=home), seed) for seed in (1, 2)]
        with engine(root / "engine") as engine_url, gateway(home, engine_url) as (url, _):
            pin(OUR_CORE)
            seen = asyncio.run(swap(url, adapters, arguments.promotions))
        store = open_parts(Settings(home=home)).store
        recorded = {row.id: row.responder for row in store.completions()}
        store.database.dispose()
    body = report(seen, recorded)
    write_section("Swaps under load", body)
    print(body)


def report(seen: Swapped, recorded: dict[str, str]) -> str:
    """Return the section's text."""
    rows = []
    for what, replies in (("none", seen.still), (f"{len(seen.promoted)}", seen.moving)):
        broken = sum(not reply.whole for reply in replies)
        wrong = misattributed([r for r in replies if r.whole], seen.known, recorded)
        gap = max(reply.longest_gap for reply in replies) * 1000
        rows.append((what, len(replies), broken, wrong, f"{gap:.0f}"))
    heads = ("promotions", "answers", "failed or cut", "misattributed", "longest gap, ms")
    waits = ", ".join(
        f"{what} p50 {percentile(found, 50):.0f} ms, p99 {percentile(found, 99):.0f} ms"
        for what, found in (
            ("a promotion takes", seen.promoted),
            ("from its return to the new responder's first token", seen.first),
            ("to the first token of the same question where nothing is promoted", seen.usual),
        )
    )
    return (
        f"{STREAMS} streams without a pause, two adapters in turn. Goal: 0 failed, cut or "
        f"misattributed; ≤ 100 ms to the first token.\n\n{table(heads, rows)}\n\nUnder that load "
        f"{waits}."
    )


if __name__ == "__main__":
    main()
