"""A turn through the served application, in front of a fake engine."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import event

from tests.fake_engine import FakeEngine
from tests.serving_kit import INTERNAL, Service, publish, service, wait_for


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Service]:
    with service(tmp_path) as made:
        yield made


def live(served: Service, responder: str | None = None) -> str:
    """Publish an adapter and make it live."""
    name = publish(served.registry, served.services.config.home)
    responder = (responder or "{}").format(name)
    body = {"responder": responder, "reason": "test", "force": True}
    assert served.operator("POST", "/v1/promote", json=body).status_code == 200
    return responder


def events(response: httpx.Response) -> list[Any]:
    lines = [line for line in response.text.split("\n\n") if line]
    assert all(line.startswith("data: ") for line in lines)
    return [json.loads(line[6:]) if line != "data: [DONE]" else "DONE" for line in lines]


def error_of(response: httpx.Response) -> dict[str, str]:
    error = response.json()["error"]
    assert set(error) == {"message", "type", "code"}
    return dict(error)


def test_an_answer_is_recorded_under_the_id_that_it_came_with(served: Service) -> None:
    response = served.chat("Hi", user="ann", temperature=0.5)
    body = response.json()
    assert body["model"] == "rag"
    assert body["choices"][0]["message"]["content"] == "Answered by base."
    assert body["usage"]["completion_tokens"] == 3
    row = served.store.completion(body["id"])
    assert row is not None
    assert (row.text, row.status, row.person) == ("Answered by base.", "complete", "ann")
    assert (row.responder, row.named, row.purpose) == ("rag", False, "chat")
    assert row.messages == ({"role": "user", "content": "Hi"},)
    assert row.sampling == {"temperature": 0.5}
    assert row.completion_tokens == 3
    assert "temperature" in served.engine.requests[-1]


def test_a_stream_names_its_maker_in_every_chunk(served: Service) -> None:
    responder = live(served)
    response = served.chat(stream=True)
    assert response.headers["content-type"].startswith("text/event-stream")
    *chunks, done = events(response)
    assert done == "DONE"
    assert {chunk["model"] for chunk in chunks} == {responder}
    assert len({chunk["id"] for chunk in chunks}) == 1
    text = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks)
    assert text == f"Answered by {responder}."
    assert "usage" not in chunks[0]
    row = served.store.completion(chunks[0]["id"])
    assert row is not None
    assert (row.text, row.status, row.finish_reason) == (text, "complete", "stop")
    assert row.ttft_ms is not None
    assert row.prompt_tokens == 5


def test_usage_comes_where_it_is_asked_for(served: Service) -> None:
    *chunks, _ = events(served.chat(stream=True, stream_options={"include_usage": True}))
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["total_tokens"] == 8
    assert all(chunk["usage"] is None for chunk in chunks[:-1])


def test_the_id_can_be_voted_on_while_the_answer_still_streams(served: Service) -> None:
    served.engine.gate.clear()
    body = {"messages": [{"role": "user", "content": "Hi"}], "stream": True}
    with served.http.stream("POST", "/v1/chat/completions", json=body) as response:
        lines = response.iter_lines()
        first = json.loads(next(lines)[6:])
        path = f"{served.url}/v1/feedback/votes/{first['id']}"
        assert httpx.put(path, json={"liked": True}, timeout=30).status_code == 200
        row = served.store.completion(first["id"])
        assert row is not None
        assert row.status == "streaming"
        served.engine.gate.set()
        assert list(lines)
    row = served.store.completion(first["id"])
    assert row is not None
    assert row.status == "complete"


def test_the_end_of_a_stream_is_announced_only_once_it_is_recorded(served: Service) -> None:
    served.engine.gate.clear()
    seen: list[str] = []

    def fail(_: object) -> None:
        raise OSError("no space left on device")

    def read_all(response: httpx.Response) -> None:
        lines = (line for line in response.iter_lines() if line)
        seen.append(next(lines))
        event.listen(served.services.database._writer, "commit", fail)
        served.engine.gate.set()
        seen.extend(lines)

    body = {"messages": [{"role": "user", "content": "Hi"}], "stream": True}
    with served.http.stream("POST", "/v1/chat/completions", json=body) as response:
        try:
            with pytest.raises(httpx.RemoteProtocolError):
                read_all(response)
        finally:
            event.remove(served.services.database._writer, "commit", fail)
    assert json.loads(seen[-1][6:])["choices"][0]["finish_reason"] == "stop"
    row = served.store.completion(json.loads(seen[0][6:])["id"])
    assert row is not None
    assert row.status == "streaming"


def test_each_choice_has_an_id_of_its_own(served: Service) -> None:
    for stream in (False, True):
        response = served.chat(n=3, stream=stream)
        body = events(response)[0] if stream else response.json()
        assert served.store.completion(body["id"]) is None
        for i in range(3):
            row = served.store.completion(f"{body['id']}-{i}")
            assert row is not None
            assert (row.text, row.status) == ("Answered by base.", "complete")
            vote = served.http.put(
                f"/v1/feedback/votes/{row.id}", json={"liked": bool(i), "user": "local"}
            )
            assert vote.status_code == 200


def test_a_client_that_leaves_is_a_cut(served: Service) -> None:
    served.engine.pause = 0.05
    served.engine.words = tuple("word" for _ in range(100))
    body = {"messages": [{"role": "user", "content": "Hi"}], "stream": True}
    with served.http.stream("POST", "/v1/chat/completions", json=body) as response:
        lines = (line for line in response.iter_lines() if line)
        identity = [json.loads(next(lines)[6:])["id"] for _ in range(4)].pop()
    wait_for(lambda: (row := served.store.completion(identity)) and row.status == "cut")
    row = served.store.completion(identity)
    assert row is not None
    assert row.text.startswith("word")
    wait_for(lambda: served.engine.aborted == 1)
    assert not +served.services.router.replicas[0].in_flight


def test_a_client_that_leaves_before_a_whole_answer_is_a_cut(served: Service) -> None:
    served.engine.pause = 1.0
    with pytest.raises(httpx.ReadTimeout):
        served.http.post(
            "/v1/chat/completions",
            json={"messages": [{"role": "user", "content": "gone"}]},
            timeout=1.0,
        )
    wait_for(lambda: [c.status for c in served.store.completions()] == ["cut"])
    wait_for(lambda: served.engine.aborted == 1)
    assert not +served.services.router.replicas[0].in_flight


@pytest.mark.parametrize("how", ["cut_after", "error_after"])
def test_an_engine_that_dies_in_a_stream_is_an_error_event(served: Service, how: str) -> None:
    setattr(served.engine, how, 2)
    served.engine.gate.clear()
    body = {"messages": [{"role": "user", "content": "Hi"}], "stream": True}
    with served.http.stream("POST", "/v1/chat/completions", json=body) as response:
        assert response.status_code == 200
        lines = (json.loads(line[6:]) for line in response.iter_lines() if line)
        chunks = [next(lines) for _ in range(3)]
        served.engine.gate.set()
        (last,) = lines
    assert set(last["error"]) == {"message", "type", "code"}
    assert last["error"]["code"] == "engine_cut"
    row = served.store.completion(chunks[0]["id"])
    assert row is not None
    assert (row.status, row.text) == ("failed", "Answered by")
    assert not +served.services.router.replicas[0].in_flight


def test_an_engine_that_is_away_is_a_503_and_nothing_is_recorded(served: Service) -> None:
    served.engine.status = 500
    for stream in (False, True):
        response = served.chat(stream=stream)
        assert response.status_code == 503
        assert int(response.headers["retry-after"]) > 0
        assert error_of(response)["code"] == "engine_unavailable"
    wait_for(lambda: served.http.get("/readyz").status_code == 503)
    assert served.chat().status_code == 503
    assert list(served.store.completions()) == []
    assert not +served.services.router.replicas[0].in_flight
    served.engine.status = None
    wait_for(lambda: served.http.get("/readyz").status_code == 200)
    assert served.chat().status_code == 200


def test_what_the_engine_refuses_is_the_callers_fault(served: Service) -> None:
    served.engine.status = 400
    response = served.chat()
    assert response.status_code == 400
    assert error_of(response)["message"] == "told to"
    assert list(served.store.completions()) == []


def test_the_internal_key_makes_evaluations(served: Service) -> None:
    response = served.http.post(
        "/v1/chat/completions",
        json={"messages": [{"role": "user", "content": "Q"}], "model": "base", "user": "ann"},
        headers={"Authorization": f"Bearer {INTERNAL}"},
    )
    row = served.store.completion(response.json()["id"])
    assert row is not None
    assert (row.purpose, row.named, row.person) == ("evaluation", True, "internal")
    assert served.engine.requests[-1]["priority"] == 10
    vote = served.http.put(f"/v1/feedback/votes/{row.id}", json={"liked": True})
    assert vote.status_code == 404
    served.chat()
    assert "priority" not in served.engine.requests[-1]


def test_only_names_on_the_list_reach_the_engine(served: Service) -> None:
    before = len(served.engine.requests)
    for name in ("ratchet-0099", "../../etc", "gpt-4", "base-null", "rag+rag"):
        response = served.chat(model=name)
        assert response.status_code == 404
        assert error_of(response)["code"] == "model_not_found"
    assert len(served.engine.requests) == before


def test_people_may_not_name_a_candidate(served: Service) -> None:
    name = publish(served.registry, served.services.config.home)
    served.registry.set_candidate(name)
    wait_for(lambda: name in served.engine.loaded)
    assert served.chat(model=name).status_code == 404
    body = {"messages": [{"role": "user", "content": "Q"}], "model": f"{name}+rag"}
    wait_for(lambda: served.operator("POST", "/v1/chat/completions", json=body).is_success)
    assert served.engine.models[-1] == name
    listed = [m["id"] for m in served.http.get("/v1/models").json()["data"]]
    assert listed == ["ratchet", "rag", "base"]
    listed = [m["id"] for m in served.operator("GET", "/v1/models").json()["data"]]
    assert listed == ["ratchet", "rag", "base", name, f"{name}+rag"]


def test_a_conversation_keeps_its_id(served: Service) -> None:
    first = served.chat(metadata={"conversation_id": "c-1"}).json()
    assert first["ratchet"]["conversation_id"] == "c-1"
    assert [c.id for c in served.store.conversation("c-1", "local")] == [first["id"]]


def test_the_oldest_turns_make_room(tmp_path: Path) -> None:
    with service(tmp_path, engine=FakeEngine(context=40)) as served:
        turns = [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "old " * 30},
            {"role": "assistant", "content": "ok"},
            {"role": "user", "content": "and new?"},
        ]
        body = {"messages": turns, "model": "base", "max_tokens": 30}
        response = served.http.post("/v1/chat/completions", json=body)
        assert response.status_code == 200
        asked = served.engine.requests[-1]
        assert [m["content"] for m in asked["messages"]] == ["Be brief.", "and new?"]
        row = served.store.completion(response.json()["id"])
        assert row is not None
        assert len(row.messages) == 4
        long = [{"role": "user", "content": "word " * 50}]
        response = served.http.post("/v1/chat/completions", json={"messages": long})
        assert response.status_code == 400
        assert "shorten" in error_of(response)["message"]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"messages": []}, "at least one"),
        ({"messages": [{"role": "wizard", "content": "x"}]}, "role"),
        ({"messages": [{"role": ["user"], "content": "x"}]}, "role"),
        ({"messages": [{"role": "user", "content": 3}]}, "content"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "text"),
        ({"temperature": 9}, "temperature"),
        ({"temperature": True}, "temperature"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"n": 99}, "n"),
        ({"stop": [""]}, "stop"),
        ({"prompt_logprobs": 1}, "prompt_logprobs"),
        ({"priority": -5}, "priority"),
        ({"stop": list("abcde")}, "stop"),
        ({"top_logprobs": 3}, "logprobs"),
        ({"stream": "yes"}, "stream"),
        ({"user": ""}, "user"),
        ({"metadata": {"conversation_id": 3}}, "conversation_id"),
    ],
)
def test_wrong_requests_say_what_is_wrong(
    served_once: Service, wrong: dict[str, Any], says: str
) -> None:
    body = {"messages": [{"role": "user", "content": "Hi"}], **wrong}
    before = len(served_once.engine.requests)
    response = served_once.http.post("/v1/chat/completions", json=body)
    assert response.status_code == 400
    assert says in error_of(response)["message"]
    assert len(served_once.engine.requests) == before


@pytest.fixture(scope="module")
def served_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with service(tmp_path_factory.mktemp("once")) as made:
        yield made


def test_harmless_parameters_are_ignored(served_once: Service) -> None:
    sent = {"store": True, "service_tier": "auto", "response_format": {"type": "text"}}
    response = served_once.chat(**sent, max_completion_tokens=7, stop="x")
    assert response.status_code == 200
    asked = served_once.engine.requests[-1]
    assert set(asked) == {"model", "messages", "max_tokens", "stop"}
    assert asked["max_tokens"] == 7


def test_parts_of_text_are_one_text(served_once: Service) -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    messages = [{"role": "developer", "content": "d"}, {"role": "user", "content": parts}]
    body = {"messages": messages, "model": "base"}
    assert served_once.http.post("/v1/chat/completions", json=body).status_code == 200
    assert served_once.engine.requests[-1]["messages"] == [
        {"role": "system", "content": "d"},
        {"role": "user", "content": "ab"},
    ]


def test_text_completions_are_for_harnesses(served_once: Service) -> None:
    body = {"model": "base", "prompt": [1, 2], "max_tokens": 0, "echo": True, "logprobs": 1}
    assert served_once.http.post("/v1/completions", json=body).status_code == 403
    answer = served_once.operator("POST", "/v1/completions", json=body).json()
    assert answer["model"] == "base"
    assert answer["id"].startswith("cmpl-")
    assert answer["choices"][0]["text"] == "said"
    assert served_once.engine.requests[-1] == body
    rag = served_once.operator("POST", "/v1/completions", json=body | {"model": "rag"})
    assert rag.status_code == 400
    risky = served_once.operator("POST", "/v1/completions", json=body | {"prompt_logprobs": 1})
    assert risky.status_code == 400


def test_a_promotion_applies_to_the_next_request(served: Service) -> None:
    responder = live(served)
    assert served.chat().json()["model"] == responder
    other = live(served, "{}+rag")
    assert served.chat().json()["model"] == other
    response = served.operator("POST", "/v1/rollback", json={"reason": "worse"})
    assert response.json()["live"] == responder
    assert served.chat().json()["model"] == responder


def test_a_running_stream_ends_where_it_began(served: Service) -> None:
    first = live(served)
    replica = served.services.router.replicas[0]
    served.engine.gate.clear()
    body = {"messages": [{"role": "user", "content": "Hi"}], "stream": True}
    with served.http.stream("POST", "/v1/chat/completions", json=body) as response:
        lines = (line for line in response.iter_lines() if line)
        next(lines)
        with httpx.Client(base_url=served.url, timeout=30) as other:
            headers = {"Authorization": "Bearer operator-token"}
            undo = {"reason": "worse"}
            assert other.post("/v1/rollback", json=undo, headers=headers).status_code == 200
        wait_for(lambda: first not in replica.loaded)
        assert first in served.engine.loaded
        served.engine.gate.set()
        chunks = [json.loads(line[6:]) for line in lines if line != "data: [DONE]"]
    assert {chunk["model"] for chunk in chunks} == {first}
    wait_for(lambda: first not in served.engine.loaded)


def test_many_at_once_are_all_recorded(served: Service) -> None:
    served.engine.pause = 0.01
    answers: list[dict[str, Any]] = []

    def ask(i: int) -> None:
        body = {"messages": [{"role": "user", "content": str(i)}], "user": f"p{i}"}
        with httpx.Client(base_url=served.url, timeout=30) as client:
            answers.append(client.post("/v1/chat/completions", json=body).json())

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({answer["id"] for answer in answers}) == 20
    assert len(list(served.store.completions())) == 20
