"""Several replicas: who is asked, and what happens to requests when one of them fails."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from feedback.database import Database
from serving.engine import EngineClient
from serving.errors import EngineUnavailable
from serving.records import Routes
from serving.registry import Registry
from serving.replicas import Replica
from serving.router import SLACK, Router
from tests.fake_engine import FakeEngine
from tests.serving_kit import BASE, Service, publish, service, wait_for


class Two(NamedTuple):
    """A service in front of two engines, looked at only when a request failed."""

    service: Service
    own: FakeEngine
    """Where conversation `c` belongs."""
    other: FakeEngine

    def ask(self, **body: Any) -> httpx.Response:
        return self.service.chat(metadata={"conversation_id": "c"}, **body)

    def asked(self) -> list[int]:
        """Return how many people's requests each engine got; probes are one token long."""
        return [
            sum(body.get("max_tokens") != 1 for body in engine.requests)
            for engine in (self.own, self.other)
        ]


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Two]:
    first, second = FakeEngine(), FakeEngine()
    with service(tmp_path, engine=first, beside=[second]) as made:
        router = made.services.router
        wait_for(lambda: all(replica.ready for replica in router.replicas))
        belongs = router.pick("rag", "c").replica.url == first.url
        yield Two(made, *((first, second) if belongs else (second, first)))
        wait_for(lambda: not any(replica.load for replica in router.replicas))


def said(response: httpx.Response) -> tuple[str, dict[str, Any] | str]:
    """Return the id, and the last event of a stream."""
    events = [line.removeprefix("data: ") for line in response.text.split("\n\n") if line]
    last = events[-1]
    return json.loads(events[0])["id"], last if last == "[DONE]" else json.loads(last)


def router_of(database: Database, count: int) -> Router:
    replicas = [Replica(EngineClient(f"http://replica-{i}"), cpu=False) for i in range(count)]
    for replica in replicas:
        replica.base_name, replica.ready, replica.doubted = "base", True, False
    router = Router(Registry(database, BASE), replicas)
    router._routes = Routes(live="rag")
    return router


def test_a_conversation_keeps_its_replica_until_it_is_clearly_fuller(database: Database) -> None:
    router = router_of(database, 2)
    own = router.pick("rag", "c").replica
    (other,) = (replica for replica in router.replicas if replica is not own)
    for there in (0, 10):
        other.in_flight["base"] = there
        own.in_flight["base"] = there + there // 2 + SLACK
        assert router.pick("rag", "c").replica is own
        own.in_flight["base"] += 1
        assert router.pick("rag", "c").replica is other
    own.in_flight["base"] = 0
    assert router.pick("rag", "c").replica is own


def test_one_replica_less_moves_only_its_own_conversations(database: Database) -> None:
    router = router_of(database, 3)
    before = {f"c{i}": router.pick("rag", f"c{i}").replica for i in range(60)}
    gone = router.replicas[0]
    gone.ready = False
    for conversation, replica in before.items():
        now = router.pick("rag", conversation).replica
        assert now is not gone
        assert now is replica or replica is gone


def test_who_is_doubted_is_asked_only_where_nobody_else_can_be(database: Database) -> None:
    router = router_of(database, 2)
    own = router.pick("rag", "c").replica
    own.doubted = True
    assert router.pick("rag", "c").replica is not own
    for replica in router.replicas:
        replica.doubted = True
    assert router.pick("rag", "c").replica is own
    assert router.pick("rag", "c", without=own).replica is not own
    router.replicas[0].ready = router.replicas[1].ready = False
    with pytest.raises(EngineUnavailable):
        router.pick("rag", "c")


@pytest.mark.parametrize("stream", [False, True])
def test_what_fails_before_it_began_is_answered_elsewhere(two: Two, stream: bool) -> None:
    two.own.failing = True
    response = two.ask(stream=stream)
    assert response.status_code == 200
    (row,) = two.service.store.completions()
    assert (row.status, row.text) == ("complete", "Answered by base.")
    assert two.asked() == [1, 1]
    if stream:
        assert said(response) == (row.id, "[DONE]")


@pytest.mark.parametrize(
    ("text", "stream"), [("Hi", False), ("word " * 1500, True)], ids=["answer", "count"]
)
def test_what_breaks_in_the_middle_before_anybody_saw_it_is_asked_elsewhere(
    two: Two, text: str, stream: bool
) -> None:
    two.own.halves = True
    response = two.ask(text=text, stream=stream)
    assert response.status_code == 200
    (row,) = two.service.store.completions()
    assert (row.status, row.text) == ("complete", "Answered by base.")
    assert two.other.models[-1] == "base"


