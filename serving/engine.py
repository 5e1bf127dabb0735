"""Typed client of one vLLM's HTTP API; foreign errors become ours here and nowhere else.

Adapters are loaded and unloaded through a session of their own, so that a swap never queues behind
streams. A stream counts as whole only when `[DONE]` came: everything else is a cut.

Invariant: only names that the engine said it has loaded are ever put into a request, because an
unknown `model` costs the engine memory for ever. The caller keeps to that; see `serving/router.py`.
"""

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from contextlib import aclosing
from types import TracebackType
from typing import Any, NamedTuple, Self, TypedDict

import aiohttp
import orjson

from feedback.types import Message
from serving.engine_errors import FOREIGN, SILENT, cut_by_foreign_errors, is_retryable, refusal
from serving.errors import EngineCut, EngineError, EngineRejected, EngineSlow, EngineUnavailable

__all__ = [
    "EngineChunk",
    "EngineClient",
    "EngineCut",
    "EngineError",
    "EngineModel",
    "EngineRejected",
    "EngineStream",
    "EngineUnavailable",
]

logger = logging.getLogger(__name__)

CONNECT_SECONDS = 2.0
"""The engine is on this machine or next door: who does not answer by then is not there."""
SILENCE_SECONDS = 300.0
"""The longest pause between two tokens, or in the queue, before a request is given up."""
ADMIN_SECONDS = 60.0
"""Loading waits for a step and reads a file; a real adapter takes seconds."""
HEALTH_SECONDS = 3.0
IDLE_SECONDS = 3.0
"""Below vLLM's own 5 s, or we would send into a connection that it is closing."""


class EngineChunk(TypedDict, total=False):
    """What the engine says in one event of a stream, or in a whole answer."""

    created: int
    choices: list[dict[str, Any]]
    usage: dict[str, Any] | None
    steps: list[object]
    """Never the engine's own: what `serving/agent_stream.py` puts between its chunks."""


class EngineModel(NamedTuple):
    """A name that the engine answers to."""

    name: str
    parent: str | None
    """None for the base model itself."""
    max_model_len: int | None


