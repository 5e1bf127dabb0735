"""Typed client of one vLLM's HTTP API; foreign errors become ours below it and nowhere else.

A stream counts as whole only when `[DONE]` came: everything else is a cut. The connections are in
`engine_http.py`.

Invariant: only names that the engine said it has loaded are ever put into a request, because an
unknown `model` costs the engine memory for ever. The caller keeps to that; see `serving/router.py`.
"""

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from contextlib import aclosing
from types import TracebackType
from typing import Any, NamedTuple, Self, TypedDict, cast

import aiohttp
import orjson

from feedback.types import Message
from serving.engine_errors import UNREADABLE, cut_by_foreign_errors, refusal
from serving.engine_http import NO_VLLM, SILENCE_SECONDS, EngineHttp, limit_silence
from serving.errors import EngineCut, EngineUnavailable

logger = logging.getLogger(__name__)

MAX_EVENT_BYTES = 2**22
"""An event holds a few tokens and their log probabilities: what is larger is no event."""
PROBE = (Message(role="user", content="?"),)


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

    def __init__(self, response: aiohttp.ClientResponse, silence: float) -> None:
        """`silence`: seconds between two pieces, once it has begun, before it counts as cut."""
        self._response = response
        self._silence = silence

    async def batches(self) -> AsyncGenerator[list[EngineChunk], None]:
        """Give the chunks, as many at once as have arrived together.

        Raises:
            EngineCut: the stream ended before `[DONE]`.
        """
        rest, began, done = b"", False, False
        try:
            with cut_by_foreign_errors():
                # Read on behind [DONE]: only at its end does the connection go back for others.
                async for data in self._response.content.iter_any():
                    if not began:
                        limit_silence(self._response, self._silence)
                        began = True
                    *events, rest = (rest + data).split(b"\n\n")
                    if len(rest) > MAX_EVENT_BYTES:
                        raise EngineCut(UNREADABLE)
                    batch: list[EngineChunk] = []
                    for event in events:
                        if event == b"data: [DONE]":
                            done = True
                        elif event.startswith(b"data: "):
                            chunk = orjson.loads(event[6:])
                            if "error" in chunk:
                                yield batch
                                logger.warning("The engine failed in a stream: %s", chunk["error"])
                                raise EngineCut(
                                    "the engine failed while it was answering; ask again"
                                )
                            batch.append(chunk)
                    if batch:
                        yield batch
        except EngineCut:
            # What breaks behind [DONE] takes nothing back: the answer is whole.
            if not done:
                raise
        if not done:
            raise EngineCut("the engine ended the stream before the answer was finished")

    def abort(self) -> None:
        """Stop generating: vLLM aborts a request whose connection closes. Nothing after the end."""
        self._response.close()


class EngineClient:
    """One replica of the engine."""

    def __init__(self, url: str, silence: float = SILENCE_SECONDS) -> None:
        """`silence`: as of `EngineStream`."""
        self._http = EngineHttp(url)
        self._silence = silence

    @property
    def url(self) -> str:
        """Where the engine is."""
        return self._http.url

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
        await self._http.aclose()

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
        response = await self._http.stream("/v1/chat/completions", body)
        return EngineStream(response, self._silence)

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
        answer = await self._http.whole("answers", "/v1/chat/completions", body)
        return cast(EngineChunk, answer)

    async def complete_text(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return a text completion, for evaluation harnesses.

        Raises:
            EngineError: as `chat`.
        """
        return await self._http.whole("answers", "/v1/completions", body)

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
        answer = await self._http.whole("admin", "/tokenize", body)
        if not isinstance(answer.get("count"), int):
            raise EngineUnavailable(NO_VLLM)
        return int(answer["count"])

    # Adapters

    async def load_adapter(self, name: str, path: str) -> None:
        """Load an adapter under a name that it keeps for ever.

        Raises:
            EngineRejected: the engine refuses the adapter; nothing has changed.
            EngineUnavailable: the engine cannot be asked.
        """
        body = {"lora_name": name, "lora_path": path}
        response = await self._http.reply("admin", "/v1/load_lora_adapter", body)
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
        (await self._http.post("admin", "/v1/unload_lora_adapter", body)).release()

    async def probe(self, name: str) -> None:
        """Have a name say one token.

        Raises:
            EngineError: it cannot; also where it takes longer than loading may.
        """
        body = _chat_body(name, PROBE, {"max_tokens": 1, "temperature": 0}, 0)
        answer = await self._http.whole("admin", "/v1/chat/completions", body)
        if not answer.get("choices"):
            raise EngineUnavailable(NO_VLLM)

    async def list_models(self) -> list[EngineModel]:
        """Return every name that the engine answers to.

        Raises:
            EngineUnavailable: it does not answer.
        """
        try:
            listed = orjson.loads(await self._http.get("/v1/models"))["data"]
            models = [EngineModel(m["id"], m.get("parent"), m.get("max_model_len")) for m in listed]
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as err:
            raise EngineUnavailable(NO_VLLM) from err
        for model in models:
            if not isinstance(model.name, str) or not isinstance(model.max_model_len, int | None):
                raise EngineUnavailable(NO_VLLM)
        return models

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
        await self._http.get("/health")

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
        return (await self._http.get("/metrics")).decode()


def _chat_body(
    model: str, messages: Iterable[Message], sampling: Mapping[str, Any], priority: int
) -> dict[str, Any]:
    body = {"model": model, "messages": list(messages), **sampling}
    if priority:
        body["priority"] = priority
    return body
