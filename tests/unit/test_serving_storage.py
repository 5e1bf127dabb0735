"""A database that cannot be written: it is said, nothing is half written, and it passes."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from feedback.database import Database
from feedback.store import FeedbackStore
from feedback.types import Completion, Message
from serving.errors import StorageFull
from serving.recording import Ending, Recorder
from tests.serving_kit import Service, held, service, wait_for


@contextmanager
def full(database: Database) -> Iterator[None]:
    """Let the database's file grow no more, as on a full disk."""
    with database.write() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    yield
    with database.write() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1000000")


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    monkeypatch.setattr("feedback.engines.BUSY_SECONDS", 0.3)
    with service(tmp_path) as made:
        yield made
        assert not made.services.router.replicas[0].load


def refused(response: httpx.Response, status: int, code: str) -> None:
    assert response.status_code == status, response.text
    error = response.json()["error"]
    assert (set(error), error["code"]) == ({"message", "type", "code"}, code)
    assert int(response.headers["retry-after"]) > 0


@pytest.mark.parametrize("stream", [False, True])
def test_a_full_disk_refuses_what_it_cannot_keep(served: Service, stream: bool) -> None:
    long = "word " * 3000
    with full(served.services.database):
        refused(served.chat(long, model="base", stream=stream), 507, "storage_full")
    assert list(served.store.completions()) == []
    assert served.chat(long, model="base", stream=stream).status_code == 200
    (row,) = served.store.completions()
    assert row.status == "complete"


@pytest.mark.parametrize("stream", [False, True])
def test_a_database_that_somebody_holds_is_said(served: Service, stream: bool) -> None:
    with held(served.services.database):
        refused(served.chat(stream=stream), 503, "storage_failed")
        body = {"responder": "base", "reason": "r", "force": True}
        refused(served.operator("POST", "/v1/promote", json=body), 503, "storage_failed")
    assert list(served.store.completions()) == []
    assert served.chat(stream=stream).status_code == 200
    assert [row.status for row in served.store.completions()] == ["complete"]


def test_an_answer_that_could_not_be_closed_is_closed_later(
    served: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serving.recording.RETRY_SECONDS", 0.05)
    served.engine.gate.clear()
    body = {"messages": [{"role": "user", "content": "Hi"}], "stream": True}
    with served.http.stream("POST", "/v1/chat/completions", json=body) as response:
        lines = (line for line in response.iter_lines() if line)
        identity = json.loads(next(lines)[6:])["id"]
        with held(served.services.database):
            served.engine.gate.set()
            *_, last = lines
    assert json.loads(last[6:])["error"]["code"] == "storage_failed"
    wait_for(lambda: (row := served.store.completion(identity)) and row.status == "complete")
    (row,) = served.store.completions()
    assert row.text == "Answered by base."


def completion(name: str, text: str) -> Completion:
    return Completion(
        id=name,
        conversation=name,
        person="ann",
        purpose="chat",
        messages=(Message(role="user", content=text),),
        responder="base",
        named=False,
        sampling={},
        interface="api",
        parent=None,
        created=1.0,
    )


async def test_a_full_disk_takes_back_the_whole_commit(database: Database) -> None:
    """SQLite rolls everything back by itself: what was written before in the same commit, too."""
    recorder = Recorder(FeedbackStore(database))
    store = FeedbackStore(database)
    small, large = completion("small", "x"), completion("large", "word " * 20_000)
    with full(database):
        queued = threading.Event()
        database.submit(lambda _: queued.wait())  # both wait behind it, and so go in together
        writing = asyncio.gather(
            recorder.open([small]), recorder.open([large]), return_exceptions=True
        )
        asyncio.get_running_loop().call_soon(queued.set)
        results = await writing
        assert [type(result) for result in results] == [StorageFull, StorageFull]
        assert list(store.completions()) == []
    await recorder.open([small])
    await recorder.open([large])
    assert {row.id for row in store.completions()} == {"small", "large"}
    await recorder.drain()


async def test_what_cannot_be_written_does_not_keep_the_service_from_ending(
    database: Database,
) -> None:
    recorder = Recorder(FeedbackStore(database))
    await recorder.open([completion("c", "x")])
    ending = Ending("c", "word " * 20_000, "cut", None, 1, 1, 1.0, 1.0, None, None)
    with full(database):
        recorder.close_soon([ending])
        await recorder.drain()
    row = FeedbackStore(database).completion("c")
    assert row is not None
    assert row.status == "streaming"
