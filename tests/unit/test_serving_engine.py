"""The engine's client, the null adapter, and the small parts of a turn."""

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import numpy as np
import pytest
from safetensors.numpy import load_file

from feedback.types import Message
from serving.context import fit, shorter
from serving.engine import MAX_EVENT_BYTES, EngineClient, EngineStream
from serving.engine_errors import is_retryable
from serving.errors import BadRequest, EngineCut, EngineRejected, EngineUnavailable
from serving.null_adapter import write_null_adapter
from serving.responders import Responders, parse
from tests.fake_engine import FakeEngine, served

HI = (Message(role="user", content="Hi"),)


@pytest.fixture
def fake() -> Iterator[FakeEngine]:
    engine = FakeEngine()
    with served(engine.app()) as engine.url:
        yield engine


async def test_the_whole_protocol(fake: FakeEngine) -> None:
    async with EngineClient(fake.url + "/") as client:
        assert await client.health()
        await client.load_adapter("ratchet-0001", "/adapters/ratchet-0001")
        assert await client.models() == {"base", "ratchet-0001"}
        chunks = [c async for c in client.stream_chat("ratchet-0001", HI, {"n": 1}, priority=10)]
        text = "".join(c["choices"][0]["delta"].get("content", "") for c in chunks if c["choices"])
        assert text == "Answered by ratchet-0001."
        assert chunks[-1]["usage"] == {
            "prompt_tokens": 5,
            "completion_tokens": 3,
            "total_tokens": 8,
        }
        assert fake.requests[-1]["priority"] == 10
        whole = await client.chat("base", HI, {})
        assert whole["choices"][0]["message"]["content"] == "Answered by base."
        assert (await client.complete_text({"model": "base", "prompt": "x"}))["choices"]
        assert await client.count_tokens("base", HI) == 1
        assert "vllm" in await client.metrics()
        await client.unload_adapter("ratchet-0001")
        assert await client.models() == {"base"}


async def test_a_connection_is_used_again(fake: FakeEngine) -> None:
    async with EngineClient(fake.url) as client:
        for _ in range(3):
            assert [c async for c in client.stream_chat("base", HI, {})]
        connector = client._http._sessions["answers"].connector
        assert isinstance(connector, aiohttp.TCPConnector)
        assert sum(len(idle) for idle in connector._conns.values()) == 1


async def test_refusals_have_our_names(fake: FakeEngine) -> None:
    async with EngineClient(fake.url) as client:
        with pytest.raises(EngineUnavailable, match="being loaded"):
            await client.chat("ratchet-0042", HI, {})
        with pytest.raises(EngineUnavailable, match="being loaded"):
            await client.unload_adapter("ratchet-0042")
        fake.broken.add("ratchet-0001")
        with pytest.raises(EngineRejected, match="rank 512"):
            await client.load_adapter("ratchet-0001", "/x")
        for status, kind, says in (
            (400, EngineRejected, "told to"),
            (500, EngineUnavailable, "try again"),
        ):
            fake.status = status
            with pytest.raises(kind, match=says):
                await client.open_chat("base", HI, {})
        assert not await client.health()


async def test_an_engine_that_is_not_there() -> None:
    async with EngineClient("http://127.0.0.1:9") as client:
        assert not await client.health()
        with pytest.raises(EngineUnavailable) as raised:
            await client.chat("base", HI, {})
        assert raised.value.retry_after > 0
        with pytest.raises(EngineUnavailable):
            await client.models()


