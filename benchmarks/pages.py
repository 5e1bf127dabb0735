"""Tokens a second that reach browsers through the chat page, beside the same over the raw API.

Each simulated browser speaks the page's own protocol (Gradio's queue and its event stream), has its
own cookie, asks one question after the other and reads every update to the end. A page's answer
counts by the tokens of the row that was recorded for it.
"""

import argparse
import asyncio
import json
import random
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.client import ask, session
from benchmarks.processes import OUR_CORE, engine, gateway, pin
from benchmarks.results import table, write_section
from benchmarks.throughput import bodies
from feedback.database import Database
from feedback.store import FeedbackStore


class Browser:
    """One person's tab."""

    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        self._http = http
        self._queue = f"{url}/gradio_api/queue"
        self._url = url
        self._session = uuid.uuid4().hex
        self._submit = -1
        self.updates = 0

    async def open(self) -> None:
        """Load the page, which sets the cookie and says what can be called."""
        async with self._http.get(f"{self._url}/") as page:
            await page.read()
        async with self._http.get(f"{self._url}/config") as response:
            config = await response.json()
        composer = next(
            part["id"]
            for part in config["components"]
            if part["props"].get("elem_id") == "composer"
        )
        self._submit = next(
            call["id"]
            for call in config["dependencies"]
            if [composer, "submit"] in [list(target) for target in call["targets"]]
        )

    async def ask(self, question: str) -> None:
        """Ask a question and read the updates until the answer is complete.

        Raises:
            RuntimeError: the page refused, or the answer did not come.
        """
        # One session per question begins a conversation of its own each time.
        self._session = uuid.uuid4().hex
        body = {
            "data": [question, None],
            "fn_index": self._submit,
            "session_hash": self._session,
            "event_data": None,
            "trigger_id": None,
        }
        async with self._http.post(f"{self._queue}/join", json=body) as response:
            if response.status != 200:
                raise RuntimeError(f"the page refuses: {await response.text()}")
        where = {"session_hash": self._session}
        async with self._http.get(f"{self._queue}/data", params=where) as events:
            async for line in events.content:
                if line.startswith(b"data: ") and self._read(json.loads(line[6:])):
                    return
        raise RuntimeError("the page's events ended before the answer did")

    def _read(self, said: dict[str, Any]) -> bool:
        self.updates += said["msg"] == "process_generating"
        if said["msg"] == "process_completed" and not said["success"]:
            raise RuntimeError(f"the page failed: {said}")
        return bool(said["msg"] == "process_completed")


async def through_pages(url: str, browsers: int, questions: int) -> tuple[float, int]:
    """Return how many seconds it took, and how many updates came."""
    rng, known = random.Random(1), bodies()
    # A cookie jar each: they are different people.
    sessions = [session() for _ in range(browsers)]
    tabs = [Browser(http, url) for http in sessions]
    await asyncio.gather(*(tab.open() for tab in tabs))

    async def person(tab: Browser) -> None:
        for body in rng.choices(known, k=questions):
            await tab.ask(body["messages"][-1]["content"])

    began = time.perf_counter()
    await asyncio.gather(*(person(tab) for tab in tabs))
    seconds = time.perf_counter() - began
    for http in sessions:
        await http.close()
    return seconds, sum(tab.updates for tab in tabs)


async def through_api(url: str, browsers: int, questions: int) -> tuple[float, int]:
    """Return how many seconds it took, and how many tokens came."""
    rng, known = random.Random(1), bodies()
    async with session() as http:

        async def person(name: str) -> int:
            tokens = 0
            for body in rng.choices(known, k=questions):
                # As the page asks: whatever is live, nothing set.
                asked = {"messages": body["messages"], "user": name}
                reply = await ask(http, url, asked)
                if not reply.whole:
                    raise RuntimeError(f"a broken answer: {reply}")
                tokens += reply.tokens
            return tokens

        began = time.perf_counter()
        tokens = await asyncio.gather(*(person(f"p{n}") for n in range(browsers)))
        return time.perf_counter() - began, sum(tokens)


def recorded(home: Path) -> int:
    """Return the tokens of the answers that pages were given."""
    store = FeedbackStore(Database(f"sqlite:///{home / 'ratchet.db'}"))
    found = [row for row in store.completions() if row.interface == "page"]
    store.database.dispose()
    if any(row.status != "complete" for row in found):
        raise RuntimeError("an answer of a page was cut")
    return sum(row.completion_tokens or 0 for row in found)


def main() -> None:
    """Run both arms and write the section."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--browsers", type=int, default=50)
    parser.add_argument("--questions", type=int, default=6, help="of each browser")
    arguments = parser.parse_args()
    size = arguments.browsers, arguments.questions
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        with (
            engine(root / "engine") as engine_url,
            gateway(root / "web", engine_url, RATCHET_PAIR_RATE="0") as (url, _),
        ):
            pin(OUR_CORE)
            asyncio.run(through_api(url, arguments.browsers, 1))  # warm
            api_seconds, api_tokens = asyncio.run(through_api(url, *size))
            print(f"raw API: {api_tokens / api_seconds:.0f} tokens/s", flush=True)
            page_seconds, updates = asyncio.run(through_pages(url, *size))
        page_tokens = recorded(root / "web")
    raw, shown = api_tokens / api_seconds, page_tokens / page_seconds
    rows = [
        ("raw API", f"{raw:,.0f}", "", ""),
        ("pages", f"{shown:,.0f}", f"{shown / raw:.2f}", f"{updates / page_seconds:,.0f}"),
    ]
    body = (
        f"{arguments.browsers} browsers, {arguments.questions} questions each, responder `rag`; "
        "engine on one core, service and browsers on the other.\n\n"
        + table(("way", "tokens/s", "of the raw API", "updates/s"), rows)
    )
    write_section("Pages", body)
    print(body)


if __name__ == "__main__":
    main()
