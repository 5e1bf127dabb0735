"""The client of the serving benchmarks: asks, notes when what arrived, reads it only afterwards."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import aiohttp
import numpy as np
import orjson

CHAT = "/v1/chat/completions"


@dataclass(frozen=True)
class Reply:
    """One streamed answer. Times are `time.perf_counter`'s seconds."""

    id: str
    model: str
    text: str
    tokens: int
    whole: bool
    """Whether it ended with `[DONE]` and no error."""
    began: float
    first: float
    """When the first text arrived; the end where none did."""
    ended: float
    longest_gap: float
    """Seconds between two arrivals of text, at most."""


def session() -> aiohttp.ClientSession:
    """Return a session without limits of its own."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=300)
    )


async def ask(
    http: aiohttp.ClientSession,
    url: str,
    body: Mapping[str, Any],
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """Stream one answer to its end; what goes wrong is a reply that is not whole."""
    asked = {**body, "stream": True, "stream_options": {"include_usage": True}}
    arrived: list[tuple[float, bytes]] = []
    began = time.perf_counter()
    try:
        async with http.post(url + CHAT, json=asked, headers=headers) as response:
            async for data in response.content.iter_any():
                arrived.append((time.perf_counter(), data))  # noqa: PERF401 - kept on an error
    except aiohttp.ClientError as err:
        arrived.append((time.perf_counter(), repr(err).encode()))
    return _read(began, time.perf_counter(), arrived)


def _read(began: float, ended: float, arrived: Sequence[tuple[float, bytes]]) -> Reply:
    at: list[float] = []
    text: list[str] = []
    rest, named, tokens, whole = b"", {"id": "", "model": ""}, 0, False
    for when, data in arrived:
        *events, rest = (rest + data).split(b"\n\n")
        said = False
        for event in events:
            whole = event == b"data: [DONE]"
            if whole or not event.startswith(b"data: "):
                continue
            chunk = orjson.loads(event[6:])
            named = {name: chunk.get(name, "") for name in named}
            tokens = (chunk.get("usage") or {}).get("completion_tokens", tokens)
            for choice in chunk.get("choices", ()):
                piece = choice["delta"].get("content")
                if piece:
                    text.append(piece)
                    said = True
        if said:
            at.append(when)
    gaps = [after - before for before, after in pairwise(at)]
    return Reply(
        named["id"], named["model"], "".join(text), tokens, whole,
        began, at[0] if at else ended, ended, max(gaps, default=0.0),
    )  # fmt: skip


async def closed_loop(
    streams: int, requests: int, one: Callable[[int], Awaitable[Any]]
) -> tuple[list[Any], float]:
    """Keep so many requests running until all are done; return what they gave, and the seconds."""
    numbers = iter(range(requests))
    given: list[Any] = []

    async def person() -> None:
        for number in numbers:
            given.append(await one(number))  # noqa: PERF401 - they interleave

    began = time.perf_counter()
    await asyncio.gather(*(person() for _ in range(streams)))
    return given, time.perf_counter() - began


async def open_loop(rate: float, seconds: float, one: Callable[[int], Awaitable[Any]]) -> list[Any]:
    """Ask at a fixed rate, however long answers take; return what they gave."""
    began = time.perf_counter()
    running: list[asyncio.Future[Any]] = []
    for number in range(int(rate * seconds)):
        await asyncio.sleep(max(0.0, began + number / rate - time.perf_counter()))
        running.append(asyncio.ensure_future(one(number)))
    return list(await asyncio.gather(*running))


def percentile(values: Sequence[float], share: float) -> float:
    """Return a percentile, `share` in 0 to 100."""
    return float(np.percentile(np.array(values), share))
