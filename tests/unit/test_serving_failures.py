"""An engine that is slow, dies or talks nonsense: a clear error, and nothing lost or kept twice."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from feedback.types import Completion
from tests.serving_kit import Service, publish, service, wait_for

STREAM, WHOLE = "text/event-stream", "application/json"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with service(tmp_path_factory.mktemp("shared")) as made:
        yield made


@pytest.fixture
def served(shared: Service) -> Iterator[Service]:
    """A service whose engine is well; what a test did to it is undone."""
    engine, replica = shared.engine, shared.services.router.replicas[0]
    yield shared
    engine.says, engine.gate_at = None, 2
    engine.gate.set()
    shared.services.reconciler.wake()
    wait_for(lambda: replica.ready and not replica.doubted and not replica.load)


def newest(served: Service) -> Completion:
    return max(served.store.completions(), key=lambda row: row.created)


def failure(response: httpx.Response) -> dict[str, Any]:
    """Return the error of a response, or of the last event of a stream."""
    last = response.text.rstrip().rpartition("data: ")[2]
    error = json.loads(last)["error"]
    assert set(error) == {"message", "type", "code"}
    return dict(error)


def event(**chunk: Any) -> bytes:
    return b"data: %b\n\n" % json.dumps(chunk).encode()


def choice(**more: Any) -> dict[str, Any]:
    return {"index": 0, "delta": {"content": "so far"}, "finish_reason": None} | more


GOOD = event(choices=[choice()])


@pytest.mark.parametrize(
    "wrong",
    [
        event(no="choices"),
        event(choices=3),
        event(choices=[3]),
        event(choices=[choice(index=7)]),
        event(choices=[choice(index="0")]),
        event(choices=[choice(delta=None)]),
        event(choices=[choice(delta={"content": 3})]),
        event(choices=[choice(delta={}, finish_reason=["stop"])]),
        event(choices=[], usage={"prompt_tokens": "many"}),
        b"data: []\n\n",
        b"data: half an eve",
        b"data: [DONE]\n\n",
    ],
)
def test_nonsense_in_the_middle_of_a_stream(served: Service, wrong: bytes) -> None:
    served.engine.says = (STREAM, GOOD + wrong)
    response = served.chat(stream=True)
    assert failure(response)["code"] == "engine_cut"
    row = newest(served)
    assert (row.status, row.text) == ("failed", "so far")


@pytest.mark.parametrize(
    ("kind", "content", "status"),
    [
        ("text/html", b"<html>", 503),
        (WHOLE, b"<html>", 502),
        (WHOLE, b"{}", 502),
        (WHOLE, b'{"choices": []}', 502),
        (WHOLE, b'{"choices": [{"index": 0, "message": {"content": "x"}}]}', 502),
        (WHOLE, b'{"choices": [{"index": 0, "message": "x", "finish_reason": "stop"}]}', 502),
    ],
)
def test_nonsense_instead_of_an_answer(
    served: Service, kind: str, content: bytes, status: int
) -> None:
    before = len(list(served.store.completions()))
    served.engine.says = (kind, content)
    response = served.chat()
    assert response.status_code == status
    assert failure(response)["type"] == "engine_error"
    # Where an engine had begun, the attempt is kept; it is nobody's answer.
    kept = status == 502
    wait_for(lambda: len(list(served.store.completions())) == before + kept)
    assert not kept or newest(served).status == "failed"


@pytest.mark.parametrize("word", [-1, 2])
def test_an_engine_that_falls_silent_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: int
) -> None:
    # A first token may wait in the queue; between two of them nothing is waited for.
    monkeypatch.setattr("serving.engine_http.WAIT_SECONDS", 1.0 if word == -1 else 60.0)
    with service(tmp_path, silence_seconds=60.0 if word == -1 else 1.0) as served:
        served.engine.gate_at = word
        served.engine.gate.clear()
        response = served.chat(stream=True)
        served.engine.gate.set()
        assert "silent" in failure(response)["message"]
        row = newest(served)
        assert (row.status, row.text) == ("failed", "Answered by" if word == 2 else "")
        wait_for(lambda: served.engine.aborted == 1)


def test_what_takes_its_time_is_not_silent(tmp_path: Path) -> None:
    with service(tmp_path, silence_seconds=0.5) as served:
        served.engine.pause = 0.3
        assert served.chat(model="base").is_success  # 0.9 s without a word: it comes in one piece
        assert served.chat(model="base", stream=True).text.endswith("data: [DONE]\n\n")
        served.engine.pause = 0.0
        served.engine.gate_at = 0
        served.engine.gate.clear()
        assert "silent" in failure(served.chat(stream=True))["message"]
        served.engine.gate.set()
        assert served.chat(model="base").is_success


def test_an_engine_that_lost_its_adapters_is_filled_again(tmp_path: Path) -> None:
    with service(tmp_path) as served:
        name = publish(served.registry, tmp_path)
        body = {"responder": name, "reason": "r", "force": True}
        assert served.operator("POST", "/v1/promote", json=body).is_success
        served.engine.restart()
        assert served.chat().status_code in {200, 503}
        wait_for(lambda: served.chat().status_code == 200)
        assert served.engine.loaded.keys() == {name}
        kept = [(row.status, row.responder) for row in served.store.completions()]
        assert set(kept) == {("complete", name)}
