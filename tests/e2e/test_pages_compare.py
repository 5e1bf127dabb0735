"""Answers side by side, in a real browser: pairs, rankings, and an agent at work.

Real application, store and index behind a real browser; the engine is the fake of its protocol.
"""

import json
import threading
from typing import Any

import pytest

from feedback.rankings import Rankings
from feedback.types import OUTCOMES, Ranking
from knowledge.prompt import SEARCH_TOOL
from tests.e2e.test_pages_browser import Site, answered, ask, browser, home, new_since, page, site
from tests.fake_engine import Scripted
from tests.serving_kit import wait_for

__all__ = ["browser", "home", "page", "site"]
pytestmark = pytest.mark.browser


class Turnstile(threading.Event):
    """Lets the first one through, and the others once it is set."""

    def __init__(self) -> None:
        super().__init__()
        self.first = True

    def wait(self, timeout: float | None = None) -> bool:
        if self.first:
            self.first = False
            return True
        return super().wait(timeout)


def test_on_a_phone_a_pair_is_stacked_with_its_buttons_in_reach(page: Any, site: Site) -> None:
    page.set_viewport_size({"width": 390, "height": 700})
    site.pairs, site.engine.words = True, ("word",) * 300
    ask(page)
    page.locator("#choose-tie:not([disabled])").wait_for()
    left, right = (page.locator(f"#side-{side}").bounding_box() for side in ("left", "right"))
    assert left["x"] == right["x"]
    assert left["y"] + left["height"] < right["y"]
    for outcome in OUTCOMES:
        button = page.locator(f"#choose-{outcome}").bounding_box()
        assert button["y"] + button["height"] <= 700
        assert button["height"] >= 40
    page.locator("#choose-both_bad").click()
    page.locator("#notice", has_text="both bad").wait_for()


def test_pairs_are_compared_blind_by_key_and_then_revealed(page: Any, site: Site) -> None:
    page.goto(f"{site.url}/compare")
    page.locator("#examples button").first.click()
    page.locator("#choose-right:not([disabled])").wait_for()
    seen = page.content()
    for secret in ("ratchet-0001", "Article 2", ">rag<"):
        assert secret not in seen
    page.keyboard.press("ArrowRight")
    page.locator("#side-right", has_text="✓").wait_for()
    shown = {page.locator(f"#side-{side} h6").inner_text() for side in ("left", "right")}
    assert any("ratchet-0001+rag" in name for name in shown)
    decided = [c for c, _, _ in site.services.store.iter_comparisons()]
    assert decided[-1].outcome == "right"
    before = len(decided)
    ask(page, "A second one?")
    page.locator("#choose-both_bad:not([disabled])").wait_for()
    page.keyboard.press("4")
    page.locator("#notice", has_text="both bad").wait_for()
    decided = [c for c, _, _ in site.services.store.iter_comparisons()]
    assert len(decided) == before + 1
    assert decided[-1].outcome == "both_bad"


def ranked_by(site: Site, person: str) -> list[Ranking]:
    found = Rankings(site.services.database).iter()
    return [ranking for ranking, _ in found if ranking.person == person]


def asked_for(page: Any, count: int) -> None:
    page.locator("#count label").nth(count - 2).click()
    page.locator("#examples button").first.click()
    page.locator("#rank-save:not([disabled])").wait_for()


def test_answers_are_ranked_blind_by_key_and_then_revealed(page: Any, site: Site) -> None:
    before = site.completions()
    page.goto(f"{site.url}/compare")
    asked_for(page, 4)
    seen = page.content()
    for secret in ("ratchet-0001", "Article 2", ">rag<"):
        assert secret not in seen
    page.locator("#rank-save").click()
    page.locator("#notice", has_text="place first").wait_for()
    page.keyboard.press("2")
    page.keyboard.press("1")
    page.keyboard.press("4")
    page.keyboard.press("4")
    page.keyboard.press("C")
    page.keyboard.press("2")
    page.keyboard.press("Enter")
    page.locator("#answer-B h6", has_text="✓").wait_for()
    answers = sorted(new_since(site, before), key=lambda made: made.id)
    assert {made.purpose for made in answers} == {"pair"}
    for letter, made in zip("ABCD", answers, strict=True):
        assert f" {made.responder} " in page.locator(f"#answer-{letter} h6").inner_text()
    (ranking,) = ranked_by(site, answers[0].person)
    a, b, c, d = (made.id for made in answers)
    assert ranking.order == ((b,), (a, c), (d,))


def test_on_a_phone_answers_are_ranked_by_touch_or_skipped(page: Any, site: Site) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{site.url}/compare")
    asked_for(page, 3)
    assert page.locator("#answer-D").count() == 0
    overflow = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    assert not page.evaluate(overflow)
    for letter, place in (("A", 2), ("B", 0), ("C", 0)):
        page.locator(f"#place-{letter} label").nth(place).click()
    page.locator("#rank-save").click()
    page.locator("#notice .r-notice.good").wait_for()
    last = site.completions()[-1]
    (ranking,) = ranked_by(site, last.person)
    a, b, c = ranking.answers
    assert ranking.order == ((b, c), (a,))
    asked_for(page, 3)
    page.locator("#rank-skip").click()
    page.locator("#notice", has_text="no order").wait_for()
    assert ranked_by(site, last.person) == [ranking]
    page.locator("#examples button").first.wait_for()


def test_an_agents_steps_are_seen_while_it_works(page: Any, site: Site) -> None:
    call = (SEARCH_TOOL, json.dumps({"query": "waiting period <i>Travel</i> Shield"}))
    # The second search waits, behind which its text would go out at once.
    site.engine.script = [Scripted("", (call,))] * 2 + [Scripted("It is 45 days.")]
    site.engine.gate = Turnstile()
    site.services.registry.promote("agent", reason="try it", actor="test", force=True)
    try:
        wait_for(lambda: site.services.router.routes.live == "agent")
        ask(page)
        page.locator("#chat .title", has_text="Reading what was found").wait_for()
        page.locator("#chat .title", has_text="Searched: waiting period <i>Travel</i>").click()
        page.locator("#chat", has_text="The period is 45 days.").wait_for()
        assert page.locator("#chat .bot", has_text="It is 45").count() == 0
        site.engine.gate.set()
        answered(page)
        assert "It is 45 days." in page.locator("#chat").inner_text()
        assert page.locator("#chat .title", has_text="Searched").count() == 0
        page.reload()
        page.locator("#chat .title", has_text="Sources (").click()
        page.locator("#chat em", has_text="Searched: waiting period").first.wait_for()
    finally:
        site.engine.gate.set()
        site.services.registry.rollback(reason="tried", actor="test")
