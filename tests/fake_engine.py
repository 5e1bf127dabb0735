"""vLLM's HTTP protocol in one process, for unit tests only: no model, no tokens, no GPU.

It answers with the name it was asked as, so that a test sees which adapter answered, and it can be
told to be slow, to refuse, to die in the middle of a stream or to be restarted.
"""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route


class Scripted(NamedTuple):
    """What the engine says next where tools are offered: a text, then calls."""

    text: str = ""
    calls: tuple[tuple[str, str], ...] = ()
    """Names and arguments; these as the model wrote them, which may be no JSON."""
    cut: bool = False
    """Close the connection instead of ending."""


class FakeEngine:
    """An engine whose answers are the name of the model that was asked, word by word."""

    def __init__(self, context: int = 4096) -> None:
        self.context = context
        self.words = ("Answered", "by", "{model}.")
        self.loaded: dict[str, str] = {}
        self.broken: set[str] = set()
        """Adapters that cannot be loaded."""
        self.pause = 0.0
        """Seconds between two words."""
        self.gate = threading.Event()
        """While it is not set, streams wait at `gate_at`."""
        self.gate.set()
        self.gate_at = 2
        """The word before which streams wait; -1: only their headers have gone out.
        At 0 whole answers wait, too."""
        self.cut_after: int | None = None
        """Close the connection after so many words; -1: behind the headers."""
        self.error_after: int | None = None
        """Say that the engine died after so many words, as vLLM does."""
        self.halves = False
        """Break off in the middle of whole answers and of counts."""
        self.slow = 0.0
        """Seconds that a health check takes."""
        self.status: int | None = None
        """Answer everything with this status."""
        self.failing = False
        """Refuse to answer, and yet claim to be healthy."""
        self.says: tuple[str, bytes] | None = None
        """Say this, of this content type, whatever is asked."""
        self.script: list[Scripted] = []
        """Replies to requests with tools, in order; the last one is repeated."""
        self.requests: list[dict[str, Any]] = []
        self.counted = 0
        """How often it was asked to count tokens."""
        self.aborted = 0
        self.url = ""

    def restart(self) -> None:
        """Forget every adapter, as a restart does."""
        self.loaded.clear()

    @property
    def models(self) -> list[str]:
        return [str(body["model"]) for body in self.requests]

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/health", self._health),
                Route("/metrics", self._metrics),
                Route("/v1/models", self._models),
                Route("/tokenize", self._tokenize, methods=["POST"]),
                Route("/v1/chat/completions", self._chat, methods=["POST"]),
                Route("/v1/completions", self._complete, methods=["POST"]),
                Route("/v1/load_lora_adapter", self._load, methods=["POST"]),
                Route("/v1/unload_lora_adapter", self._unload, methods=["POST"]),
            ]
        )

    async def _health(self, _: Request) -> Response:
        await asyncio.sleep(self.slow)
        return Response(status_code=self.status or 200)

    async def _metrics(self, _: Request) -> Response:
        return PlainTextResponse("vllm:num_requests_running 0\n")

    async def _models(self, _: Request) -> Response:
        if self.says:
            return Response(self.says[1], headers={"Content-Type": self.says[0]})
        cards: list[dict[str, Any]] = [
            {"id": "base", "parent": None, "root": "/secret/base", "max_model_len": self.context}
        ]
        cards += [
            {"id": name, "parent": "base", "root": path, "max_model_len": None}
            for name, path in self.loaded.items()
        ]
        return JSONResponse({"object": "list", "data": cards})

    async def _tokenize(self, request: Request) -> Response:
        body = orjson.loads(await request.body())
        self.counted += 1
        count = sum(len(message["content"].split()) for message in body["messages"])
        count += len(str(body.get("tools", "")).split())
        if self.halves:
            return StreamingResponse(_half(b'{"count'), media_type="application/json")
        return JSONResponse({"count": count, "max_model_len": self.context, "tokens": []})

    async def _load(self, request: Request) -> Response:
        body = orjson.loads(await request.body())
        name = body["lora_name"]
        if name in self.broken:
            # vLLM 0.32 answers 500 for whatever goes wrong while it loads.
            return _error(500, f"adapter {name} has rank 512")
        if name in self.loaded:
            return _error(400, f"The lora adapter '{name}' has already been loaded.")
        self.loaded[name] = body["lora_path"]
        return PlainTextResponse(f"Success: LoRA adapter '{name}' added successfully.")

    async def _unload(self, request: Request) -> Response:
        name = orjson.loads(await request.body())["lora_name"]
        if self.loaded.pop(name, None) is None:
            return _error(404, f"The lora adapter '{name}' cannot be found.")
        return PlainTextResponse("ok")

    async def _complete(self, request: Request) -> Response:
        body = orjson.loads(await request.body())
        self.requests.append(body)
        if refusal := self._refusal(body):
            return refusal
        choice = {"index": 0, "text": "said", "logprobs": None, "finish_reason": "stop"}
        return JSONResponse({"id": "cmpl-own", "model": body["model"], "choices": [choice]})

    async def _chat(self, request: Request) -> Response:
        body = orjson.loads(await request.body())
        self.requests.append(body)
        if refusal := self._refusal(body):
            return refusal
        if self.script and body.get("tools"):
            scripted = self.script.pop(0) if len(self.script) > 1 else self.script[0]
            return StreamingResponse(self._acted(body, scripted), media_type="text/event-stream")
        if body.get("stream"):
            return StreamingResponse(self._events(body), media_type="text/event-stream")
        await self._think(request)
        if self.halves:
            return StreamingResponse(_half(b'{"choi'), media_type="application/json")
        text = " ".join(self.words).format(model=body["model"])
        choices = [
            {
                "index": i,
                "message": _message(body, text),
                "finish_reason": "tool_calls" if _called(body) else "stop",
                "stop_reason": None,
            }
            for i in range(body.get("n", 1))
        ]
        return JSONResponse(
            {"id": "own", "model": body["model"], "choices": choices, "usage": self._usage(body)}
        )

    async def _think(self, request: Request) -> None:
        """Take the time that a whole answer needs, unless whoever asked is gone before."""
        try:
            async with asyncio.timeout(self.pause * len(self.words)):
                while (await request.receive())["type"] != "http.disconnect":
                    pass
            self.aborted += 1
        except TimeoutError:
            if self.gate_at == 0:
                await asyncio.to_thread(self.gate.wait, 30)

    def _refusal(self, body: dict[str, Any]) -> Response | None:
        if self.status or self.failing:
            return _error(self.status or 500, "told to")
        if self.says:
            kind, content = self.says
            return Response(content, headers={"Content-Type": kind})
        if body["model"] != "base" and body["model"] not in self.loaded:
            return _error(404, f"The model `{body['model']}` does not exist.")
        return None

    async def _events(self, body: dict[str, Any]) -> Any:
        finished = False
        try:
            await self._obstacle(-1)
            for index in range(body.get("n", 1)):
                yield self._event(body, index, {"role": "assistant", "content": ""})
                if _called(body):
                    for delta in _call_deltas(body):
                        yield self._event(body, index, delta)
                    yield self._event(body, index, {}, "tool_calls")
                    continue
                for i, word in enumerate(self.words):
                    await self._obstacle(i)
                    if i == self.error_after:
                        said = {"message": "EngineCore died", "code": 500}
                        yield b"data: %b\n\n" % orjson.dumps({"error": said})
                        yield b"data: [DONE]\n\n"
                        return
                    await asyncio.sleep(self.pause)
                    text = (" " if i else "") + word.format(model=body["model"])
                    yield self._event(body, index, {"content": text})
                yield self._event(body, index, {}, "stop")
            usage = {"id": "own", "model": body["model"], "choices": [], "usage": self._usage(body)}
            yield b"data: %b\n\n" % orjson.dumps(usage)
            finished = True
            yield b"data: [DONE]\n\n"
        finally:
            self.aborted += not finished

    async def _obstacle(self, word: int) -> None:
        if word == self.gate_at:
            await asyncio.to_thread(self.gate.wait, 30)
        if word == self.cut_after:
            raise ConnectionAbortedError("told to")

    async def _acted(self, body: dict[str, Any], scripted: Scripted) -> Any:
        finished = False
        try:
            yield self._event(body, 0, {"role": "assistant", "content": ""})
            for i, word in enumerate(scripted.text.split()):
                yield self._event(body, 0, {"content": (" " if i else "") + word})
            for i, (name, arguments) in enumerate(scripted.calls):
                said: dict[str, Any] = {"index": i, "id": f"call-{i}", "type": "function"}
                yield self._event(body, 0, {"tool_calls": [said | {"function": {"name": name}}]})
                for part in (arguments[:9], arguments[9:]):
                    said = {"index": i, "function": {"arguments": part}}
                    yield self._event(body, 0, {"tool_calls": [said]})
            await asyncio.to_thread(self.gate.wait, 30)
            if scripted.cut:
                raise ConnectionAbortedError("told to")
            yield self._event(body, 0, {}, "tool_calls" if scripted.calls else "stop")
            usage = {"id": "own", "model": body["model"], "choices": [], "usage": self._usage(body)}
            yield b"data: %b\n\n" % orjson.dumps(usage)
            finished = True
            yield b"data: [DONE]\n\n"
        finally:
            self.aborted += not finished

    def _event(
        self, body: dict[str, Any], index: int, delta: dict[str, Any], finish: str | None = None
    ) -> bytes:
        choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}
        chunk = {"id": "own", "model": body["model"], "choices": [choice], "usage": None}
        return b"data: %b\n\n" % orjson.dumps(chunk)

    def _usage(self, body: dict[str, Any]) -> dict[str, int]:
        said = len(self.words) * body.get("n", 1)
        return {"prompt_tokens": 5, "completion_tokens": said, "total_tokens": 5 + said}


