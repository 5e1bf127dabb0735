"""Consent over HTTP and on the chat page, and what people imply."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from feedback.consent import VERSION, Consent, Consents, Rule
from feedback.history import history
from feedback.implied import signals
from serving.ui.consent import Consenting, asked
from serving.ui.consent_text import CONSENT_WORDS, KOREAN
from serving.ui.implied import copied
from tests.serving_kit import Service, service

CONSENT = "/v1/feedback/consent"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with service(tmp_path_factory.mktemp("consent"), consent=Rule("required", "2")) as made:
        yield made


def told(served: Service, user: str) -> dict[str, Any]:
    return dict(served.http.get(CONSENT, params={"user": user}).json())


def test_whoever_answered_nothing_is_told_what_is_asked(served: Service) -> None:
    assert told(served, "nobody yet") == {
        "agreed": None, "version": None, "at": None, "asks": True, "trains": False,
        "demanded": {"mode": "required", "version": "2"}, "history": [],
    }  # fmt: skip


def test_an_answer_is_recorded_for_the_user_with_version_and_history(served: Service) -> None:
    def put(**body: Any) -> dict[str, Any]:
        return dict(served.http.put(CONSENT, json={"user": "ann", **body}).json())

    assert put(agreed=True, version="1")["trains"] is False
    now = put(agreed=True)
    assert put(agreed=True) == now
    assert (now["agreed"], now["version"], now["asks"], now["trains"]) == (True, "2", False, True)
    assert put(agreed=False)["trains"] is False
    assert put(agreed=None)["agreed"] is False
    events = [(e["agreed"], e["version"], e["interface"]) for e in told(served, "ann")["history"]]
    assert events == [(True, "1", "api"), (True, "2", "api"), (False, "2", "api")]
    assert told(served, "bob")["history"] == []


@pytest.mark.parametrize(
    "body",
    [{}, {"agreed": "yes"}, {"agreed": 1}, {"agreed": True, "version": ""},
     {"agreed": True, "version": "x" * 65}, {"agreed": True, "version": "\0"}],
)  # fmt: skip
def test_a_wrong_answer_is_a_clear_error(served: Service, body: dict[str, Any]) -> None:
    response = served.http.put(CONSENT, json={"user": "eve", **body})
    assert response.status_code == 400
    assert set(response.json()["error"]) == {"message", "type", "code"}
    assert told(served, "eve")["agreed"] is None


def test_the_time_to_choose_may_be_told(served: Service) -> None:
    def choose(pair: str, **body: Any) -> Any:
        said = {"outcome": "left", "user": "ann", **body}
        return served.http.put(f"/v1/feedback/comparisons/{pair}", json=said)

    asking = {"messages": [{"role": "user", "content": "Which?"}], "user": "ann"}
    pair = served.http.post("/v1/comparisons", json=asking).json()["id"]
    assert choose(pair, seconds=-1).status_code == 400
    assert choose(pair, seconds=4.25).status_code == 200
    kept = served.store.comparison(pair)
    assert kept is not None
    assert kept.seconds == 4.25
    counted = served.http.post("/v1/comparisons", json=asking).json()["id"]
    assert choose(counted).status_code == 200
    kept = served.store.comparison(counted)
    assert kept is not None
    assert kept.seconds is not None
    assert 0 <= kept.seconds < 60


def test_what_is_implied_is_told_once_and_is_no_vote(served: Service) -> None:
    identity = served.chat(user="ann").json()["id"]
    for _ in range(2):
        body = {"kind": "copy", "user": "ann"}
        response = served.http.put(f"/v1/feedback/signals/{identity}", json=body)
        assert response.json() == {"completion_id": identity, "kind": "copy"}
    found = [s for s in signals(served.services.database) if s.completion_id == identity]
    assert [(s.person, s.kind, s.interface) for s in found] == [("ann", "copy", "api")]
    assert history(served.services.database, "vote", identity, "ann") == []
    strange = served.http.put(
        f"/v1/feedback/signals/{identity}", json={"kind": "copy", "user": "bob"}
    )
    assert strange.status_code == 403


def request(served: Service, language: str = "en") -> Any:
    """What a page's event carries: a signed cookie, and the reader's language."""
    cookie = served.services.identity.new_person_cookie()
    from starlette.requests import Request

    from serving.identity import PERSON_COOKIE

    headers = [
        (b"cookie", f"{PERSON_COOKIE}={cookie}".encode()),
        (b"host", b"127.0.0.1"),
        (b"accept-language", language.encode()),
    ]
    scope = {
        "type": "http", "method": "GET", "path": "/", "headers": headers, "scheme": "http",
        "query_string": b"", "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
    }  # fmt: skip
    made = Request(scope)
    return SimpleNamespace(request=made, headers=made.headers, session_hash="tab")


async def test_the_page_asks_until_it_is_answered_or_put_off(served: Service) -> None:
    from serving.ui.consent import ConsentPanel
    from serving.ui.visitor import visitor

    desk, panel = Consenting(served.services), ConsentPanel()
    desk._panel, desk._line = panel, "line"  # type: ignore[assignment]
    here = request(served, "ko")
    who = visitor(served.services.identity, here)
    consents = Consents(served.services.database)

    async def shown() -> str:
        return str((await desk.frame(who, "footnote"))[panel.box])  # type: ignore[arg-type]

    async def click(act: str) -> dict[Any, Any]:
        return await desk.on_answer(here, SimpleNamespace(_data={"act": act}))  # type: ignore[arg-type]

    assert KOREAN.title in await shown()
    assert (await click("close"))[panel.box] == ""
    assert consents.of(who.person.id) is None
    assert KOREAN.saved[None] in (await click("later"))["line"]
    assert await shown() == ""
    assert KOREAN.saved[False] in (await click("no"))["line"]
    assert KOREAN.now[False] in (await desk.on_open(here))[panel.box]
    events = [(e.agreed, e.version, e.interface) for e in consents.history(who.person.id)]
    assert events == [(None, "2", "page"), (False, "2", "page")]


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_question_says_what_silence_means(language: Any) -> None:
    words = CONSENT_WORDS[language]
    for mode in ("ask", "required"):
        html = asked(None, Rule(mode, VERSION), language)  # type: ignore[arg-type]
        others = [text for key, text in words.silent.items() if key != mode]
        assert words.silent[mode] in html
        assert not [text for text in others if text in html]
        assert all(f'data-act="{act}"' in html for act in ("yes", "no", "later"))


def test_a_yes_to_another_text_is_not_shown_as_the_answer() -> None:
    words = CONSENT_WORDS["en"]
    for agreed, version, now in ((True, "1", None), (True, "2", True), (False, "1", False)):
        given = Consent("ada", agreed, version, 1.0)
        html = asked(given, Rule("ask", "2"), "en", again=True)
        assert words.now[now] in html
        assert 'data-act="later"' not in html


def test_what_was_copied_is_found_by_its_text() -> None:
    def message(role: str, content: Any, marked: str) -> dict[str, Any]:
        return {"role": role, "content": content, "metadata": {"id": marked}}

    shown = [
        message("user", "Same", "a/question"), message("assistant", "Same", "a"),
        message("user", "Q", "b/question"), message("assistant", [{"text": "Same"}], "b"),
        message("assistant", "Policy, Article 2", "b/sources"),
    ]  # fmt: skip
    assert copied(shown, "Same\nPolicy, Article 2") == "b"
    assert copied(shown, "Q") is None
    assert copied([message("assistant", "", "a")], "") is None


def test_nobody_is_asked_where_it_is_off(tmp_path: Path) -> None:
    assert Rule("off").asks(None) is False