def test_a_stream_that_breaks_before_its_first_chunk_is_opened_elsewhere(two: Two) -> None:
    two.own.cut_after = -1
    response = two.ask(stream=True)
    (row,) = two.service.store.completions()
    assert said(response) == (row.id, "[DONE]")
    assert (row.status, row.text) == ("complete", "Answered by base.")
    assert two.asked() == [1, 1]


def test_a_stream_that_never_says_anything_is_opened_elsewhere(
    two: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serving.engine_http.WAIT_SECONDS", 1.0)
    two.own.gate_at = -1
    two.own.gate.clear()
    response = two.ask(stream=True)
    two.own.gate.set()
    (row,) = two.service.store.completions()
    assert said(response) == (row.id, "[DONE]")
    assert row.status == "complete"


def test_a_text_that_could_not_be_begun_is_continued_elsewhere(two: Two) -> None:
    body = {"model": "base", "prompt": "x"}
    first = two.service.services.router.pick("base", "").replica.url
    own, other = (two.own, two.other) if two.own.url == first else (two.other, two.own)
    own.failing = True
    response = two.service.operator("POST", "/v1/completions", json=body)
    assert (response.status_code, response.json()["model"]) == (200, "base")
    asked = [["prompt" in body for body in engine.requests] for engine in (own, other)]
    assert [engine.count(True) for engine in asked] == [1, 1]
    other.failing = True
    response = two.service.operator("POST", "/v1/completions", json=body)
    assert (response.status_code, response.json()["error"]["code"]) == (503, "engine_unavailable")


@pytest.mark.parametrize("stream", [False, True])
def test_nobody_is_asked_a_third_time(two: Two, stream: bool) -> None:
    two.own.failing = two.other.failing = True
    response = two.ask(stream=stream)
    assert response.status_code == 503
    assert int(response.headers["retry-after"]) > 0
    assert two.asked() == [1, 1]
    assert list(two.service.store.completions()) == []


def test_a_stream_that_had_begun_ends_with_an_error(two: Two) -> None:
    two.own.cut_after = 2
    two.own.gate.clear()  # until its first words have arrived
    body = {"messages": [{"role": "user", "content": "Hi"}], "stream": True}
    body["metadata"] = {"conversation_id": "c"}
    with two.service.http.stream("POST", "/v1/chat/completions", json=body) as response:
        events = (json.loads(line[6:]) for line in response.iter_lines() if line)
        identity = [next(events)["id"] for _ in range(3)][-1]
        two.own.gate.set()
        (last,) = events
    assert last["error"]["code"] == "engine_cut"
    (row,) = two.service.store.completions()
    assert (row.id, row.status, row.text) == (identity, "failed", "Answered by")
    assert two.asked() == [1, 0]


def test_a_replica_that_fails_its_probe_gets_no_traffic_until_it_answers_again(two: Two) -> None:
    replicas = {replica.url: replica for replica in two.service.services.router.replicas}
    own = replicas[two.own.url]
    two.own.failing = True
    assert two.ask().status_code == 200
    wait_for(lambda: not own.ready)
    assert "answer" in own.detail
    for _ in range(3):
        assert two.ask().status_code == 200
    assert two.asked() == [1, 4]
    two.own.failing = False
    wait_for(lambda: own.ready and not own.doubted)
    assert two.ask().status_code == 200
    assert two.asked() == [2, 4]


def test_a_promotion_waits_for_every_ready_replica_and_says_which_have_it(two: Two) -> None:
    replicas = {replica.url: replica for replica in two.service.services.router.replicas}
    name, later = (publish(two.service.registry, two.service.services.config.home) for _ in "ab")
    body = {"responder": name, "reason": "r", "force": True}
    two.other.broken.add(name)
    refused = two.service.operator("POST", "/v1/promote", json=body)
    assert (refused.status_code, two.service.registry.live()) == (409, "rag")
    two.other.broken.clear()
    done = two.service.operator("POST", "/v1/promote", json=body).json()
    assert {report["url"]: name in report["loaded"] for report in done["replicas"]} == {
        two.own.url: True,
        two.other.url: True,
    }
    two.own.status = 500
    wait_for(lambda: not two.ask().is_error and not replicas[two.own.url].ready)
    done = two.service.operator("POST", "/v1/promote", json=body | {"responder": later}).json()
    assert {report["url"]: later in report["loaded"] for report in done["replicas"]} == {
        two.own.url: False,
        two.other.url: True,
    }
    two.own.restart()
    two.own.status = None
    wait_for(lambda: replicas[two.own.url].ready)
    assert {name, later} <= set(two.own.loaded)
    assert two.ask().json()["model"] == later
