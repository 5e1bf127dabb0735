"""Conversations that are kept, votes' fates, and pages that everybody can use.

Real application, store and index behind a real browser; the engine is the fake of its protocol.
"""

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from feedback.consent import Consents
from feedback.implied import signals
from tests.e2e.test_pages_browser import (
    Site,
    answered,
    ask,
    browser,
    home,
    new_since,
    opened,
    page,
    press,
    site,
)
from tests.e2e.test_pages_compare import asked_for
from tests.serving_kit import OPERATOR, wait_for

__all__ = ["browser", "home", "page", "site"]
pytestmark = pytest.mark.browser
ATTACKS = (
    "![a](http://evil.example/a.png)", "![b][r]", "[c](javascript:alert(1))", "[d][r]",
    "<http://evil.example/e>", "http://evil.example/f", "www.evil.example",
    "<iframe", "src=//evil.example></iframe>", "<a", "href=data:text/html,x>g</a>",
    "`<img", "src=http://evil.example/h.png>`", "|", "`x|<img", "src=http://evil.example/i.png>`",
    "\n\n```html\n<img", "src=http://evil.example/j.png>\n```\n\n[r]: http://evil.example/k.png",
)  # fmt: skip


def listed(page: Any) -> list[str]:
    return list(page.locator("#conversations .r-open").all_inner_texts())


def test_a_conversation_goes_on_after_a_reload_with_its_votes_and_other_answers(
    page: Any, site: Site
) -> None:
    before = site.completions()
    ask(page)
    answered(page)
    press(page, "Retry")
    page.locator("#chat .r-leaves", has_text="Answer 2 of 2").wait_for()
    answered(page)
    first, second = new_since(site, before)
    press(page, "Like")
    wait_for(lambda: second.id in site.votes())
    page.wait_for_url(f"**/?c={first.id}")
    page.reload()
    answered(page)
    page.locator("#chat button[title='Liked']").wait_for()
    page.locator("#chat .r-back").click()
    page.locator("#chat .r-leaves", has_text="Answer 1 of 2").wait_for()
    assert page.locator("#chat button[title='Liked']").count() == 0
    assert page.locator("#chat .r-back").is_disabled()
    ask(page, "And the claim deadline of Golf Day?")
    wait_for(lambda: len(new_since(site, before)) == 3)
    follow_up = new_since(site, before)[-1]
    assert follow_up.conversation == first.id
    assert len(follow_up.messages) == 3


def test_conversations_are_found_renamed_deleted_and_nobody_elses(
    page: Any, site: Site, browser: Any
) -> None:
    for question in ("Waiting period of Travel Shield?", "Claim deadline of Golf Day?"):
        ask(page, question)
        answered(page)
        page.locator("#conversations .r-open[aria-current]", has_text=question).wait_for()
        page.locator("#new-chat").click()
        page.locator("#chat .example").first.wait_for()
    assert listed(page) == ["Claim deadline of Golf Day?", "Waiting period of Travel Shield?"]
    page.locator("#conversations .r-open").last.click()
    page.locator("#chat .user", has_text="Waiting period").wait_for()
    address = page.url
    assert "?c=" in address
    search = page.locator("#search input")
    search.press_sequentially("deadline")
    page.wait_for_function("document.querySelectorAll('#conversations .r-open').length === 1")
    search.press("Control+a")
    search.press("Backspace")
    page.wait_for_function("document.querySelectorAll('#conversations .r-open').length === 2")
    page.locator("[data-act=rename]").last.click()
    page.keyboard.type("<i>Travel</i>")
    page.keyboard.press("Enter")
    page.locator("#conversations .r-open", has_text="<i>Travel</i>").wait_for()
    for stranger in opened(site, browser, "en-US"):
        stranger.goto(address)
        stranger.locator("#notice .r-notice").wait_for()
        assert stranger.locator("#chat .user").count() == 0
        assert listed(stranger) == []
    page.locator("[data-act=ask]").last.click()
    page.locator("[data-act=keep]").last.click()
    page.locator("[data-act=ask]").last.click()
    page.locator("[data-act=delete]").last.click()
    page.locator("#notice", has_text="deleted").wait_for()
    page.locator("#chat .example").first.wait_for()
    assert listed(page) == ["Claim deadline of Golf Day?"]
    assert "?c=" not in page.url


def test_on_a_phone_the_list_is_a_drawer_that_keys_can_close(page: Any) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    drawer, menu = page.locator("#drawer"), page.locator("#menu button")
    drawer.wait_for(state="hidden")
    menu.click()
    drawer.wait_for()
    assert menu.get_attribute("aria-expanded") == "true"
    page.keyboard.press("Escape")
    drawer.wait_for(state="hidden")
    assert menu.evaluate("button => button === document.activeElement")
    overflow = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    assert not page.evaluate(overflow)


def test_people_see_what_became_of_their_votes(page: Any, site: Site) -> None:
    ask(page, "Will this be used?")
    answered(page)
    press(page, "Dislike")
    wait_for(lambda: any(not vote.liked for vote in site.votes().values()))
    page.goto(f"{site.url}/mine")
    said = page.locator(".said li", has_text="Will this be used?")
    assert "Waiting" in said.inner_text()
    said.locator("a").click()
    page.locator("#chat .user", has_text="Will this be used?").wait_for()


def test_nothing_that_a_model_writes_loads_runs_or_leads_away(page: Any, site: Site) -> None:
    site.engine.words = ATTACKS
    ask(page)
    answered(page)
    log = page.locator("#chat")
    assert log.locator("img, a, iframe, script, form").count() == 0
    assert log.locator("pre code").inner_text().startswith("<img")