class EngineStream:
    """An answer as it is being generated."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    async def batches(self) -> AsyncGenerator[list[EngineChunk], None]:
        """Give the chunks, as many at once as have arrived together.

        Raises:
            EngineCut: the stream ended before `[DONE]`.
        """
        rest, done = b"", False
        with cut_by_foreign_errors():
            # Read on behind [DONE]: only at its end does the connection go back to be used again.
            async for data in self._response.content.iter_any():
                *events, rest = (rest + data).split(b"\n\n")
                batch: list[EngineChunk] = []
                for event in events:
                    if event == b"data: [DONE]":
                        done = True
                    elif event.startswith(b"data: "):
                        chunk = orjson.loads(event[6:])
                        if "error" in chunk:
                            yield batch
                            logger.warning("The engine failed in a stream: %s", chunk["error"])
                            raise EngineCut("the engine failed while it was answering; ask again")
                        batch.append(chunk)
                if batch:
                    yield batch
        if not done:
            raise EngineCut("the engine ended the stream before the answer was finished")

    def abort(self) -> None:
        """Stop generating: vLLM aborts a request whose connection closes. Nothing after the end."""
        self._response.close()


class EngineClient:
    """One replica of the engine."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._sessions: dict[str, aiohttp.ClientSession] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every connection."""
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()

    # Answers

    async def open_chat(
        self,
        model: str,
        messages: Sequence[Message],
        sampling: Mapping[str, Any],
        priority: int = 0,
    ) -> EngineStream:
        """Return a stream once the engine has accepted the request.

        Raises:
            EngineUnavailable: nothing was generated, and trying again may help.
            EngineRejected: the request itself is refused.
        """
        body = _chat_body(model, messages, sampling, priority)
        body |= {"stream": True, "stream_options": {"include_usage": True}}
        return EngineStream(await self._post("answers", "/v1/chat/completions", body))

    async def stream_chat(
        self,
        model: str,
        messages: Sequence[Message],
        sampling: Mapping[str, Any],
        priority: int = 0,
    ) -> AsyncIterator[EngineChunk]:
        """Give the chunks of one answer, opening it first.

        Raises:
            EngineError: as `open_chat` and `EngineStream`.
        """
        stream = await self.open_chat(model, messages, sampling, priority)
        try:
            async with aclosing(stream.batches()) as batches:
                async for batch in batches:
                    for chunk in batch:
                        yield chunk
        finally:
            stream.abort()

    async def chat(
        self,
        model: str,
        messages: Sequence[Message],
        sampling: Mapping[str, Any],
        priority: int = 0,
    ) -> EngineChunk:
        """Return one whole answer; cheaper for the engine than a stream.

        Raises:
            EngineError: as `open_chat`, and `EngineCut` where the engine dies meanwhile.
        """
        body = _chat_body(model, messages, sampling, priority)
        answer: EngineChunk = await self._whole("/v1/chat/completions", body)
        return answer

    async def complete_text(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return a text completion, for evaluation harnesses.

        Raises:
            EngineError: as `chat`.
        """
        answer: dict[str, Any] = await self._whole("/v1/completions", body)
        return answer

    async def count_tokens(
        self, model: str, messages: Sequence[Message], tools: Sequence[Any] | None = None
    ) -> int:
        """Return how many tokens the conversation takes with the model's chat template.

        Raises:
            EngineError: as `chat`.
        """
        body = {"model": model, "messages": list(messages), "add_generation_prompt": True}
        if tools:
            body["tools"] = list(tools)
        answer = await self._whole("/tokenize", body)
        return int(answer["count"])

    # Adapters

    async def load_adapter(self, name: str, path: str) -> None:
        """Load an adapter under a name that it keeps for ever.

        Raises:
            EngineRejected: the engine refuses the adapter; nothing has changed.
            EngineUnavailable: the engine cannot be asked.
        """
        body = {"lora_name": name, "lora_path": path}
        response = await self._reply("admin", "/v1/load_lora_adapter", body)
        if response.status != 200:
            # vLLM answers 400, 404 or 500, whatever is wrong with the adapter; a dead engine is
            # found out by the next look.
            raise await refusal(response, of_adapter=True)
        response.release()

    async def unload_adapter(self, name: str) -> None:
        """Make the engine forget a name; requests in flight still finish.

        Raises:
            EngineError: the engine did not do it.
        """
        body = {"lora_name": name}
        (await self._post("admin", "/v1/unload_lora_adapter", body)).release()

    async def list_models(self) -> list[EngineModel]:
        """Return every name that the engine answers to.

        Raises:
            EngineUnavailable: it does not answer.
        """
        content = await self._get("/v1/models", HEALTH_SECONDS)
        try:
            return [
                EngineModel(model["id"], model.get("parent"), model.get("max_model_len"))
                for model in orjson.loads(content)["data"]
            ]
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as err:
            raise EngineUnavailable("what answers at the engine's address is no vLLM") from err

    async def models(self) -> set[str]:
        """Return the names that the engine answers to.

        Raises:
            EngineUnavailable: it does not answer.
        """
        return {model.name for model in await self.list_models()}

    async def check_health(self) -> None:
        """Return when the engine is up.

        Raises:
            EngineSlow: it did not say in time; on a busy machine that means little.
            EngineUnavailable: it is down.
        """
        await self._get("/health", HEALTH_SECONDS)

    async def health(self) -> bool:
        """Say whether the engine is up."""
        try:
            await self.check_health()
        except EngineUnavailable:
            return False
        return True

    async def metrics(self) -> str:
        """Return vLLM's own figures in Prometheus's format.

        Raises:
            EngineUnavailable: it does not answer.
        """
        return (await self._get("/metrics", HEALTH_SECONDS)).decode()

    # HTTP

    def _session(self, name: str) -> aiohttp.ClientSession:
        # Made on first use: a session belongs to the loop that it is made in.
        if name not in self._sessions:
            silence = SILENCE_SECONDS if name == "answers" else ADMIN_SECONDS
            self._sessions[name] = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=IDLE_SECONDS),
                timeout=aiohttp.ClientTimeout(
                    total=None, sock_connect=CONNECT_SECONDS, sock_read=silence
                ),
                auto_decompress=False,
                read_bufsize=2**18,
            )
        return self._sessions[name]

    async def _post(
        self, session: str, path: str, body: Mapping[str, Any]
    ) -> aiohttp.ClientResponse:
        """Return a response with status 200; whatever else happens is one of our errors."""
        response = await self._reply(session, path, body)
        if response.status == 200:
            return response
        raise await refusal(response)

    async def _reply(
        self, session: str, path: str, body: Mapping[str, Any]
    ) -> aiohttp.ClientResponse:
        """Return a response, whatever its status."""
        content = orjson.dumps(body)
        headers = {"Content-Type": "application/json"}
        for attempt in (1, 2):
            try:
                return await self._session(session).post(
                    self.url + path, data=content, headers=headers
                )
            except FOREIGN as err:
                if attempt == 2 or not is_retryable(err):
                    raise EngineUnavailable(SILENT) from err
        raise AssertionError("the second attempt returns or raises")

    async def _whole(self, path: str, body: Mapping[str, Any]) -> Any:
        response = await self._post("answers", path, body)
        with cut_by_foreign_errors():
            return orjson.loads(await response.read())

    async def _get(self, path: str, seconds: float) -> bytes:
        timeout = aiohttp.ClientTimeout(total=seconds)
        try:
            async with self._session("admin").get(self.url + path, timeout=timeout) as response:
                content = await response.read()
        except TimeoutError as err:
            raise EngineSlow(f"the engine did not answer within {seconds:.0f} s") from err
        except FOREIGN as err:
            raise EngineUnavailable(SILENT) from err
        if response.status != 200:
            raise EngineUnavailable(f"the engine answers {path} with {response.status}")
        return content


def _chat_body(
    model: str, messages: Iterable[Message], sampling: Mapping[str, Any], priority: int
) -> dict[str, Any]:
    body = {"model": model, "messages": list(messages), **sampling}
    if priority:
        body["priority"] = priority
    return body
