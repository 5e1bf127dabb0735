"""People at the pages, in a real browser: what they do is in the database, at the right completion.

The application, the store and the index are the real ones; the engine is the in-process fake of its
protocol, so that a page can be tested without waiting for a model.
"""

import asyncio
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from feedback.types import Completion, Vote
from serving.app import assemble, create_app
from serving.services import Services
from tests.fake_engine import FakeEngine, served
from tests.serving_kit import OPERATOR, Loop, config_for, database_in, publish, wait_for

pytestmark = pytest.mark.browser
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DOCUMENTS = {
    "travel.md": "# Travel Shield\n\n## Article 2. Waiting period\n\nThe period is 45 days.\n",
    "golf.md": "# Golf Day\n\n## Article 5. Claim deadline\n\nThe claim deadline is 20 weeks.\n",
    "travel-ko.md": "# 여행 안심\n\n## 제2조 면책기간\n\n면책기간은 45일이다.\n",
}
ATTACK = (
    "It", "is", "**45 days**.", "<img src=http://evil.example/a.png onerror=alert(1)>",
    "![p](http://evil.example/b.png)", "[x](http://evil.example/c)", "http://evil.example/d",
)  # fmt: skip
QUESTION = "What is the waiting period of Travel Shield?"


@dataclass
class Site:
    """The served application and what lies behind it."""

    url: str
    services: Services
    engine: FakeEngine
    pairs: bool = False

    def completions(self) -> list[Completion]:
        return list(self.services.store.completions())

    def votes(self) -> dict[str, Vote]:
        return {vote.completion_id: vote for vote, _ in self.services.store.iter_votes()}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from knowledge.chunks import chunk
    from knowledge.documents import Library
    from knowledge.index import build_index

    home, source = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("documents")
    for name, text in DOCUMENTS.items():
        (source / name).write_text(text, encoding="utf-8")
    library = Library(home)
    library.seed(source)
    build_index(home, [p for d in library.documents() for p in chunk(d)])
    return home


@pytest.fixture(scope="module")
def site(home: Path) -> Iterator[Site]:
    from knowledge.retriever import KnowledgeBase

    engine, database, knowledge = FakeEngine(), database_in(home), KnowledgeBase(home)
    engine.words, engine.pause = ATTACK, 0.02
    with served(engine.app()) as engine_url:
        config = config_for(
            home, engine_url, pages=True, requests_per_minute=1000, tool_parser="hermes"
        )
        services = assemble(config, database, Loop(), knowledge)
        publish(services.registry, home, "ratchet-0001")
        services.registry.set_candidate("ratchet-0001")
        with served(asyncio.run(application(services))) as url:
            wait_for(lambda: services.router.ready() and "ratchet-0001" in engine.loaded, 30)
            site = Site(url, services, engine)
            services.chat.wants_pair = lambda rate: site.pairs  # type: ignore[method-assign]
            yield site
    knowledge.close()
    database.dispose()


async def application(services: Services) -> Any:
    """Build the pages inside a loop: outside of one, Gradio opens loops that nobody closes."""
    return create_app(services)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        message = "Chromium is missing: make system"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(site: Site, browser: Any) -> Iterator[Any]:
    yield from opened(site, browser, "en-US")


def opened(site: Site, browser: Any, locale: str) -> Iterator[Any]:
    site.pairs = False
    wait_for(site.services.router.ready, 30)
    site.engine.status, site.engine.pause, site.engine.words = None, 0.02, ATTACK
    context = browser.new_context(locale=locale, viewport={"width": 1200, "height": 900})
    context.set_default_timeout(45_000)
    page = context.new_page()
    abroad: list[str] = []
    broken: list[str] = []
    page.on("request", lambda r: abroad.append(r.url) if not is_ours(r.url) else None)
    page.on("pageerror", lambda error: broken.append(str(error)))
    page.on("dialog", lambda dialog: broken.append(dialog.message) or dialog.dismiss())
    page.goto(site.url)
    page.locator("#chat .example").first.wait_for()
    yield page
    context.close()
    assert not abroad, "the page asked another host"
    assert not broken