def test_a_question_is_edited_and_copied_as_it_was_written(page: Any, site: Site) -> None:
    before, written = site.completions(), "Is 3 < 4 & *so* on?\n# yes"
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator("#composer textarea").fill(written)
    page.locator("#composer .submit-button").click()
    answered(page)
    assert page.locator("#chat .user [data-testid=user]").inner_text().strip() == written
    press(page, "Edit")
    box = page.locator("#chat .edit-textarea")
    page.wait_for_function("document.querySelector('.edit-textarea')?.dataset.decoded")
    assert box.input_value() == written
    box.fill(written + " & more")
    page.locator("#chat button[title='Submit']").click()
    wait_for(lambda: len(new_since(site, before)) == 2)
    assert new_since(site, before)[-1].messages[-1]["content"] == written + " & more"
    page.locator("#chat .r-leaves", has_text="Question 2 of 2").wait_for()
    answered(page)
    page.locator("#chat .bot-row + .message-buttons button").first.click()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("It is 45 days.")
    assert "&#" not in copied


# Everybody can use them --------------------------------------------------------------------------

_AXE = importlib.util.find_spec("axe_playwright_python")


@pytest.fixture(scope="module")
def axe() -> str:
    if _AXE is None or _AXE.origin is None:
        pytest.skip("axe-core is missing: make test installs requirements/dev.txt")
    return Path(_AXE.origin).with_name("axe.min.js").read_text(encoding="utf-8")


@pytest.fixture(params=["light", "dark"])
def scheme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("locale", ["en-US", "ko-KR"])
def test_no_page_shuts_anybody_out(
    site: Site, browser: Any, axe: str, locale: str, scheme: str
) -> None:
    for tab in opened(site, browser, locale):
        tab.emulate_media(color_scheme=scheme)
        tab.reload()
        tab.locator("#chat .example").first.wait_for()
        found = violations(tab, axe, "empty")
        ask(tab)
        answered(tab)
        tab.locator("#chat button[title]").last.click()
        tab.locator("#rating").wait_for()
        found += violations(tab, axe, "answered")
        tab.goto(f"{site.url}/mine")
        found += violations(tab, axe, "mine")
        tab.goto(f"{site.url}/compare")
        tab.locator("#examples button").first.click()
        tab.locator("#choose-left:not([disabled])").wait_for()
        found += violations(tab, axe, "compare")
        tab.goto(f"{site.url}/compare")
        tab.locator("#count label").last.wait_for()
        asked_for(tab, 3)
        tab.keyboard.press("2")
        found += violations(tab, axe, "ranking")
        tab.goto(f"{site.url}/operator/login")
        found += violations(tab, axe, "login")
        tab.fill("input[name=token]", OPERATOR)
        tab.click("[type=submit]")
        tab.goto(f"{site.url}/operator/feedback?said=&state=&text=period")
        tab.evaluate("document.querySelectorAll('details').forEach((each) => each.open = true)")
        found += violations(tab, axe, "feedback")
        assert found == []


def violations(page: Any, axe: str, where: str) -> list[str]:
    """Return what axe-core calls serious or critical, wide and on a phone."""
    found = []
    for width in (1440, 390):
        page.set_viewport_size({"width": width, "height": 900})
        # A button that has just been enabled is on its way to its colour.
        page.evaluate("Promise.all(document.getAnimations().map((each) => each.finished))")
        page.evaluate(axe)
        report = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        found += [
            f"{where} at {width}: {v['id']}: {[n['html'][:200] for n in v['nodes'][:3]]}"
            for v in report["violations"]
            if v["impact"] in {"serious", "critical"}
        ]
    page.set_viewport_size({"width": 1200, "height": 900})
    return found


def test_the_page_asks_once_whether_words_may_train_and_the_menu_leads_back(
    page: Any, site: Site
) -> None:
    page.locator(".r-consent [data-act=no]").click()
    page.locator("#notice .good").wait_for()
    assert page.locator(".r-consent").count() == 0
    ((_, no),) = [(c.person, c.agreed) for c in Consents(site.services.database).all()]
    assert no is False
    page.reload()
    page.locator("#drawer-consent button").click()
    page.locator(".r-consent .r-now", has_text="no").wait_for()
    page.locator(".r-consent [data-act=yes]").click()
    page.locator("#notice .good").wait_for()
    ((person, yes),) = [(c.person, c.agreed) for c in Consents(site.services.database).all()]
    assert yes is True
    events = Consents(site.services.database).history(person)
    assert [(e.agreed, e.interface) for e in events] == [(False, "page"), (True, "page")]


def test_copying_an_answer_and_rewording_its_question_are_noticed(page: Any, site: Site) -> None:
    before = site.completions()
    ask(page)
    answered(page)
    page.locator("#chat .bot-row ~ .message-buttons button[title='Copy message']").last.click()
    page.locator("#chat .message-buttons button[title='Edit']").first.click()
    page.locator("#chat .edit-textarea").fill("And the claim deadline of Golf Day?")
    page.locator("#chat .message-buttons button[title='Submit']").first.click()
    wait_for(lambda: len(new_since(site, before)) == 2)
    first, _ = new_since(site, before)
    due = {(first.id, "copy", "page"), (first.id, "edit", "page")}

    def told() -> set[tuple[str, str, str | None]]:
        return {(s.completion_id, s.kind, s.interface) for s in signals(site.services.database)}

    wait_for(lambda: due <= told())
