"""What became of my votes: one plain sentence each, in both languages, and nobody else's."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from feedback.uses import Use
from serving.app import create_app
from serving.ui.mine import fate, mine_route, render_mine
from serving.ui.mine_text import ENGLISH, KOREAN
from tests.serving_kit import Service, service
from training.fates import HELD_OUT, REASONS


def use(**changes: Any) -> Use:
    values: dict[str, Any] = {
        "kind": "vote", "id": "chatcmpl-1", "said": True, "at": 5.5, "conversation": "chatcmpl-1",
        "question": "How long?", "became": "waiting",
    }  # fmt: skip
    return Use(**{**values, **changes})


def test_every_reason_has_plain_words_in_both_languages() -> None:
    reasons = {*REASONS.values(), HELD_OUT}
    assert reasons <= ENGLISH.reasons.keys()
    assert reasons <= KOREAN.reasons.keys()


@pytest.mark.parametrize(
    ("changes", "word", "sentence"),
    [
        ({}, "Waiting", "next training"),
        ({"became": "judge"}, "Held out", "judge"),
        ({"became": "check"}, "Held out", "judge"),
        ({"became": "left_out", "reason": "tie"}, "Left out", "equally good"),
        ({"became": "left_out", "reason": "brand new"}, "Left out", "brand new"),
        ({"became": "trained", "adapters": ("ratchet-0001",)}, "Used", "ratchet-0001"),
        (
            {"became": "trained", "adapters": ("ratchet-0001", "ratchet-0002")},
            "Used and live",
            "answers people now",
        ),
    ],
)
def test_each_fate_is_said_in_one_word_and_one_sentence(
    changes: dict[str, Any], word: str, sentence: str
) -> None:
    _, short, long = fate(use(**changes), {"ratchet-0002"}, ENGLISH)
    assert short == word
    assert sentence in long


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "You liked"),
        ({"said": False}, "did not like"),
        ({"kind": "comparison", "said": "both_bad"}, "both answers bad"),
        ({"kind": "ranking", "said": [["a"], ["b"]]}, "ranked"),
        ({"kind": "correction", "said": "<b>45</b> days"}, "&lt;b&gt;45&lt;/b&gt; days"),
        ({"conversation": None, "question": ""}, "that you deleted"),
        ({"question": "<script>alert(1)</script>"}, "&lt;script&gt;"),
    ],
)
def test_what_was_said_is_shown_and_escaped(changes: dict[str, Any], said: str) -> None:
    page = render_mine([use(**changes)], set(), "en", more=False)
    assert said in page
    assert "<script" not in page
    assert "before=" not in page


def test_older_ones_are_a_link_away_and_nothing_yet_says_so() -> None:
    assert 'href="mine?before=5.5"' in render_mine([use()], set(), "ko", more=True)
    assert KOREAN.none_yet in render_mine([], set(), "ko", more=False)


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Service]:
    with service(tmp_path) as made:
        yield made


def client(made: Service) -> TestClient:
    """Return a browser at the page alone: Gradio's are not needed for it."""
    app = create_app(made.services)
    app.include_router(mine_route(made.services))
    return TestClient(app, base_url=made.url, follow_redirects=False)


def test_the_page_shows_the_cookies_person_and_nobody_else(made: Service) -> None:
    tab, other = client(made), client(made)
    tab.get("/")
    body = {"messages": [{"role": "user", "content": "How long is it?"}]}
    cookie = "; ".join(f"{name}={value}" for name, value in tab.cookies.items())
    asked = made.http.post("/v1/chat/completions", json=body, headers={"cookie": cookie}).json()
    tab.put(f"/v1/feedback/votes/{asked['id']}", json={"liked": True})
    mine = tab.get("/mine", headers={"accept-language": "ko"})
    assert mine.status_code == 200
    assert "How long is it?" in mine.text
    assert KOREAN.waiting in mine.text
    assert "default-src 'none'" in mine.headers["content-security-policy"]
    other.get("/")
    assert "How long" not in other.get("/mine").text


def test_nobody_that_we_know_is_sent_to_the_chat(made: Service) -> None:
    stranger = client(made).get("/mine", headers={"x-forwarded-for": "1.2.3.4"})
    assert stranger.status_code == 307
    assert stranger.headers["location"] == "/"
