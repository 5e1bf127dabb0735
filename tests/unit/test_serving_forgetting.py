"""Forgetting over HTTP and on the page: oneself, or another by whoever may; never by mistake."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from feedback.erasures import ledger, unfinished
from feedback.tables import completions
from serving.identity import PERSON_COOKIE
from tests.serving_kit import OPERATOR, Service, service, wait_for

FORGET = "/v1/feedback/forget"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with service(tmp_path_factory.mktemp("forget"), pages=True) as made:
        yield made


def asked_by(served: Service, user: str) -> int:
    with served.store.database.read() as connection:
        rows = connection.execute(completions.select().where(completions.c.person == user))
        return len(rows.all())


def test_an_operator_forgets_somebody_and_nobody_else(served: Service) -> None:
    for user in ("ada", "bob"):
        assert served.chat(user=user).status_code == 200
    said = served.operator("POST", FORGET, json={"sure": True, "user": "ada"}).json()
    assert said["rows"]["completions"] == 1
    assert (said["proven"], asked_by(served, "ada"), asked_by(served, "bob")) == (False, 0, 1)
    [entry] = [e for e in unfinished(served.store.database) if e.id == said["erasure"]]
    assert entry.means("ada")
    again = served.operator("POST", FORGET, json={"sure": True, "user": "ada"}).json()
    assert again["erasure"] == said["erasure"]


@pytest.mark.parametrize("body", [{}, {"sure": False}, {"user": "bob"}, {"sure": True, "user": ""}])
def test_who_is_not_sure_deletes_nothing(served: Service, body: dict[str, object]) -> None:
    before = len(ledger(served.store.database))
    assert served.operator("POST", FORGET, json=body).status_code == 400
    assert len(ledger(served.store.database)) == before


def test_naming_another_is_refused_instead_of_ignored(served: Service) -> None:
    person = served.services.identity.new_person_cookie()
    cookie = {"Cookie": f"{PERSON_COOKIE}={person}", "X-Forwarded-For": "10.1.2.3"}
    before = len(ledger(served.store.database))
    refused = served.http.post(FORGET, json={"sure": True, "user": "bob"}, headers=cookie)
    assert refused.status_code == 403
    assert refused.json()["error"]["code"] == "forbidden"
    assert len(ledger(served.store.database)) == before


def test_a_person_forgets_themselves_on_the_page(served: Service) -> None:
    cookie = {"Cookie": f"{PERSON_COOKIE}={served.services.identity.new_person_cookie()}"}
    body = {"messages": [{"role": "user", "content": "zqown words"}]}
    answer = served.http.post("/v1/chat/completions", json=body, headers=cookie).json()
    assert "mine/forget" in served.http.get("/mine", headers=cookie).text
    for origin in ("http://evil.example", "null"):  # the cookie of a foreign page's request is none
        refused = served.http.post("/mine/forget", headers=cookie | {"Origin": origin})
        assert (refused.status_code, refused.json()["error"]["code"]) == (401, "unauthorized")
    assert served.store.completion(answer["id"]) is not None
    done = served.http.post("/mine/forget", headers=cookie)
    assert done.status_code == 303
    assert served.store.completion(answer["id"]) is None
    entry = ledger(served.store.database)[-1]
    assert entry.actor == "themselves"
    page = served.http.get(done.headers["location"], headers=cookie | {"Accept-Language": "ko"})
    assert entry.id in page.text
    assert "삭제했습니다" in page.text
    assert "<b>" not in served.http.get("/mine?forgotten=<b>x", headers=cookie).text


def test_an_answer_that_is_being_written_is_not_written_down_again(served: Service) -> None:
    body = {"messages": [{"role": "user", "content": "Hi"}], "stream": True, "user": "eve"}
    served.engine.gate.clear()  # two words, and then it waits
    with served.http.stream("POST", "/v1/chat/completions", json=body) as stream:
        lines = stream.iter_lines()
        first = json.loads(next(line for line in lines if line.startswith("data: "))[6:])
        assert asked_by(served, "eve") == 1
        served.operator("POST", FORGET, json={"sure": True, "user": "eve"})
        served.engine.gate.set()
        assert "data: [DONE]" in [*lines]
    assert served.store.completion(first["id"]) is None
    assert asked_by(served, "eve") == 0


def test_a_whole_answer_that_ends_after_its_person_is_gone_is_not_written_down(
    served: Service,
) -> None:
    served.engine.gate_at = 0
    served.engine.gate.clear()
    before = len(served.engine.requests)
    with ThreadPoolExecutor(1) as beside:
        answer = beside.submit(served.chat, "zqlate", user="zoe")
        wait_for(lambda: len(served.engine.requests) > before)
        served.operator("POST", FORGET, json={"sure": True, "user": "zoe"})
        served.engine.gate.set()
        assert answer.result().status_code == 200
    served.engine.gate_at = 2
    assert asked_by(served, "zoe") == 0


def test_the_words_leave_the_databases_bytes(served: Service) -> None:
    assert served.chat("zqbytes are mine", user="mallory").status_code == 200
    home = Path(served.services.config.home)

    def files() -> list[str]:
        return [p.name for p in home.glob("ratchet.db*") if b"zqbytes" in p.read_bytes()]

    assert files()
    served.http.post(FORGET, json={"sure": True}, headers={"Authorization": f"Bearer {OPERATOR}"})
    assert files()
    served.operator("POST", FORGET, json={"sure": True, "user": "mallory"})
    assert files() == []
