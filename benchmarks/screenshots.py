"""Pictures of the pages of a running service: `python -m benchmarks.screenshots URL OUT`.

Takes the question of consent, the chat page (an example question, answered, its sources open, a
thumb), three answers to be ranked, what became of the votes and, with the operator's token, the
operator's pages; at 390 and 1440 pixels, light and dark, English and Korean. The pictures that the
documentation shows are among them, under their own names.

Invariant: a picture is what the service answered; nothing is drawn in, and none is over 200 KB.
"""

import argparse
import io
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

SIZES = {390: 844, 1440: 900}
LOCALES = {"en": "en-US", "ko": "ko-KR"}
SCHEMES = ("light", "dark")
FOR_DOCS = {
    ("chat", "en", 1440, "light"): "chat-en-light.png",
    ("chat", "ko", 390, "dark"): "chat-ko-dark.png",
    ("operator", "en", 1440, "light"): "operator.png",
    ("ranking", "en", 1440, "light"): "ranking.png",
    ("mine", "en", 1440, "light"): "mine.png",
    ("feedback", "en", 1440, "light"): "feedback-en-light.png",
    ("feedback", "ko", 390, "dark"): "feedback-ko-dark.png",
}
LIMIT = 200 * 1024
PATIENCE_MS = 120_000
"""A model on a busy CPU takes its time."""
TALLEST = 1800
"""Pixels of a page that is longer than the screen."""


def main(arguments: list[str] | None = None) -> int:
    """Take all pictures; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.screenshots", description=__doc__)
    parser.add_argument("url", help="where the service is, e.g. http://127.0.0.1:7860")
    parser.add_argument("out", type=Path, help="folder for the pictures")
    parser.add_argument(
        "--token",
        default=os.environ.get("RATCHET_OPERATOR_TOKEN"),
        help="the operator's token; without it the operator's page is left out",
    )
    given = parser.parse_args(arguments)
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        print("Chromium is missing: make system", file=sys.stderr)
        return 1
    given.out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for language in LOCALES:
            for width in SIZES:
                for scheme in SCHEMES:
                    take(browser, given.url.rstrip("/"), given.out, given.token,
                         language, width, scheme)  # fmt: skip
        browser.close()
    return 0


def take(
    browser: Browser, url: str, out: Path, token: str | None,
    language: str, width: int, scheme: Any,
) -> None:  # fmt: skip
    """Take the pages as one kind of visitor sees them."""
    context = browser.new_context(
        viewport={"width": width, "height": SIZES[width]},
        locale=LOCALES[language],
        color_scheme=scheme,
    )
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    pages: dict[str, Callable[[], bytes]] = {
        "consent": lambda: consent(page, url),
        "chat": lambda: chat(page, url),
        "ranking": lambda: ranking(page, url),
        "mine": lambda: mine(page, url),
    }
    if token:
        pages["operator"] = lambda: operator(page, url, token)
        pages["feedback"] = lambda: feedback(page, url)
    for name, picture in pages.items():
        file = FOR_DOCS.get(
            (name, language, width, scheme), f"{name}-{language}-{width}-{scheme}.png"
        )
        small = shrink(picture())
        (out / file).write_bytes(small)
        print(f"{out / file}  {len(small) // 1024} KB")
    context.close()


def consent(page: Page, url: str) -> bytes:
    """Read the question whether one's words may train, take the picture, and put it off."""
    page.goto(url)
    page.locator(".r-consent").wait_for()
    page.wait_for_timeout(600)
    picture = page.screenshot()
    page.locator(".r-consent [data-act=later]").click()
    page.locator(".r-consent").wait_for(state="detached")
    return picture


def chat(page: Page, url: str) -> bytes:
    """Ask the first example question, open the sources of the answer, and take the picture."""
    page.goto(url)
    page.locator("#chat .example").first.click()
    done = "#chat .thought-group .title[aria-busy='false'], #choose-tie:not([disabled])"
    page.locator(done).first.wait_for()
    if page.locator("#choose-tie").is_visible():  # now and then there are two answers
        page.locator("#choose-tie").click()
        page.locator("#arena").wait_for(state="hidden")
    page.locator("#composer .submit-button").wait_for()
    page.locator("#chat .thought-group .title").last.click()
    page.locator("#chat .message-buttons").last.locator("button").last.click()  # the thumb up
    page.locator("#rating").wait_for()
    page.locator("#rating button").first.click()  # the panel is closed, the thumb stays
    page.locator("#rating").wait_for(state="hidden")
    page.locator("body").click(position={"x": 1, "y": 1})
    page.wait_for_timeout(600)  # transitions
    return page.screenshot()


def ranking(page: Page, url: str) -> bytes:
    """Ask for three answers, give each a place, take the picture, and save the order."""
    page.goto(f"{url}/compare")
    page.locator("#count label").nth(1).click()
    page.locator("#examples button").nth(1).click()
    page.locator("#rank-save:not([disabled])").wait_for()
    for place in "213":
        page.keyboard.press(place)
    page.wait_for_timeout(600)
    picture = page.screenshot(full_page=True)
    page.locator("#rank-save").click()
    page.locator("#notice .r-notice.good").wait_for()
    return picture


def mine(page: Page, url: str) -> bytes:
    """Read what became of the thumb and of the ranking, and take the picture."""
    page.goto(f"{url}/mine")
    page.locator(".said li").nth(1).wait_for()
    return page.screenshot()


def operator(page: Page, url: str, token: str) -> bytes:
    """Log in with the token, wait for the board, and take the picture."""
    page.goto(f"{url}/operator/login")
    page.fill("input[name=token]", token)
    page.click("[type=submit]")
    page.locator("#glance h2").wait_for()
    page.wait_for_timeout(600)
    return page.screenshot(full_page=True)


def feedback(page: Page, url: str) -> bytes:
    """Open the first vote's context, and take the picture; the operator is logged in."""
    page.goto(f"{url}/operator/feedback")
    page.locator("#votes .vote details summary").first.click()
    return page.screenshot(full_page=True)


def shrink(png: bytes) -> bytes:
    """Return the picture with as many colours as fit into the limit, cut where it is very long."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    picture = picture.crop((0, 0, picture.width, min(picture.height, TALLEST)))
    for colours in (256, 128, 64, 32):
        small = io.BytesIO()
        picture.quantize(colours, dither=Image.Dither.NONE).save(small, "PNG", optimize=True)
        if small.tell() <= LIMIT:
            break
    return small.getvalue()


if __name__ == "__main__":
    sys.exit(main())
