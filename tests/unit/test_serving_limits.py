"""How much anybody may ask: per person, per key, per address block, and never without end."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from serving import limits
from serving.errors import TooManyRequests
from serving.identity import INTERNAL, OPERATOR, PERSON_COOKIE, TRUSTED, Person
from serving.limits import AtOnce, Limits, PerMinute
from tests.serving_kit import Service, service, wait_for

CHAT: dict[str, Any] = {"messages": [{"role": "user", "content": "Hi"}]}


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def take(bucket: PerMinute, name: str) -> None:
    bucket.check(name)
    bucket.count(name)


def test_a_bucket_empties_and_fills(clock: Clock) -> None:
    bucket = PerMinute(2, clock)
    take(bucket, "a")
    take(bucket, "a")
    with pytest.raises(TooManyRequests) as raised:
        bucket.check("a")
    assert raised.value.retry_after == 30
    take(bucket, "b")
    clock.now += 31
    take(bucket, "a")


def test_full_buckets_are_forgotten(clock: Clock) -> None:
    bucket = PerMinute(2, clock)
    for i in range(1000):
        clock.now += 1
        take(bucket, f"p{i}")
    assert len(bucket) == 60


def test_a_flood_of_names_has_an_end(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST", 100)
    bucket = PerMinute(1, clock)
    for i in range(1000):
        take(bucket, f"p{i}")
    assert len(bucket) == 100
    with pytest.raises(TooManyRequests):
        bucket.check("p999")


def test_answers_are_counted_in_and_out() -> None:
    running = AtOnce(2)
    running.add("a", 2)
    with pytest.raises(TooManyRequests, match="at once"):
        running.check("a", 1)
    running.add("a", -1)
    running.check("a", 1)
    running.add("a", -1)
    assert len(running) == 0


@pytest.mark.parametrize("person", [TRUSTED, OPERATOR, INTERNAL])
def test_who_is_ours_has_no_limits(person: Person, clock: Clock) -> None:
    door = Limits(1, 1, 1, clock)
    for _ in range(5):
        door.enter(person)


def test_a_new_cookie_is_no_new_allowance(clock: Clock) -> None:
    door = Limits(2, 100, 3, clock)
    for i in range(6):
        door.enter(Person(f"web-{i}", shares=("203.0.113.0/24",)))
    with pytest.raises(TooManyRequests, match="6 requests"):
        door.enter(Person("web-7", shares=("203.0.113.0/24",)))
    # Whoever is refused by what they share has left no trace, and others are not touched.
    assert len(door._own[0]) == 6
    door.enter(Person("web-8", shares=("198.51.100.0/24",)))


def test_a_refusal_counts_nowhere(clock: Clock) -> None:
    door = Limits(1, 100, 2, clock)
    door.enter(Person("a", shares=("key k",)))
    for _ in range(5):
        with pytest.raises(TooManyRequests, match="1 requests"):
            door.enter(Person("a", shares=("key k",)))
    door.enter(Person("b", shares=("key k",)))
    with pytest.raises(TooManyRequests, match="2 requests"):
        door.enter(Person("c", shares=("key k",)))


def test_answers_that_run_have_a_limit_of_their_own(clock: Clock) -> None:
    door = Limits(1000, 2, 10, clock)
    leave = door.enter(Person("a"), answers=2)
    with pytest.raises(TooManyRequests) as raised:
        door.enter(Person("a"))
    assert raised.value.retry_after > 0
    leave()
    door.enter(Person("a"))


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Service]:
    with service(tmp_path, requests_per_minute=3, answers_at_once=2, shared_limit=2) as made:
        yield made


def with_key(served: Service, *rights: str) -> dict[str, str]:
    _, secret = served.services.identity.keys.add("app", rights)
    return {"Authorization": f"Bearer {secret}"}


def with_cookie(served: Service) -> dict[str, str]:
    return {"Cookie": f"{PERSON_COOKIE}={served.services.identity.new_person_cookie()}"}


def statuses(
    served: Service, headers: Callable[[], dict[str, str]], times: int, **body: Any
) -> list[int]:
    return [
        served.http.post("/v1/chat/completions", json=CHAT | body, headers=headers()).status_code
        for _ in range(times)
    ]


def test_a_key_is_told_when_to_come_again(served: Service) -> None:
    headers = with_key(served, "chat")
    assert statuses(served, lambda: headers, 3) == [200] * 3
    refused = served.http.post("/v1/chat/completions", json=CHAT, headers=headers)
    assert refused.status_code == 429
    assert refused.json()["error"]["code"] == "rate_limited"
    assert 0 < int(refused.headers["retry-after"]) <= 60
    pair = served.http.post("/v1/comparisons", json=CHAT, headers=headers)
    assert pair.status_code == 429
    assert [served.operator("POST", "/v1/chat/completions", json=CHAT).status_code] * 4 == [200] * 4


def test_a_key_that_speaks_for_many_has_a_limit_too(served: Service) -> None:
    headers = with_key(served, "chat", "act")
    got = [statuses(served, lambda: headers, 1, user=f"person-{i}")[0] for i in range(8)]
    assert got == [200] * 6 + [429] * 2


def test_throwing_the_cookie_away_gains_nothing(served: Service) -> None:
    assert statuses(served, lambda: with_cookie(served), 8) == [200] * 6 + [429] * 2


@pytest.mark.parametrize("how", ["read", "left"])
def test_a_stream_counts_until_it_ends(served: Service, how: str) -> None:
    served.engine.gate.clear()
    headers = with_key(served, "chat")
    body = {**CHAT, "stream": True}
    with httpx.Client(base_url=served.url, timeout=30, headers=headers) as http:
        with http.stream("POST", "/v1/chat/completions", json=body) as first:
            one = first.iter_lines()
            next(one)
            with http.stream("POST", "/v1/chat/completions", json=body) as second:
                two = second.iter_lines()
                next(two)
                refused = http.post("/v1/chat/completions", json=CHAT)
                assert (refused.status_code, refused.headers["retry-after"]) == (429, "5")
                assert "at once" in refused.json()["error"]["message"]
                if how == "read":
                    served.engine.gate.set()
                    assert list(two)[-2:] == ["data: [DONE]", ""]
                    assert list(one)
        running = served.services.chat._limits._own[1]
        wait_for(lambda: len(running) == 0)
        served.engine.gate.set()
        assert http.post("/v1/chat/completions", json=CHAT).status_code == 200


def test_what_never_began_does_not_go_on_counting(served: Service) -> None:
    headers = with_key(served, "chat")
    served.engine.status = 500
    assert statuses(served, lambda: headers, 1, stream=True) == [503]
    assert statuses(served, lambda: headers, 1) == [503]
    assert served.http.post("/v1/comparisons", json=CHAT, headers=headers).status_code == 503
    assert all(len(running) == 0 for _, running in _meters(served))


def test_a_pair_is_two_answers(served: Service) -> None:
    served.engine.gate.clear()
    headers = with_key(served, "chat")
    asking = threading.Thread(
        target=lambda: httpx.post(
            f"{served.url}/v1/comparisons", json=CHAT, headers=headers, timeout=30
        )
    )
    asking.start()
    # The first request was the probe of the engine.
    wait_for(lambda: sum(bool(r.get("stream")) for r in served.engine.requests) == 2)
    assert statuses(served, lambda: headers, 1) == [429]
    served.engine.gate.set()
    asking.join()
    assert statuses(served, lambda: headers, 1) == [200]
    assert all(len(running) == 0 for _, running in _meters(served))


def _meters(served: Service) -> tuple[tuple[PerMinute, AtOnce], ...]:
    door = served.services.chat._limits
    return (door._own, door._shared)