async def _half(beginning: bytes) -> Any:
    """Begin to say something, then close the connection."""
    yield beginning
    raise ConnectionAbortedError("told to")


def _called(body: dict[str, Any]) -> str | None:
    """Return the name of the tool that is called: the one that must be, or the first of them."""
    choice = body.get("tool_choice", "auto")
    if not body.get("tools") or choice == "none":
        return None
    named = choice["function"] if isinstance(choice, dict) else body["tools"][0]["function"]
    return str(named["name"])


def _message(body: dict[str, Any], text: str) -> dict[str, Any]:
    if name := _called(body):
        function = {"name": name, "arguments": '{"q": "x"}'}
        call = {"id": "call-1", "type": "function", "function": function}
        return {"role": "assistant", "content": None, "tool_calls": [call]}
    return {"role": "assistant", "content": text}


def _call_deltas(body: dict[str, Any]) -> list[dict[str, Any]]:
    function = {"name": _called(body), "arguments": ""}
    first = {"index": 0, "id": "call-1", "type": "function", "function": function}
    parts: list[dict[str, Any]] = [
        {"index": 0, "function": {"arguments": a}} for a in ('{"q": ', '"x"}')
    ]
    return [{"tool_calls": [call]} for call in [first, *parts]]


def _error(status: int, message: str) -> Response:
    return JSONResponse({"error": {"message": message, "code": status}}, status_code=status)


@contextmanager
def served(app: Any) -> Iterator[str]:
    """Serve an ASGI application on a free port, in a thread; give its address."""
    config = uvicorn.Config(
        app, port=0, log_level="critical", lifespan="auto", ws="none", proxy_headers=False
    )
    server = _Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        if not thread.is_alive():
            raise RuntimeError("the server did not start")
        time.sleep(0.005)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.stop()
        thread.join(timeout=5)


class _Server(uvicorn.Server):
    """Stops at once, without the pauses that a real one makes for its clients."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop, self._stopped = asyncio.get_running_loop(), asyncio.Event()
        await super().startup(sockets)

    async def main_loop(self) -> None:
        await self.on_tick(0)
        await self._stopped.wait()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stopped.set)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        await asyncio.sleep(0)
