"""The feedback page: found, escaped, reviewed and undone by operators, by nobody else."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from feedback.reviews import Reviews
from feedback.types import Comparison
from serving.app import create_app
from serving.identity import OPERATOR_COOKIE
from serving.ui.feedback import feedback_route
from serving.ui.feedback_text import ENGLISH, KOREAN
from serving.ui.search_form import Search
from tests.feedback_kit import serve
from tests.serving_kit import Service, service

NASTY = "<script>alert('x')</script>&\""
PAGE = "/operator/feedback"


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Service]:
    with service(tmp_path) as made:
        asked = ({"role": "assistant", "content": NASTY}, {"role": "user", "content": NASTY})
        passage = {"document": NASTY, "article": "Article 3", "text": NASTY}
        serve(
            made.store, "a", "b", person=NASTY, messages=asked, text=NASTY, responder=NASTY,
            passages=(passage,), conversation="talk", parent="a", purpose="pair",
        )  # fmt: skip
        serve(made.store, "liked")
        made.store.open_comparison(Comparison("pair", NASTY, "a", "b"))
        made.store.record_outcome("pair", NASTY, "right")
        made.store.record_vote("a", NASTY, False, (NASTY, "wrong"), NASTY)
        made.store.record_correction("a", NASTY, NASTY)
        made.store.record_vote("liked", "ada", True)
        yield made


@pytest.fixture
def tab(made: Service) -> TestClient:
    """An operator's browser at the page alone: Gradio's are not needed for it."""
    app = create_app(made.services)
    app.include_router(feedback_route(made.services))
    cookie = made.services.identity.new_operator_cookie()
    return TestClient(
        app, base_url=made.url, follow_redirects=False, cookies={OPERATOR_COOKIE: cookie}
    )


def post(tab: TestClient, **form: str) -> Any:
    return tab.post(PAGE, data={"completion_id": "a", "back": "said=&state=", **form})


@pytest.mark.parametrize(("language", "words"), [("en", ENGLISH), ("ko", KOREAN)])
def test_everything_is_shown_and_nothing_of_it_runs(
    tab: TestClient, made: Service, language: str, words: Any
) -> None:
    Reviews(made.services.database).record("a", NASTY, "fix", NASTY, NASTY)
    address = Search(said="", state="", text="script", person=NASTY).address()
    page = tab.get(address, headers={"accept-language": language})
    assert page.status_code == 200
    assert "<script" not in page.text
    assert page.text.count("&lt;script&gt;") > 10
    for said in (words.correction, words.relations["pair"], words.chosen["other"], "Article 3"):
        assert said in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]


def test_the_queue_is_down_votes_that_wait(tab: TestClient) -> None:
    page = tab.get(PAGE).text
    assert page.count('class="vote"') == 1
    assert 'value="a"' in page
    assert tab.get(f"{PAGE}?said=liked").text.count('value="liked"') > 1
    post(tab, act="accept")
    assert ENGLISH.none_found in tab.get(PAGE).text


@pytest.mark.parametrize(
    "query", ["said=x&state=y", "since=yesterday&until=2026-99-99", "before=x"]
)
def test_an_address_that_makes_no_sense_shows_a_page(tab: TestClient, query: str) -> None:
    assert tab.get(f"{PAGE}?{query}&language=fr").status_code == 200


def test_a_review_is_taken_shown_and_taken_back(tab: TestClient, made: Service) -> None:
    reviews = Reviews(made.services.database)
    answer = post(tab, act="exclude", comment="spam", text="ignored")
    assert answer.status_code == 303
    assert answer.headers["location"].startswith(f"{PAGE}?said=&state=")
    shown = tab.get(answer.headers["location"]).text
    assert ENGLISH.done["exclude"] in shown
    assert shown.count('value="undo"') == 2
    post(tab, act="comment", comment="still spam")
    now = reviews.of("a")
    assert now
    assert (now.ruling, now.comment) == ("exclude", "still spam")
    post(tab, act="undo")
    post(tab, act="fix", text="line\r\nby line", comment="")
    told = [(r.ruling, r.text, r.comment, r.operator) for r in reviews.history("a")]
    assert told == [
        ("exclude", "", "spam", "operator"),
        ("exclude", "", "still spam", "operator"),
        (None, "", "still spam", "operator"),
        ("fix", "line\nby line", "", "operator"),
    ]


def test_a_review_that_makes_no_sense_is_refused_in_words(tab: TestClient, made: Service) -> None:
    for form in (
        {"act": "fix", "text": " "},
        {"act": ""},
        {"act": "accept", "completion_id": NASTY},
    ):
        answer = post(tab, **form)
        assert answer.status_code in {400, 404}
        assert 'role="alert"' in answer.text
        assert "<script" not in answer.text
    assert Reviews(made.services.database).history("a") == []


def test_the_way_back_leads_nowhere_else(tab: TestClient) -> None:
    answer = post(tab, act="accept", back="https://evil.example/?x=1")
    assert answer.headers["location"].startswith(f"{PAGE}?")
    assert "evil" not in answer.headers["location"]


def test_another_pages_form_reviews_nothing(tab: TestClient, made: Service) -> None:
    form = {"completion_id": "a", "act": "exclude", "back": ""}
    answer = tab.post(PAGE, data=form, headers={"origin": "https://evil.example"})
    assert answer.status_code == 401
    assert Reviews(made.services.database).history("a") == []


def test_pages_follow_each_other(tab: TestClient, made: Service) -> None:
    names = [f"c{number}" for number in range(14)]
    serve(made.store, *names)
    for name in names:
        made.store.record_vote(name, "ada", False)
    first = tab.get(f"{PAGE}?said=disliked&state=open&person=ada").text
    assert first.count('class="vote"') == 10
    older = next(part for part in first.split('"') if "before=" in part and part.startswith(PAGE))
    second = tab.get(older.replace("&amp;", "&").removesuffix("#votes")).text
    assert second.count('class="vote"') == 4
    assert ENGLISH.first in second


def test_an_export_is_a_download_and_leaves_nothing(made: Service) -> None:
    answer = made.operator("GET", "/v1/feedback/exports?format=kto")
    assert answer.headers["content-disposition"] == 'attachment; filename="ratchet-kto.jsonl"'
    assert len(answer.text.splitlines()) == 3
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert list((made.services.config.home / "run").glob("export-*")) == []
    assert made.operator("GET", "/v1/feedback/exports?format=xls").status_code == 400


def test_the_api_reads_and_reviews_what_the_page_does(made: Service) -> None:
    found = made.operator("GET", "/v1/feedback/votes?said=disliked&state=open&limit=1").json()
    assert [each["vote"]["completion_id"] for each in found["votes"]] == ["a"]
    assert found["next"] is None
    put = made.operator("PUT", "/v1/feedback/reviews/a", json={"ruling": "fix", "text": "right"})
    assert put.json()["operator"] == "operator"
    seen = made.operator("GET", "/v1/feedback/reviews/a").json()
    assert (seen["review"]["text"], len(seen["history"])) == ("right", 1)
    assert [(b["relation"], b["completion"]["id"]) for b in seen["beside"]] == [
        ("after", "b"), ("pair", "b")
    ]  # fmt: skip
    every = made.operator("GET", "/v1/feedback/votes?limit=1").json()
    after = {"before": every["next"]["updated"], "before_id": every["next"]["completion_id"]}
    rest = made.operator("GET", "/v1/feedback/votes", params=after).json()
    ids = [each["vote"]["completion_id"] for each in (*every["votes"], *rest["votes"])]
    assert ids == ["liked", "a"]
    rates = made.operator("GET", "/v1/feedback/rates?spans=1").json()
    assert sorted((rate["liked"], rate["total"]) for rate in rates["rates"]) == [(0, 1), (1, 1)]
    assert {"reason": "wrong", "liked": False, "count": 1} in rates["reasons"]
    assert made.operator("GET", "/v1/feedback/rates?since=5&until=4").status_code == 400