class Broken:
    """A response, and its content, whose connection breaks once some of it was read."""

    connection = None

    def __init__(self, *pieces: bytes) -> None:
        self.content, self._pieces = self, pieces

    async def iter_any(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece
        raise aiohttp.ClientPayloadError("the end of the stream is missing")


async def test_what_breaks_behind_done_takes_nothing_back() -> None:
    said, done = b'data: {"choices": []}\n\n', b"data: [DONE]\n\n"
    whole = EngineStream(Broken(said, done), 1.0)  # type: ignore[arg-type]
    assert [batch async for batch in whole.batches()] == [[{"choices": []}]]
    cut = EngineStream(Broken(said, done[:-1]), 1.0)  # type: ignore[arg-type]
    with pytest.raises(EngineCut):
        [batch async for batch in cut.batches()]


@pytest.mark.parametrize("how", ["cut_after", "error_after"])
async def test_a_stream_that_breaks_is_a_cut(fake: FakeEngine, how: str) -> None:
    setattr(fake, how, 1)
    async with EngineClient(fake.url) as client:
        with pytest.raises(EngineCut):
            _ = [c async for c in client.stream_chat("base", HI, {})]


STREAM, WHOLE = "text/event-stream", "application/json"
GOOD = b'{"choices": [{"index": 0, "delta": {"content": "x"}}]}'


@pytest.mark.parametrize(
    ("kind", "content", "raised"),
    [
        ("text/html", b"<html>502 Bad Gateway</html>", EngineUnavailable),
        (WHOLE, b"{}", EngineUnavailable),
        (STREAM, b"", EngineCut),
        (STREAM, b"data: not JSON\n\n", EngineCut),
        (STREAM, b"data: 42\n\n", EngineCut),
        (STREAM, b"data: %b\n\n" % GOOD, EngineCut),
        (STREAM, b'data: %b\n\ndata: {"choi' % GOOD, EngineCut),
        (STREAM, b"data: " + b"x" * (MAX_EVENT_BYTES + 1), EngineCut),
    ],
)
async def test_nonsense_in_a_stream(
    fake: FakeEngine, kind: str, content: bytes, raised: type[Exception]
) -> None:
    fake.says = (kind, content)
    async with EngineClient(fake.url) as client:
        with pytest.raises(raised):
            _ = [c async for c in client.stream_chat("base", HI, {})]


@pytest.mark.parametrize(
    ("kind", "content", "raised"),
    [
        ("text/html", b"<html>502 Bad Gateway</html>", EngineUnavailable),
        (WHOLE, b"<html>", EngineCut),
        (WHOLE, b"[]", EngineCut),
        (WHOLE, b"", EngineCut),
    ],
)
async def test_nonsense_in_a_whole_answer(
    fake: FakeEngine, kind: str, content: bytes, raised: type[Exception]
) -> None:
    fake.says = (kind, content)
    async with EngineClient(fake.url) as client:
        with pytest.raises(raised):
            await client.chat("base", HI, {})


async def test_an_engine_that_points_elsewhere_is_not_followed(fake: FakeEngine) -> None:
    fake.status = 307
    async with EngineClient(fake.url) as client:
        with pytest.raises(EngineUnavailable):
            await client.chat("base", HI, {})
        with pytest.raises(EngineUnavailable):
            await client.check_health()


def test_only_what_never_arrived_is_sent_again() -> None:
    assert is_retryable(aiohttp.ServerDisconnectedError())
    assert is_retryable(ConnectionResetError())
    assert not is_retryable(TimeoutError())
    assert not is_retryable(aiohttp.ClientPayloadError())


async def test_what_surely_fits_is_not_counted(fake: FakeEngine) -> None:
    async with EngineClient("http://127.0.0.1:9") as nowhere:
        fitted = await fit(nowhere, "base", HI, {"max_tokens": 50}, 4096)
    assert fitted == (list(HI), {"max_tokens": 50}, 0)


async def test_an_answer_may_be_as_long_as_there_is_room(fake: FakeEngine) -> None:
    async with EngineClient(fake.url) as client:
        fitted = await fit(client, "base", HI, {"max_tokens": 5000}, 100)
        assert fitted.sampling == {"max_tokens": 99}
        with pytest.raises(BadRequest, match="shorten"):
            await fit(client, "base", (Message(role="user", content="w " * 200),), {}, 100)


def test_turns_go_oldest_first() -> None:
    def turn(role: str, content: str) -> Message:
        return Message(role=role, content=content)

    system, question = turn("system", "s"), turn("user", "last")
    talk = [system, turn("user", "1"), turn("assistant", "2"), turn("user", "3")]
    versions = shorter([*talk, turn("assistant", "4"), question])
    assert [m["content"] for m in versions[0]] == ["s", "3", "4", "last"]
    assert versions[1:] == [[system, question]]
    assert shorter([system, question]) == []
    assert shorter([turn("assistant", "hello"), question]) == [[question]]


async def test_as_many_turns_stay_as_fit_and_few_are_counted(fake: FakeEngine) -> None:
    talk = [
        Message(role=role, content=f"{i} word word")
        for i in range(100)
        for role in ("user", "assistant")
    ]
    messages = [Message(role="system", content="s"), *talk, *HI]
    async with EngineClient(fake.url) as client:
        fitted = await fit(client, "base", messages, {"max_tokens": 25}, 100)
    # 75 words: the system's, the question's, and twelve turns of six words between them.
    assert [m["content"] for m in fitted.messages[:2]] == ["s", "88 word word"]
    assert fitted.messages[-1] == HI[-1]
    assert (len(fitted.messages), fitted.cut) == (26, 176)
    assert fitted.sampling == {"max_tokens": 25}
    assert fake.counted <= 10


async def test_a_result_never_loses_its_call(fake: FakeEngine) -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    rounds = [
        Message(role="user", content="one two three"),
        Message(role="assistant", content="", tool_calls=[call]),
        Message(role="tool", content="four five six", tool_call_id="c"),
        Message(role="assistant", content="seven"),
    ]
    for limit in range(8, 60):
        async with EngineClient(fake.url) as client:
            fitted = await fit(client, "base", [*rounds * 3, *HI], {"max_tokens": 2}, limit)
        assert fitted.messages[0]["role"] == "user"
        assert len(fitted.messages) % 4 == 1
        assert fitted.cut == 13 - len(fitted.messages)


async def test_tools_take_room_too(fake: FakeEngine) -> None:
    tool = {"type": "function", "function": {"name": "f", "description": "word " * 90}}
    talk = [Message(role="user", content="old"), Message(role="assistant", content="ok"), *HI]
    async with EngineClient(fake.url) as client:
        fitted = await fit(client, "base", talk, {"tools": [tool], "max_tokens": 8}, 100)
    assert (fitted.messages, fitted.cut) == (list(HI), 2)


async def test_retrieval_needs_a_question() -> None:
    responders = Responders(None)
    last = (Message(role="assistant", content="a"),)
    with pytest.raises(BadRequest, match="last message"):
        await responders.prepare(parse("rag"), last)
    plain = await responders.prepare(parse("base"), last)
    assert plain.messages == list(last)
    without = await responders.prepare(parse("rag"), HI)
    assert "(none)" in without.messages[-1]["content"]


def test_the_null_adapter_is_written_once(tmp_path: Path) -> None:
    base = tmp_path / "base"
    base.mkdir()
    config = {"hidden_size": 64, "num_attention_heads": 4, "head_dim": 32}
    (base / "config.json").write_text(json.dumps(config))
    folder = write_null_adapter(base, tmp_path / "adapters")
    tensors = load_file(folder / "adapter_model.safetensors")
    assert {t.shape for t in tensors.values()} == {(1, 64), (128, 1)}
    assert not any(np.any(t) for t in tensors.values())
    before = folder.stat().st_mtime_ns
    assert write_null_adapter(base, tmp_path / "adapters") == folder
    assert folder.stat().st_mtime_ns == before
    assert [p.name for p in (tmp_path / "adapters").iterdir()] == [folder.name]
    (base / "config.json").write_text("{}")
    with pytest.raises(ValueError, match="hidden_size"):
        write_null_adapter(base, tmp_path / "adapters")