def is_ours(url: str) -> bool:
    return url.startswith(("http://127.0.0.1:", "data:", "blob:"))


def ask(page: Any, text: str = QUESTION) -> None:
    page.locator("#composer textarea").fill(text)
    page.keyboard.press("Enter")


def answered(page: Any, count: int = 1) -> None:
    """Wait until so many answers are complete: the box to type in is open again."""
    sources = "#chat .thought-group .title[aria-busy='false']"
    page.wait_for_function(
        "([s, n]) => document.querySelectorAll(s).length === n", arg=[sources, count]
    )
    page.locator("#composer .submit-button").wait_for()


def press(page: Any, title: str) -> None:
    page.locator(f"#chat button[title='{title}']").last.click()


def new_since(site: Site, before: list[Completion]) -> list[Completion]:
    known = {completion.id for completion in before}
    return [c for c in site.completions() if c.id not in known]


def test_a_question_is_answered_with_its_sources_and_nothing_in_it_runs(
    page: Any, site: Site
) -> None:
    before = site.completions()
    ask(page)
    answered(page)
    log = page.locator("#chat")
    assert log.locator("strong", has_text="45 days").count() == 1
    assert log.locator("img").count() == 0
    assert log.locator("a").count() == 0
    assert "http://evil.example/d" in log.inner_text()
    log.locator(".thought-group .title").click()
    assert "The period is 45 days." in log.inner_text()
    assert "Travel Shield" in log.inner_text()
    (recorded,) = new_since(site, before)
    assert recorded.status == "complete"
    assert recorded.interface == "page"
    assert recorded.person.startswith("web-")
    assert recorded.passages[0]["document"] == "Travel Shield"


def test_thumb_comment_and_correction_are_bound_to_the_answer(page: Any, site: Site) -> None:
    before = site.completions()
    ask(page)
    answered(page)
    (recorded,) = new_since(site, before)
    press(page, "Dislike")
    wait_for(lambda: recorded.id in site.votes())
    page.locator("#reasons label").first.click()
    page.locator("#comment textarea").fill("names no article")
    page.locator("#correction textarea").fill("45 days (Article 2).")
    page.locator("#save-rating").click()
    page.locator("#notice .r-notice.good").wait_for()
    vote = site.votes()[recorded.id]
    assert (vote.liked, vote.reasons, vote.comment) == (False, ("wrong",), "names no article")
    said = {c.completion_id: c.text for c, _ in site.services.store.iter_corrections()}
    assert said[recorded.id] == "45 days (Article 2)."
    press(page, "Disliked")
    wait_for(lambda: recorded.id not in site.votes())


def test_regenerate_edit_and_undo_move_no_vote(page: Any, site: Site) -> None:
    before = site.completions()
    ask(page, "One: the waiting period of Travel Shield?")
    answered(page)
    ask(page, "Two: the claim deadline of Golf Day?")
    answered(page, 2)
    one, two = new_since(site, before)
    press(page, "Like")
    wait_for(lambda: two.id in site.votes())
    press(page, "Retry")
    wait_for(lambda: len(new_since(site, before)) == 3)
    answered(page, 2)
    again = new_since(site, before)[-1]
    assert again.parent == two.id
    assert page.locator("#chat button[title='Liked']").count() == 0
    press(page, "Dislike")
    wait_for(lambda: again.id in site.votes())
    press(page, "Undo")
    answered(page, 1)
    assert page.locator("#composer textarea").input_value().startswith("Two")
    press(page, "Edit")
    page.locator("#chat textarea").fill("Uno: the waiting period of Travel Shield?")
    page.locator("#chat button[title='Submit']").click()
    wait_for(lambda: len(new_since(site, before)) == 4)
    answered(page, 1)
    edited = new_since(site, before)[-1]
    press(page, "Like")
    wait_for(lambda: edited.id in site.votes())
    mine = {c.id for c in new_since(site, before)}
    votes = {i: vote.liked for i, vote in site.votes().items() if i in mine}
    assert votes == {two.id: True, again.id: False, edited.id: True}
    assert one.id not in votes


