"""Asks the service over its public HTTP API, as any client would.

Invariant: a service that is busy is asked again for a bounded time, by its own Retry-After; every
other refusal ends the run with the server's words.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any

import httpx

_ATTEMPTS = 8
_LONGEST_WAIT = 30.0  # seconds; an engine needs about that long to come up again
_TIMEOUT = httpx.Timeout(120, connect=10)
_BUSY = frozenset({429, 503})

Sleep = Callable[[float], Awaitable[None]]


class AskingFailed(Exception):
    """The service refused, stayed busy for too long, or is not there."""


@dataclass(frozen=True)
class Reply:
    """An answer, the id to vote on, and who gave it."""

    id: str
    text: str
    responder: str


class Asker:
    """A client with a bounded number of requests at once; use it as a context manager."""

    def __init__(
        self,
        base_url: str,
        *,
        streams: int,
        key: str | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._client = httpx.AsyncClient(
            base_url=base_url.rstrip("/"),
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=_TIMEOUT,
            transport=transport,
            trust_env=False,  # a proxy would turn a trusted caller from loopback into a stranger
        )
        self._free = asyncio.Semaphore(streams)
        self._sleep = sleep

    async def __aenter__(self) -> "Asker":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def chat(
        self, question: str, person: str, *, responder: str = "ratchet", **sampling: float | None
    ) -> Reply:
        """Ask one question in a conversation of its own.

        Raises:
            AskingFailed: there was no answer.
        """
        given = {name: value for name, value in sampling.items() if value is not None}
        body = {"model": responder, "messages": turns(question), "user": person, **given}
        answer = await self.call("POST", "/v1/chat/completions", body)
        text = answer["choices"][0]["message"]["content"]
        return Reply(answer["id"], text, answer["model"])

    async def call(self, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Send a request and return what came back.

        Raises:
            AskingFailed: it was refused, or the service stayed busy.
        """
        async with self._free:
            for attempt in range(1, _ATTEMPTS + 1):
                try:
                    response = await self._client.request(method, path, json=body)
                except httpx.TransportError as err:
                    raise AskingFailed(
                        f"no answer from {self._client.base_url}{path} ({err!r}); is `ratchet up` "
                        "running there?"
                    ) from err
                if response.status_code not in _BUSY:
                    break
                if attempt < _ATTEMPTS:
                    await self._sleep(wait_before_retry(response.headers.get("Retry-After")))
        if not response.is_success:
            raise AskingFailed(f"{method} {path}: {response.status_code} {response.text[:500]}")
        found: dict[str, Any] = response.json()
        return found


def turns(question: str) -> list[dict[str, str]]:
    """Return the messages of a conversation that begins with a question."""
    return [{"role": "user", "content": question}]


def wait_before_retry(header: str | None) -> float:
    """Return how many seconds to wait; dates and nonsense count as one second."""
    try:
        return min(_LONGEST_WAIT, max(0.0, float(header or "1")))
    except ValueError:
        return 1.0


async def side_by_side(errands: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Run errands at the same time; the first that fails ends them all.

    Raises:
        AskingFailed: one of them did.
    """
    try:
        async with asyncio.TaskGroup() as group:
            for errand in errands:
                group.create_task(errand)
    except ExceptionGroup as failed:
        # What ended the others is the news; a group of it would hide the message from people.
        raise failed.exceptions[0] from None
