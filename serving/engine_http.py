"""HTTP to one engine: sessions, limits of time and size, and whatever goes wrong in our words.

Answers and administration have a session each, so that a swap never queues behind streams.

Invariant: nothing waits without a limit, no redirect is followed, and no exception of aiohttp or of
JSON leaves this module or `engine_errors.py`.
"""

from collections.abc import Mapping
from typing import Any, Literal

import aiohttp
import orjson

from serving.engine_errors import FOREIGN, SILENT, cut_by_foreign_errors, is_retryable, refusal
from serving.errors import EngineSlow, EngineUnavailable

CONNECT_SECONDS = 2.0
"""The engine is on this machine or next door: who does not answer by then is not there."""
WAIT_SECONDS = 300.0
"""In the queue, for a first token or a whole answer, before a request is given up."""
SILENCE_SECONDS = 60.0
"""Between two pieces of a stream that has begun, unless the settings say something else."""
ADMIN_SECONDS = 60.0
"""Loading waits for a step and reads a file; a real adapter takes seconds."""
HEALTH_SECONDS = 3.0
IDLE_SECONDS = 3.0
"""Below vLLM's own 5 s, or we would send into a connection that it is closing."""
NO_VLLM = "what answers at the engine's address is no vLLM"

Use = Literal["answers", "admin"]


class EngineHttp:
    """The connections to one engine."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._sessions: dict[Use, aiohttp.ClientSession] = {}

    async def aclose(self) -> None:
        """Close every connection."""
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()

    async def post(self, use: Use, path: str, body: Mapping[str, Any]) -> aiohttp.ClientResponse:
        """Return a response with status 200.

        Raises:
            EngineUnavailable: the engine cannot be asked.
            EngineRejected: it refuses the request itself.
        """
        response = await self.reply(use, path, body)
        if response.status == 200:
            return response
        raise await refusal(response)

    async def reply(self, use: Use, path: str, body: Mapping[str, Any]) -> aiohttp.ClientResponse:
        """Return a response, whatever its status.

        Raises:
            EngineUnavailable: there is none.
        """
        content = orjson.dumps(body)
        headers = {"Content-Type": "application/json"}
        for attempt in (1, 2):
            try:
                return await self._session(use).post(
                    self.url + path, data=content, headers=headers, allow_redirects=False
                )
            except FOREIGN as err:
                if attempt == 2 or not is_retryable(err):
                    raise EngineUnavailable(SILENT) from err
        raise AssertionError("the second attempt returns or raises")

    async def stream(self, path: str, body: Mapping[str, Any]) -> aiohttp.ClientResponse:
        """Return a response whose body is a stream of events.

        Raises:
            EngineUnavailable: the engine cannot be asked.
            EngineRejected: it refuses the request itself.
        """
        return _of_type("text/event-stream", await self.post("answers", path, body))

    async def whole(self, use: Use, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return the object that the engine answers with.

        Raises:
            EngineUnavailable: the engine cannot be asked.
            EngineRejected: it refuses the request itself.
            EngineCut: it went away while it was answering, or what it says cannot be read.
        """
        response = _of_type("application/json", await self.post(use, path, body))
        with cut_by_foreign_errors():
            answer = orjson.loads(await response.read())
            if not isinstance(answer, dict):
                raise TypeError(f"an object was expected, not {type(answer).__name__}")
        return answer

    async def get(self, path: str, seconds: float | None = None) -> bytes:
        """Return what the engine says about itself, within `seconds`.

        Raises:
            EngineSlow: it did not say in time; on a busy machine that means little.
            EngineUnavailable: it is down, or not well.
        """
        limit = HEALTH_SECONDS if seconds is None else seconds
        timeout = aiohttp.ClientTimeout(total=limit)
        try:
            async with self._session("admin").get(
                self.url + path, timeout=timeout, allow_redirects=False
            ) as response:
                content = await response.read()
        except TimeoutError as err:
            raise EngineSlow(f"the engine did not answer within {limit:.0f} s") from err
        except FOREIGN as err:
            raise EngineUnavailable(SILENT) from err
        if response.status != 200:
            raise EngineUnavailable(f"the engine answers {path} with {response.status}")
        return content

    def _session(self, use: Use) -> aiohttp.ClientSession:
        # Made on first use: a session belongs to the loop that it is made in.
        if use not in self._sessions:
            silence = WAIT_SECONDS if use == "answers" else ADMIN_SECONDS
            self._sessions[use] = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=IDLE_SECONDS),
                timeout=aiohttp.ClientTimeout(
                    total=None, sock_connect=CONNECT_SECONDS, sock_read=silence
                ),
                auto_decompress=False,
                read_bufsize=2**18,
            )
        return self._sessions[use]


def limit_silence(response: aiohttp.ClientResponse, seconds: float) -> None:
    """Give a response up from now on when nothing of it comes for so long."""
    protocol = response.connection.protocol if response.connection else None
    if protocol is not None:
        # By aiohttp's own timer, which each piece resets: one of ours would cost every token.
        protocol.read_timeout = seconds
        protocol.start_timeout()


def _of_type(expected: str, response: aiohttp.ClientResponse) -> aiohttp.ClientResponse:
    """Refuse an answer of another kind: a proxy's page, say. Nothing was generated then."""
    if response.content_type == expected:
        return response
    response.close()
    raise EngineUnavailable(NO_VLLM)
