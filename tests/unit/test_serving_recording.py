"""The recorder: a request that leaves loses nothing, and nothing is written twice."""

import asyncio
import threading

import pytest
from sqlalchemy import select

from feedback.database import Database
from feedback.implied import signals
from feedback.store import FeedbackStore
from feedback.tables import vote_events
from feedback.types import Completion, InvalidFeedback, Message, UnknownCompletion
from serving.recording import Ending, Recorder


@pytest.fixture
def store(database: Database) -> FeedbackStore:
    return FeedbackStore(database)


def completion(name: str) -> Completion:
    question: Message = {"role": "user", "content": "Hi"}
    return Completion(
        id=name, conversation=name, person="ann", responder="rag", messages=(question,), sampling={}
    )


def ending(name: str) -> Ending:
    return Ending(name, "Hello", "complete", "stop", 1, 2, 3.0, 4.0, None, None)


async def test_what_was_awaited_is_on_disk(store: FeedbackStore) -> None:
    recorder = Recorder(store)
    await recorder.open([completion("c")])
    opened = store.completion("c")
    await recorder.close([ending("c")])
    closed = store.completion("c")
    assert opened is not None
    assert closed is not None
    assert (opened.status, closed.status, closed.text) == ("streaming", "complete", "Hello")


async def test_many_at_once_each_get_their_own_answer(store: FeedbackStore) -> None:
    recorder = Recorder(store)
    await recorder.open([completion("c")])
    said = await asyncio.gather(
        recorder.write(lambda s: s.record_vote("c", "ann", True)),
        recorder.write(lambda s: s.record_vote("unknown", "ann", True)),
        recorder.open([completion("d"), completion("c")]),
        recorder.open([completion("e")]),
        return_exceptions=True,
    )
    vote, unknown, taken, fine = said
    assert vote is not None
    assert not isinstance(vote, BaseException)
    assert vote.liked
    assert isinstance(unknown, UnknownCompletion)
    assert isinstance(taken, InvalidFeedback)
    assert fine is None
    # `d` came together with a row that was refused: they are one write.
    assert [c.id for c in store.completions()] == ["c", "e"]


async def test_a_request_that_leaves_loses_nothing_and_writes_once(store: FeedbackStore) -> None:
    heard: list[str] = []
    recorder = Recorder(store, heard.append)
    await recorder.open([completion("c")])
    go_on = threading.Event()
    store.database.submit(lambda _: go_on.wait(20))
    waiting = asyncio.create_task(recorder.vote("c", "ann", False, ("wrong",)))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    go_on.set()
    await recorder.drain()
    vote = store.vote("c", "ann")
    assert vote is not None
    assert (vote.liked, vote.reasons) == (False, ("wrong",))
    with store.database.read() as connection:
        assert len(connection.execute(select(vote_events)).all()) == 1
    assert heard == ["vote"]


async def test_what_was_handed_over_is_written_before_the_service_ends(
    store: FeedbackStore,
) -> None:
    recorder = Recorder(store)
    recorder.open_soon([completion(f"c{n}") for n in range(5)])
    recorder.close_soon([ending(f"c{n}") for n in range(5)])
    await recorder.drain()
    assert [c.status for c in store.completions()] == ["complete"] * 5


async def test_what_cannot_be_recorded_is_said(
    store: FeedbackStore, caplog: pytest.LogCaptureFixture
) -> None:
    recorder = Recorder(store)
    recorder.open_soon([completion("c")])
    recorder.open_soon([completion("c")])
    await recorder.drain()
    assert "'c' exists" in caplog.text


async def test_an_answer_whose_person_was_forgotten_meanwhile_ends_quietly(
    store: FeedbackStore,
) -> None:
    recorder = Recorder(store)
    await recorder.close([ending("forgotten")])
    assert list(store.completions()) == []


async def test_what_is_implied_is_handed_over_and_what_is_refused_dropped(
    store: FeedbackStore, caplog: pytest.LogCaptureFixture
) -> None:
    recorder = Recorder(store)
    await recorder.open([completion("c")])
    go_on = threading.Event()
    store.database.submit(lambda _: go_on.wait(20))
    recorder.imply_soon("c", "ann", "edit", "page")
    recorder.imply_soon("unknown", "ann", "copy", "page")
    assert list(signals(store.database)) == []
    go_on.set()
    await recorder.drain()
    assert [(s.completion_id, s.kind) for s in signals(store.database)] == [("c", "edit")]
    assert caplog.text == ""
