"""Votes, comparisons and corrections over HTTP."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from feedback.history import history
from tests.serving_kit import Service, publish, service, wait_for

ASK = {"messages": [{"role": "user", "content": "Which?"}]}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with service(tmp_path_factory.mktemp("feedback")) as made:
        yield made


def asked(served: Service, user: str = "ann", **body: Any) -> str:
    return str(served.chat(user=user, **body).json()["id"])


def vote(served: Service, completion: str, **body: Any) -> httpx.Response:
    return served.http.put(f"/v1/feedback/votes/{completion}", json={"user": "ann", **body})


def test_a_vote_is_kept_changed_and_taken_back(served: Service) -> None:
    identity = asked(served)
    answer = vote(served, identity, liked=True, reasons=["clear"], comment="good")
    assert answer.json() == {
        "completion_id": identity,
        "liked": True,
        "reasons": ["clear"],
        "comment": "good",
    }
    kept = served.store.vote(identity, "ann")
    assert kept is not None
    assert (kept.liked, kept.reasons, kept.comment) == (True, ("clear",), "good")
    vote(served, identity, liked=False)
    kept = served.store.vote(identity, "ann")
    assert kept is not None
    assert not kept.liked
    assert vote(served, identity, liked=None).json()["liked"] is None
    assert served.store.vote(identity, "ann") is None


def test_the_same_vote_twice_is_one(served: Service) -> None:
    identity = asked(served)
    for _ in range(3):
        assert vote(served, identity, liked=True).status_code == 200
    assert len(history(served.store.database, "vote", identity, "ann")) == 1


def test_votes_are_for_those_who_were_served(served: Service) -> None:
    identity = asked(served)
    answer = vote(served, identity, liked=True, user="bob")
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "not_served_to_you"
    assert vote(served, "chatcmpl-none", liked=True).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"liked": "yes"},
        {"liked": 1},
        {"liked": True, "reasons": "x"},
        {"liked": True, "comment": 3},
    ],
)
def test_wrong_votes_are_refused(served: Service, body: dict[str, Any]) -> None:
    answer = vote(served, asked(served), **body)
    assert answer.status_code == 400
    assert set(answer.json()["error"]) == {"message", "type", "code"}


def test_a_pair_is_blind_until_the_choice(served: Service) -> None:
    pair = served.http.post("/v1/comparisons", json=ASK | {"user": "ann"}).json()
    assert set(pair) == {"id", "left", "right"}
    assert set(pair["left"]) == set(pair["right"]) == {"id", "content"}
    sources = f"/v1/completions/{pair['left']['id']}/sources?user=ann"
    blind = served.http.get(sources)
    assert blind.status_code == 409
    assert "rag" not in blind.text
    assert "responder" not in vote(served, pair["left"]["id"], liked=True).text
    path = f"/v1/feedback/comparisons/{pair['id']}"
    assert served.http.put(path, json={"outcome": "left", "user": "bob"}).status_code == 403
    undecided = served.http.put(path, json={"outcome": None, "user": "ann"}).json()
    assert undecided == {"id": pair["id"], "outcome": None, "unblinded": False}
    shown = served.http.put(path, json={"outcome": "left", "user": "ann"}).json()
    assert (shown["outcome"], shown["unblinded"]) == ("left", False)
    assert shown["left"]["responder"] == "rag"
    assert shown["left"]["id"] == pair["left"]["id"]
    again = served.http.put(path, json={"outcome": "right", "user": "ann"}).json()
    assert (again["outcome"], again["unblinded"]) == ("left", True)
    assert served.http.get(sources).json()["responder"] == "rag"


def test_a_pair_is_two_rows_of_the_same_person(served: Service) -> None:
    pair = served.http.post("/v1/comparisons", json=ASK | {"user": "eve"}).json()
    for side in ("left", "right"):
        row = served.store.completion(pair[side]["id"])
        assert row is not None
        assert (row.person, row.purpose, row.status) == ("eve", "pair", "complete")
        assert row.text == pair[side]["content"]
        assert not row.named
    assert len(served.store.conversation(row.conversation, "eve")) == 2


@pytest.mark.parametrize("extra", [{"model": "base"}, {"n": 2}, {"seed": 1}, {"stream": True}])
def test_a_pair_takes_nothing_that_would_unblind_it(served: Service, extra: dict[str, Any]) -> None:
    assert served.http.post("/v1/comparisons", json=ASK | extra).status_code == 400


def test_unknown_pairs_and_outcomes(served: Service) -> None:
    path = "/v1/feedback/comparisons/cmp-none"
    assert served.http.put(path, json={"outcome": "left"}).status_code == 404
    assert served.http.put(path, json={"outcome": "both"}).status_code == 400


def test_a_correction_is_kept(served: Service) -> None:
    identity = asked(served)
    path = f"/v1/feedback/corrections/{identity}"
    assert served.http.put(path, json={"text": "Right.", "user": "ann"}).status_code == 200
    ((correction, completion),) = [
        pair for pair in served.store.iter_corrections() if pair[1].id == identity
    ]
    assert (correction.text, completion.id) == ("Right.", identity)
    assert served.http.put(path, json={"text": "", "user": "ann"}).status_code == 400
    assert served.http.put(path, json={"text": "x", "user": "bob"}).status_code == 403


def test_sources_are_for_those_who_were_served(served: Service) -> None:
    identity = asked(served)
    shown = served.http.get(f"/v1/completions/{identity}/sources?user=ann").json()
    nothing = {"index_version": None, "passages": [], "steps": []}
    assert shown == {"id": identity, "responder": "rag", **nothing}
    assert served.http.get(f"/v1/completions/{identity}/sources?user=bob").status_code == 403
    assert served.http.get("/v1/completions/none/sources").status_code == 404


def test_sides_are_live_and_candidate_in_random_order(tmp_path: Path) -> None:
    with service(tmp_path) as served:
        name = publish(served.registry, tmp_path)
        served.registry.set_candidate(name)
        wait_for(lambda: name in served.services.router.replicas[0].loaded)
        orders = set()
        for _ in range(20):
            pair = served.http.post("/v1/comparisons", json=ASK).json()
            left, right = (served.store.completion(pair[s]["id"]) for s in ("left", "right"))
            assert left is not None
            assert right is not None
            orders.add((left.responder, right.responder))
        assert orders == {("rag", f"{name}+rag"), (f"{name}+rag", "rag")}


def test_a_pair_with_a_dead_side_is_an_error(tmp_path: Path) -> None:
    with service(tmp_path) as served:
        served.engine.status = 500
        assert served.http.post("/v1/comparisons", json=ASK).status_code == 503
        assert list(served.store.completions()) == []
