"""An operator at the feedback page, in a real browser: from a thumb to the rows of a round.

Real application, store and index; the engine is the fake of its protocol.
"""

from pathlib import Path
from typing import Any

import pytest

from feedback.reviews import Reviews
from tests.e2e.test_pages_browser import (
    Site,
    answered,
    ask,
    browser,
    home,
    new_since,
    page,
    press,
    site,
)
from tests.serving_kit import OPERATOR, wait_for
from training.reviewed import EXCLUDED, read_reviewed

__all__ = ["browser", "home", "page", "site"]
pytestmark = pytest.mark.browser


def test_a_down_vote_is_found_reviewed_by_keys_and_left_out(page: Any, site: Site) -> None:
    before = site.completions()
    ask(page, "Is the waiting period of Travel Shield really so long?")
    answered(page)
    (answer,) = new_since(site, before)
    press(page, "Dislike")
    wait_for(lambda: answer.id in site.votes())
    page.goto(f"{site.url}/operator/feedback")
    page.fill("input[name=token]", OPERATOR)
    page.click("[type=submit]")
    page.locator("#glance h2").wait_for()
    page.locator("a.r-to").click()
    page.locator(".seek summary").press("Enter")
    page.locator(".seek input[name=text]").fill("REALLY long")
    page.keyboard.press("Enter")
    vote = page.locator(".vote")
    vote.locator("h3", has_text="really so long?").wait_for()
    assert vote.count() == 1
    assert vote.locator("img").count() == 0
    vote.locator("details summary").first.press("Enter")
    vote.locator("dd", has_text="The period is 45 days.").wait_for()
    vote.locator("textarea[name=comment]").fill("a test")
    vote.locator("button[value=exclude]").press("Enter")
    page.locator(".notice.good", has_text="Excluded").wait_for()
    assert vote.count() == 0
    reviews = Reviews(site.services.database)
    review = reviews.of(answer.id)
    assert review
    assert (review.ruling, review.comment) == ("exclude", "a test")
    left_out = read_reviewed(site.services.store).reasons
    assert left_out["vote", answer.id] == EXCLUDED
    page.locator(".notice button").press("Enter")
    vote.first.wait_for()
    assert reviews.rulings().excluded == frozenset()


def test_the_page_fits_a_phone_and_its_export_is_saved(
    page: Any, site: Site, tmp_path: Path
) -> None:
    ask(page)
    answered(page)
    press(page, "Like")
    wait_for(lambda: site.votes() != {})
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{site.url}/operator/login")
    page.fill("input[name=token]", OPERATOR)
    page.click("[type=submit]")
    page.goto(f"{site.url}/operator/feedback?said=&state=")
    page.evaluate("document.querySelectorAll('details').forEach((each) => each.open = true)")
    wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    assert not page.evaluate(wide)
    page.locator("select[name=format]").select_option("raw")
    with page.expect_download() as waiting:
        page.locator(".export button").click()
    saved = tmp_path / waiting.value.suggested_filename
    waiting.value.save_as(saved)
    counts = site.services.store.counts()
    said = counts.votes + counts.comparisons + counts.corrections + counts.rankings
    assert len(saved.read_text(encoding="utf-8").splitlines()) == said > 0
