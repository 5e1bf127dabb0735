"""An engine that costs next to nothing: `python -m benchmarks.upstream PORT`.

It speaks as much of vLLM's HTTP API as the gateways in front of it need, straight over sockets, so
that what is measured is the gateway. Every answer is the same text.
"""

import asyncio
import json
import sys
from collections.abc import Iterator
from typing import Any

TOKENS = 32
_HEAD = (
    b'data: {"id":"chatcmpl-upstream","object":"chat.completion.chunk","created":1760000000,'
    b'"model":"base","choices":['
)
_USAGE = {"prompt_tokens": 5, "total_tokens": 5 + TOKENS, "completion_tokens": TOKENS}
_SSE = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


class Upstream:
    """The adapters that were loaded, and the answers."""

    def __init__(self) -> None:
        self.loaded: list[str] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                path = head.split(b" ", 2)[1].decode()
                body = json.loads(await reader.readexactly(_length(head)) or b"{}")
                for piece in self.answer(path, body):
                    writer.write(piece)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def answer(self, path: str, body: dict[str, Any]) -> Iterator[bytes]:
        """Give the bytes of a response."""
        if path == "/v1/chat/completions" and body.get("stream"):
            yield _SSE
            yield from map(_chunk, _events())
            yield b"0\r\n\r\n"
        elif path == "/v1/chat/completions":
            message = {"role": "assistant", "content": _text()}
            choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
            named = {"id": "chatcmpl-upstream", "object": "chat.completion", "model": "base"}
            yield _json({**named, "created": 1760000000, "choices": [choice], "usage": _USAGE})
        elif path == "/v1/models":
            cards: list[dict[str, Any]] = [{"id": "base", "parent": None, "max_model_len": 4096}]
            cards += [{"id": name, "parent": "base"} for name in self.loaded]
            yield _json({"object": "list", "data": cards})
        elif path == "/v1/load_lora_adapter":
            self.loaded.append(body["lora_name"])
            yield _json({})
        elif path == "/tokenize":
            yield _json({"count": 5})
        else:
            yield _json({})


def _text() -> str:
    return "".join(f" word{i}" for i in range(TOKENS))


def _events() -> Iterator[bytes]:
    deltas = [{"role": "assistant", "content": ""}]
    deltas += [{"content": f" word{i}"} for i in range(TOKENS)]
    for delta in deltas:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}
        yield _HEAD + json.dumps(choice, separators=(",", ":")).encode() + b"]}\n\n"
    yield _HEAD + b'{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}]}\n\n'
    yield _HEAD + b'],"usage":' + json.dumps(_USAGE).encode() + b"}\n\n"
    yield b"data: [DONE]\n\n"


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


def _json(content: object) -> bytes:
    body = json.dumps(content).encode()
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    return head % len(body) + body


def _chunk(piece: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(piece), piece)


async def main(port: int) -> None:
    """Serve until ended."""
    server = await asyncio.start_server(Upstream().serve, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
