"""What became of a person's votes: each one waiting, used, held out or left out, and why.

The page is plain HTML: nothing on it needs a script. Invariant: everybody reads their own only;
every text that a person wrote is escaped.
"""

import asyncio
import re
from collections.abc import Collection, Sequence
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from feedback.uses import Use, Uses
from serving.api.forgetting import forget_now
from serving.errors import Unauthorized
from serving.responders import parse
from serving.ui.document import HEADERS, document
from serving.ui.messages import excerpt
from serving.ui.mine_text import MINE_WORDS, MineWords
from serving.ui.text import Language, language_of

if TYPE_CHECKING:
    from serving.services import Services

_ERASURE = re.compile(r"erasure-[0-9a-f]+")
SHOWN = 30
"""Votes on a page; a link leads to older ones."""


def mine_route(services: "Services") -> APIRouter:
    """Return the route of the page."""
    router = APIRouter()
    uses = Uses(services.database)

    @router.get("/mine", include_in_schema=False)
    async def mine(request: Request, before: float | None = None, forgotten: str = "") -> Response:
        try:
            person = services.identity.identify(request)
        except Unauthorized:
            # The chat page makes everybody somebody.
            return RedirectResponse("/")
        said = await asyncio.to_thread(uses.of, person.id, SHOWN + 1, before)
        live = parse(services.router.routes.live).adapter
        language = language_of(request.headers.get("accept-language", ""))
        page = render_mine(
            said[:SHOWN], {live} if live else set(), language, more=len(said) > SHOWN,
            forgotten=forgotten,
        )  # fmt: skip
        return HTMLResponse(page, headers=HEADERS)

    @router.post("/mine/forget", include_in_schema=False)
    async def forget(request: Request) -> Response:
        # What a foreign page has a browser send is nobody's: its cookie does not count.
        person = services.identity.identify(request)
        person.require("feedback")
        erasure = await forget_now(services, person.id, person.id)
        return RedirectResponse(f"/mine?forgotten={erasure.id}", status_code=303)

    return router


def render_mine(
    uses: Sequence[Use],
    live: Collection[str],
    language: Language,
    *,
    more: bool,
    forgotten: str = "",
) -> str:
    """Return the page.

    Args:
        uses: What the person said, the newest first.
        live: Adapters that answer people now.
        language: To write in.
        more: There are older ones.
        forgotten: The number of the erasure that the person has just asked for.
    """
    words = MINE_WORDS[language]
    said = "".join(_item(use, live, words) for use in uses)
    body = f'<h1>{escape(words.title)}</h1><p class="lead">{escape(words.lead)}</p>'
    if _ERASURE.fullmatch(forgotten):
        told = escape(words.forgotten.format(erasure=forgotten))
        body += f'<p class="told" role="status">{told}</p>'
    body += f'<ol class="said">{said}</ol>' if uses else f"<p>{escape(words.none_yet)}</p>"
    if more:
        older = f"mine?before={uses[-1].at!r}"
        body += f'<p class="older"><a href="{older}">{escape(words.older)}</a></p>'
    body += f'<p class="older"><a href="/">{escape(words.to_chat)}</a></p>'
    body += _forgetting(words)
    return document(words.title, language, body)


def _forgetting(words: MineWords) -> str:
    """Return the button that deletes everything, behind a line that must be opened first."""
    return (
        f'<details class="forget" id="forget"><summary>{escape(words.forget)}</summary>'
        f"<p>{escape(words.forget_text)}</p>"
        '<form method="post" action="mine/forget">'
        f'<button type="submit" class="bad">{escape(words.forget_sure)}</button></form></details>'
    )


def fate(use: Use, live: Collection[str], words: MineWords) -> tuple[str, str, str]:
    """Return a tone, one word, and one sentence on what became of something."""
    if use.became == "waiting":
        return "wait", words.waiting, words.waiting_text
    if use.became == "trained":
        names = ", ".join(use.adapters)
        if any(adapter in live for adapter in use.adapters):
            return "good", words.trained_live, words.trained_live_text.format(adapters=names)
        return "good", words.trained, words.trained_text.format(adapters=names)
    if use.became == "left_out":
        known = words.reasons.get(use.reason)
        return "plain", words.left_out, known or words.other.format(reason=use.reason)
    return "plain", words.judge, words.judge_text


def _item(use: Use, live: Collection[str], words: MineWords) -> str:
    question = escape(excerpt(use.question, 140)) if use.question else escape(words.hidden)
    if use.conversation:
        question = f'<a href="/?c={quote(use.conversation)}">{question}</a>'
    tone, word, sentence = fate(use, live, words)
    return (
        f'<li><p class="what">{question}</p><p class="about">{escape(_said(use, words))}</p>'
        f'<p class="fate"><span class="badge {tone}">{escape(word)}</span>'
        f"<span>{escape(sentence)}</span></p></li>"
    )


def _said(use: Use, words: MineWords) -> str:
    if use.kind == "vote":
        return words.liked if use.said else words.disliked
    if use.kind == "comparison":
        return words.outcomes[str(use.said)]
    if use.kind == "correction":
        return f"{words.correction}: “{excerpt(str(use.said))}”"
    return words.ranking
