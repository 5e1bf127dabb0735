"""Conversations and rankings over HTTP, through the whole service."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from feedback.uses import Fate, Uses
from tests.serving_kit import Service, publish, service, wait_for


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with service(tmp_path_factory.mktemp("conversations")) as made:
        yield made


def ask(served: Service, conversation: str, *said: str, user: str = "ann") -> dict[str, Any]:
    """Ask the last of `said`, which alternates between person and assistant."""
    roles = ("user", "assistant")
    messages = [{"role": roles[i % 2], "content": text} for i, text in enumerate(said)]
    body = {"messages": messages, "user": user, "metadata": {"conversation_id": conversation}}
    answer = served.http.post("/v1/chat/completions", json=body).json()
    return {"id": answer["id"], "text": answer["choices"][0]["message"]["content"]}


def read(served: Service, path: str = "", user: str = "ann", **params: Any) -> httpx.Response:
    return served.http.get(f"/v1/conversations{path}", params={"user": user, **params})


def titles(served: Service, user: str, **params: Any) -> list[str]:
    found = read(served, user=user, **params).json()["conversations"]
    return [conversation["title"] for conversation in found]


def test_conversations_are_listed_found_and_paged(served: Service) -> None:
    for number in range(3):
        ask(served, f"list-{number}", f"Question {number} about baggage", user="lea")
    served.chat("A single question", user="lea")
    found = read(served, user="lea", limit=2).json()["conversations"]
    assert [c["title"] for c in found] == ["Question 2 about baggage", "Question 1 about baggage"]
    assert set(found[0]) == {"id", "title", "created", "updated"}
    assert titles(served, "lea", before=found[-1]["updated"]) == ["Question 0 about baggage"]
    assert titles(served, "lea", query="BAGGAGE 1") == ["Question 1 about baggage"]
    assert titles(served, "eve") == []


def test_a_conversation_is_a_thread_with_siblings_and_votes(served: Service) -> None:
    first = ask(served, "thread", "One?")
    second = ask(served, "thread", "One?", first["text"], "Two?")
    again = ask(served, "thread", "One?", first["text"], "Two?")
    other = ask(served, "thread", "One?", first["text"], "Two, otherwise?")
    vote = {"liked": True, "reasons": ["clear"], "comment": "good", "user": "ann"}
    served.http.put(f"/v1/feedback/votes/{first['id']}", json=vote)
    shown = read(served, "/thread").json()
    assert (shown["id"], shown["title"]) == ("thread", "One?")
    one, two = shown["turns"]
    assert (one["id"], one["question"], one["answer"]) == (first["id"], "One?", first["text"])
    assert (one["responder"], one["status"], one["siblings"]) == ("rag", "complete", [one["id"]])
    assert one["vote"] == {"liked": True, "reasons": ["clear"], "comment": "good"}
    assert (two["id"], two["question"]) == (other["id"], "Two, otherwise?")
    assert two["edits"] == [again["id"], other["id"]]
    assert two["vote"] is None
    switched = read(served, "/thread", chosen=[second["id"]]).json()["turns"][1]
    assert switched["id"] == second["id"]
    assert switched["siblings"] == [second["id"], again["id"]]


def test_a_conversation_is_renamed_and_deleted_by_its_person_only(served: Service) -> None:
    ask(served, "a/b ?", "Mine?")
    path = "/v1/conversations/a%2Fb%20%3F"
    for answer in (
        read(served, "/a%2Fb%20%3F", user="bob"),
        served.http.patch(path, json={"title": "Yours", "user": "bob"}),
        served.http.delete(path, params={"user": "bob"}),
    ):
        assert answer.status_code == 404
        assert answer.json()["error"]["code"] == "unknown_conversation"
    renamed = served.http.patch(path, json={"title": "Renamed", "user": "ann"})
    assert renamed.json()["title"] == "Renamed"
    assert titles(served, "ann", query="renamed") == ["Renamed"]
    gone = served.http.delete(path, params={"user": "ann"})
    assert (gone.status_code, gone.content) == (204, b"")
    assert read(served, "/a%2Fb%20%3F").status_code == 404
    assert served.http.delete(path, params={"user": "ann"}).status_code == 404
    assert titles(served, "ann", query="renamed") == []


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("PATCH", {"json": {"title": ""}}),
        ("PATCH", {"json": {"title": "   "}}),
        ("PATCH", {"json": {"title": "x" * 201}}),
        ("GET", {"params": {"limit": 0}}),
        ("GET", {"params": {"query": "x" * 201}}),
        ("GET", {"params": {"before": "yesterday"}}),
    ],
)
def test_wrong_requests_are_refused_in_one_shape(
    served: Service, method: str, arguments: dict[str, Any]
) -> None:
    path = "/v1/conversations" + ("" if method == "GET" else "/any")
    answer = served.http.request(method, path, **arguments)
    assert answer.status_code == 400
    assert set(answer.json()["error"]) == {"message", "type", "code"}


def test_a_pair_in_a_conversation_stays_blind_until_the_choice(served: Service) -> None:
    body = {"messages": [{"role": "user", "content": "Which?"}], "user": "pam"}
    body["metadata"] = {"conversation_id": "pair"}
    pair = served.http.post("/v1/comparisons", json=body).json()
    (turn,) = read(served, "/pair", user="pam").json()["turns"]
    assert (turn["id"], turn["responder"], turn["sources"]) == (pair["left"]["id"], None, [])
    path = f"/v1/feedback/comparisons/{pair['id']}"
    served.http.put(path, json={"outcome": "right", "user": "pam"})
    (turn,) = read(served, "/pair", user="pam").json()["turns"]
    assert (turn["id"], turn["responder"]) == (pair["right"]["id"], "rag")


def test_everybody_is_told_what_became_of_what_they_said(tmp_path: Path) -> None:
    with service(tmp_path) as made:
        first, second = (ask(made, "votes", text, user="uma")["id"] for text in ("One?", "Two?"))
        for id_ in (first, second):
            made.http.put(f"/v1/feedback/votes/{id_}", json={"liked": True, "user": "uma"})
        mine = "/v1/feedback/mine"
        waiting = made.http.get(mine, params={"user": "uma"}).json()["feedback"]
        assert [(use["id"], use["became"]) for use in waiting] == [
            (second, "waiting"), (first, "waiting"),
        ]  # fmt: skip
        names = [publish(made.registry, tmp_path) for _ in range(2)]
        body = {"responder": f"{names[0]}+rag", "reason": "test", "force": True}
        assert made.operator("POST", "/v1/promote", json=body).status_code == 200
        uses = Uses(made.services.database)
        for cycle, name in enumerate(names, 1):
            uses.record(cycle, time.time(), [Fate("vote", first, "train")])
            uses.publish(cycle, name)
        page = {"user": "uma", "limit": 1, "before": waiting[0]["at"]}
        (use,) = made.http.get(mine, params=page).json()["feedback"]
        assert use == {
            "kind": "vote", "id": first, "said": True, "at": waiting[1]["at"],
            "conversation": "votes", "question": "One?", "became": "trained", "reason": "",
            "adapters": [{"name": names[0], "live": True}, {"name": names[1], "live": False}],
        }  # fmt: skip
        assert made.http.get(mine, params={"user": "eve"}).json() == {"feedback": []}


# Rankings ----------------------------------------------------------------------------------------


def ranked(served: Service, **body: Any) -> httpx.Response:
    asked = {"messages": [{"role": "user", "content": "Which?"}], "user": "ann", **body}
    return served.http.post("/v1/rankings", json=asked)


def ordered(served: Service, ranking: str, order: Any, user: str = "ann") -> httpx.Response:
    return served.http.put(f"/v1/feedback/rankings/{ranking}", json={"order": order, "user": user})


def test_answers_are_blind_until_they_are_ordered(served: Service) -> None:
    ranking = ranked(served).json()
    assert set(ranking) == {"id", "answers"}
    ids = [answer["id"] for answer in ranking["answers"]]
    stem = ranking["id"].removeprefix("rnk-")
    assert ids == [f"chatcmpl-{stem}-{place}" for place in (1, 2, 3)]
    assert all(set(answer) == {"id", "content"} for answer in ranking["answers"])
    for id_ in ids:
        row = served.store.completion(id_)
        assert row is not None
        assert (row.person, row.purpose, row.status, row.named) == (
            "ann",
            "pair",
            "complete",
            False,
        )
    sources = f"/v1/completions/{ids[1]}/sources?user=ann"
    assert served.http.get(sources).status_code == 409
    blind = {"id": ranking["id"], "order": None, "unblinded": False}
    assert ordered(served, ranking["id"], None).json() == blind
    order = [[ids[2]], [ids[0], ids[1]]]
    shown = ordered(served, ranking["id"], order).json()
    assert (shown["order"], shown["unblinded"]) == (order, False)
    assert [answer["id"] for answer in shown["answers"]] == ids
    assert {answer["responder"] for answer in shown["answers"]} == {"rag"}
    assert served.http.get(sources).json()["responder"] == "rag"
    again = ordered(served, ranking["id"], [ids]).json()
    assert (again["order"], again["unblinded"]) == (order, True)


def test_rankings_are_ordered_by_who_asked_and_in_full(served: Service) -> None:
    ranking = ranked(served, count=4).json()
    ids = [answer["id"] for answer in ranking["answers"]]
    assert len(ids) == 4
    stranger = ordered(served, ranking["id"], [ids], user="bob")
    assert (stranger.status_code, stranger.json()["error"]["code"]) == (403, "not_served_to_you")
    assert ordered(served, ranking["id"], [ids[:3]]).status_code == 400
    assert ordered(served, ranking["id"], "best").status_code == 400
    unknown = ordered(served, "rnk-none", [ids])
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "unknown_ranking")


@pytest.mark.parametrize(
    "extra",
    [{"count": 2}, {"count": 5}, {"count": True}, {"count": "3"}, {"model": "base"}, {"n": 2}],
)
def test_a_ranking_takes_nothing_that_is_wrong_or_would_unblind_it(
    served: Service, extra: dict[str, Any]
) -> None:
    assert ranked(served, **extra).status_code == 400


def test_a_ranking_shows_everybody_who_can_answer(tmp_path: Path) -> None:
    with service(tmp_path) as made:
        live, candidate = (publish(made.registry, tmp_path) for _ in range(2))
        made.registry.set_candidate(candidate)
        body = {"responder": live, "reason": "test", "force": True}
        assert made.operator("POST", "/v1/promote", json=body).status_code == 200
        wait_for(lambda: candidate in made.engine.loaded)
        wait_for(lambda: set(made.services.router.sides(3)) == {live, candidate, "rag"})
        ranking = ranked(made, count=4).json()
        makers = [
            row.responder
            for answer in ranking["answers"]
            if (row := made.store.completion(answer["id"])) is not None
        ]
        assert sorted(makers) == sorted([live, live, candidate, "rag"])
        assert len({tuple(made.services.router.sides(4)) for _ in range(50)}) > 1


def test_when_one_answer_cannot_be_had_nothing_is_ranked(tmp_path: Path) -> None:
    with service(tmp_path) as made:
        made.engine.cut_after = 1
        failed = ranked(made)
        assert failed.status_code == 502
        wait_for(lambda: all(c.status != "streaming" for c in made.store.completions()))
        assert made.store.counts().rankings == 0
