"""Ask a responder over the service's own API, so that what is tested is what is served.

A request that fails is data: it comes back as an answer with an error and is counted. Only "busy,
come back later" and a connection that could not be made are tried again, a bounded number of times.
Invariant: `ask` returns one answer for each prompt, in order, and raises for no reply of the
service.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import httpx

from eval.suite import Message

# A tiny model's answer takes a second, a large one's a minute; beyond that the request is lost.
_TIMEOUT = httpx.Timeout(180, connect=5)
_MOST_TRIES = 6
# A service that asks for a longer pause is not there for this evaluation.
_LONGEST_PAUSE = 10.0
_DEFAULT_PAUSE = 1.0
# So many requests in a row without a reply: the service is gone, and waiting for each of the rest
# is no use.
_MOST_LOST = 32


@dataclass(frozen=True)
class Answer:
    """One reply, or why there is none."""

    text: str
    responder: str
    """Who answered by the reply's own word; who was asked where there is no reply."""
    completion_id: str | None
    error: str | None
    ms: float
    misattributed: bool = False

    @property
    def ok(self) -> bool:
        """Whether it may be judged."""
        return self.error is None


class Subject:
    """The service as an evaluation sees it; use it as an async context manager."""

    def __init__(
        self,
        base_url: str,
        key: str,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        timer: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._client = httpx.AsyncClient(
            base_url=base_url,
            headers={"Authorization": f"Bearer {key}"},
            timeout=_TIMEOUT,
            transport=transport,
            trust_env=False,  # the service is ours: no proxy in between
        )
        self._sleep = sleep
        self._timer = timer

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._client.aclose()

    async def ask(
        self,
        responder: str,
        prompts: Sequence[Sequence[Message]],
        *,
        temperature: float,
        streams: int = 16,
        max_tokens: int = 96,
        on_answer: Callable[[], None] | None = None,
    ) -> list[Answer]:
        """Ask one responder all prompts and return its answers in order."""
        return await self.ask_each(
            [(responder, messages) for messages in prompts],
            temperature=temperature,
            streams=streams,
            max_tokens=max_tokens,
            on_answer=on_answer,
        )

    async def ask_each(
        self,
        questions: Sequence[tuple[str, Sequence[Message]]],
        *,
        temperature: float,
        streams: int = 16,
        max_tokens: int = 96,
        on_answer: Callable[[], None] | None = None,
    ) -> list[Answer]:
        """Ask each (responder, prompt), at most `streams` at a time; the answers are in order."""
        places = asyncio.Semaphore(streams)
        lost = 0  # requests in a row that got no reply at all

        async def one(responder: str, messages: Sequence[Message]) -> Answer:
            nonlocal lost
            body = {
                "model": responder,
                "messages": list(messages),
                "temperature": temperature,
                "max_tokens": max_tokens,
            }
            async with places:
                if lost >= _MOST_LOST:
                    problem = f"not asked: the {lost} requests before got no reply"
                    return Answer("", responder, None, problem, 0.0)
                started = self._timer()
                reply = await self._post(body)
                ms = (self._timer() - started) * 1000
            if isinstance(reply, str):
                lost += 1
                answer = Answer("", responder, None, reply, ms)
            else:
                lost = 0
                answer = _read(reply, responder, ms)
            if on_answer is not None:
                on_answer()
            return answer

        return list(await asyncio.gather(*(one(*question) for question in questions)))

    async def _post(self, body: dict[str, object]) -> httpx.Response | str:
        """Return the reply, or what went wrong on the way."""
        pause, problem = _DEFAULT_PAUSE, ""
        for attempt in range(_MOST_TRIES):
            if attempt:
                await self._sleep(pause)
            try:
                reply = await self._client.post("/v1/chat/completions", json=body)
            except httpx.ConnectError as err:
                pause, problem = _DEFAULT_PAUSE, f"no connection to the service: {err}"
                continue
            except httpx.HTTPError as err:
                return f"{type(err).__name__}: {err}"
            if reply.status_code not in (429, 503):
                return reply
            pause, problem = retry_after(reply.headers.get("Retry-After")), _error_of(reply)
        return f"{problem} (asked {_MOST_TRIES} times)"


def retry_after(header: str | None) -> float:
    """Return how many seconds to wait: what the header says, within bounds."""
    try:
        seconds = float(header or "")
    except ValueError:
        return _DEFAULT_PAUSE
    return min(max(seconds, 0.0), _LONGEST_PAUSE) if math.isfinite(seconds) else _DEFAULT_PAUSE


def _read(reply: httpx.Response, responder: str, ms: float) -> Answer:
    if reply.status_code != 200:
        return Answer("", responder, None, _error_of(reply), ms)
    try:
        body = reply.json()
        text, name, completion = body["choices"][0]["message"]["content"], body["model"], body["id"]
    except (ValueError, KeyError, IndexError, TypeError) as err:
        return Answer("", responder, None, f"unreadable reply ({type(err).__name__}: {err})", ms)
    if not isinstance(text, str):
        return Answer("", responder, None, f"the reply's content is {text!r}, not a text", ms)
    if name != responder:
        problem = f"{responder} was asked, {name} answered"
        return Answer(text, str(name), completion, problem, ms, misattributed=True)
    return Answer(text, responder, completion, None, ms)


def _error_of(reply: httpx.Response) -> str:
    try:
        message = str(reply.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        message = reply.text[:200]
    return f"{reply.status_code}: {message}"
