"""What the service costs in front of the engine: tokens a second, and time to the first token.

A real vLLM on one core, client and service on the other. Both arms ask the same questions at
temperature 0 and the same name of the engine (on a CPU `base` is asked through its null adapter),
so that the engine does the same work; the service records every answer, too.
"""

import argparse
import asyncio
import json
import random
import tempfile
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

import aiohttp
import httpx

from benchmarks.client import Reply, ask, closed_loop, open_loop, percentile, session
from benchmarks.processes import OUR_CORE, ROOT, engine, gateway, pin
from benchmarks.results import table, write_section
from serving.null_adapter import NULL_ADAPTER

STREAMS = (1, 2, 4, 8, 16, 32)
LOAD_STREAMS = 8
"""The load of which the latencies are measured at the half."""
Arm = tuple[str, str]
"""An address, and the name to ask there."""


def bodies() -> list[dict[str, Any]]:
    """Return what is asked: the questions of the demo's suite."""
    lines = (ROOT / "demo" / "suite.jsonl").read_text(encoding="utf-8").splitlines()
    return [
        {"messages": json.loads(line)["messages"], "temperature": 0, "max_tokens": 64}
        for line in lines
    ]


def base_name(engine_url: str) -> str:
    """Return the engine's name that the service asks for `base`."""
    cards = httpx.get(f"{engine_url}/v1/models").json()["data"]
    names = [card["id"] for card in cards]
    return NULL_ADAPTER if NULL_ADAPTER in names else str(names[0])


async def tokens_a_second(arm: Arm, streams: int, seed: int) -> float:
    """Return the tokens a second that arrive at the client."""
    url, model = arm
    asked = random.Random(seed).choices(bodies(), k=max(96, 12 * streams))
    async with session() as http:

        async def one(number: int) -> Reply:
            return await _whole(http, url, {**asked[number], "model": model})

        replies, seconds = await closed_loop(streams, len(asked), one)
    tokens: int = sum(reply.tokens for reply in replies)
    return tokens / seconds


async def paired(bare: Arm, ours: Arm, pairs: int, rate: float) -> dict[Arm, list[Reply]]:
    """Ask pairs of one question, one side each, in random order, at a fixed rate."""
    rng = random.Random(1)
    asked, known = [], bodies()
    for _ in range(pairs):
        body, sides = rng.choice(known), [bare, ours]
        rng.shuffle(sides)
        asked += [(side, body) for side in sides]
    replies: dict[Arm, list[Reply]] = {bare: [], ours: []}
    async with session() as http:

        async def one(number: int) -> None:
            (url, model), body = asked[number]
            replies[url, model].append(await _whole(http, url, {**body, "model": model}))

        await open_loop(rate, len(asked) / rate, one)
    return replies


async def _whole(http: aiohttp.ClientSession, url: str, body: Mapping[str, Any]) -> Reply:
    reply = await ask(http, url, body)
    if not reply.whole:
        raise RuntimeError(f"a broken answer from {url}: {reply}")
    return reply


def throughput(bare: Arm, ours: Arm, rounds: int) -> tuple[str, float]:
    """Return the table, and the engine's tokens a second at `LOAD_STREAMS`."""
    rows, capacity = [], 0.0
    for streams in STREAMS:
        found: dict[Arm, list[float]] = {bare: [], ours: []}
        for number in range(rounds):
            # In turn, so that what changes on the machine meanwhile meets both.
            for arm in (bare, ours) if number % 2 else (ours, bare):
                found[arm].append(asyncio.run(tokens_a_second(arm, streams, number)))
        ratios = [mine / its for mine, its in zip(found[ours], found[bare], strict=True)]
        rates = f"{median(found[bare]):,.0f}", f"{median(found[ours]):,.0f}"
        rows.append((streams, *rates, f"{median(ratios):.3f}", f"{min(ratios):.3f}"))
        print(*rows[-1], flush=True)
        if streams == LOAD_STREAMS:
            capacity = median(found[bare])
    heads = ("streams", "engine, tokens/s", "through the service", "ratio", "lowest of the rounds")
    return table(heads, rows), capacity


def latency(bare: Arm, ours: Arm, pairs: int, rate: float) -> str:
    """Return the table of times to the first token and to the end."""
    replies = asyncio.run(paired(bare, ours, pairs, rate))
    rows = []
    for what, moment, goals in (
        ("first token", "first", ("≤ 2", "≤ 10")),
        ("end of the answer", "ended", ("", "")),
    ):
        its, mine = (
            [1000 * (getattr(reply, moment) - reply.began) for reply in replies[arm]]
            for arm in (bare, ours)
        )
        for share, goal in zip((50, 99), goals, strict=True):
            two = percentile(its, share), percentile(mine, share)
            shown = (f"{two[0]:.1f}", f"{two[1]:.1f}", f"{two[1] - two[0]:+.1f}")
            rows.append((f"{what}, p{share}", *shown, goal))
    heads = ("ms from the question to", "engine", "through the service", "added", "goal")
    return table(heads, rows)


def main() -> None:
    """Run everything and write the section."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pairs", type=int, default=1000, help="two requests each")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        with engine(home / "engine") as engine_url, gateway(home / "web", engine_url) as (url, _):
            pin(OUR_CORE)
            bare, ours = (engine_url, base_name(engine_url)), (url, "base")
            asyncio.run(tokens_a_second(ours, 8, 0))  # warm
            speeds, capacity = throughput(bare, ours, arguments.rounds)
            rate = capacity / _mean_tokens(bare) / 2
            waits = latency(bare, ours, arguments.pairs, rate)
    body = (
        f"Responder `base`, recording on, medians of {arguments.rounds} rounds that alternate; "
        f"goal: ratio ≥ 0.97.\n\n{speeds}\n\n{2 * arguments.pairs} requests at {rate:.1f}/s, half "
        f"of what the engine answers at {LOAD_STREAMS} streams, pairs of the same question:\n\n"
        f"{waits}"
    )
    write_section("Throughput and first token", body)
    print(body)


def _mean_tokens(arm: Arm) -> float:
    """Return the tokens of a usual answer."""

    async def some() -> float:
        async with session() as http:
            replies = [
                await _whole(http, arm[0], {**body, "model": arm[1]}) for body in bodies()[:20]
            ]
        return sum(reply.tokens for reply in replies) / len(replies)

    return asyncio.run(some())


if __name__ == "__main__":
    main()