def test_side_by_side_is_blind_until_the_choice(page: Any, site: Site) -> None:
    site.pairs = True
    before = site.completions()
    ask(page)
    page.locator("#choose-right:not([disabled])").wait_for()
    seen = page.content()
    left, right = sorted(new_since(site, before), key=lambda c: c.id)
    assert {left.purpose, right.purpose} == {"pair"}
    for secret in ("ratchet-0001", "Article 2", ">rag<"):
        assert secret not in seen.replace("What is the waiting period", "")
    site.pairs = False
    page.locator("#choose-right").click()
    page.locator("#notice", has_text="ratchet-0001").wait_for()
    decided = {c.left_id: c for c, _, _ in site.services.store.iter_comparisons()}
    comparison = decided[left.id]
    assert (comparison.outcome, comparison.right_id) == ("right", right.id)
    assert {left.responder, right.responder} == {"rag", "ratchet-0001+rag"}
    ask(page, "And the claim deadline of Golf Day?")
    wait_for(lambda: len(new_since(site, before)) == 3)
    follow_up = site.completions()[-1]
    assert [m["role"] for m in follow_up.messages] == ["user", "assistant", "user"]
    assert follow_up.conversation == right.conversation


def test_while_the_engine_is_down_what_was_typed_is_kept(page: Any, site: Site) -> None:
    before, question = site.completions(), "Is the waiting period of Travel Shield long?"
    site.engine.status = 503
    ask(page, question)
    page.locator("#notice .r-notice.bad").wait_for()
    assert page.locator("#composer textarea").input_value() == question
    assert new_since(site, before) == []
    wait_for(lambda: not site.services.router.ready(), 30)
    site.engine.status = None
    site.engine.restart()
    wait_for(site.services.router.ready, 30)
    page.locator("#composer .submit-button").click()
    answered(page)
    assert len(new_since(site, before)) == 1


def test_stop_cuts_the_answer_and_new_starts_over(page: Any, site: Site) -> None:
    before = site.completions()
    site.engine.words, site.engine.pause = ("word",) * 400, 0.02
    ask(page)
    page.locator("#chat .bot", has_text="word word").wait_for()
    page.locator("#composer .stop-button").click()
    page.locator("#composer .submit-button").wait_for()
    wait_for(lambda: new_since(site, before)[0].status == "cut")
    assert "not finished" in page.locator("#chat").inner_text()
    page.locator("#new-chat").click()
    page.locator("#chat .example").first.wait_for()


def test_the_page_speaks_korean_to_a_korean_browser(site: Site, browser: Any) -> None:
    for page in opened(site, browser, "ko-KR"):
        page.locator("#chat", has_text="무엇이 궁금하신가요?").wait_for()
        page.locator("#chat .example", has_text="여행 안심의 면책기간을 알려 주세요.").click()
        answered(page)
        assert "출처" in page.locator("#chat").inner_text()
        assert page.title() == "Ratchet"
        page.goto(f"{site.url}/compare")
        page.wait_for_function("document.title === '비교 · Ratchet'")
        assert page.locator("html").get_attribute("lang") == "ko"


def test_only_operators_see_the_board_and_what_they_do_is_recorded(page: Any, site: Site) -> None:
    refused = page.goto(f"{site.url}/operator/")
    assert refused.status == 401
    page.goto(f"{site.url}/operator/login")
    page.fill("input[name=token]", OPERATOR)
    page.click("[type=submit]")
    page.locator("#glance h2").wait_for()
    page.locator("#lever-hold").click()
    page.locator("#confirm-action").click()
    page.locator("#notice .r-notice.wait").wait_for()
    assert site.services.registry.held() is None
    page.locator("#reason textarea").fill("new documents are coming")
    page.locator("#confirm-action").click()
    page.locator("#notice .r-notice.good").wait_for()
    held = site.services.registry.held()
    assert held is not None
    assert held.reason == "new documents are coming"
    page.locator("#glance", has_text="new documents are coming").wait_for()
    page.locator("#lever-resume").click()
    page.locator("#reason textarea").fill("they came")
    page.locator("#confirm-action").click()
    page.locator("#lever-hold").wait_for()
    assert site.services.registry.held() is None
