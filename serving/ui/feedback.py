"""The operator's feedback page: rates and reasons, votes in full context, reviews, exports.

The page is plain HTML: nothing on it needs a script, and its address says all that is looked for.
A review is posted and the page shown again, with what was done and a way back. Invariant: every
request is an operator's, asked anew; reviews are taken from our own pages only.
"""

import asyncio
import time
from html import escape
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.datastructures import QueryParams

from feedback.contexts import read_contexts
from feedback.exchange import FORMATS
from feedback.rates import responders
from feedback.reviews import RULINGS, Reviews
from feedback.types import FeedbackError, Ruling
from serving.api.login import render_login
from serving.api.reviews import RATED_SECONDS, Figures, put_review, read_figures, vote_page
from serving.errors import BadRequest, ServingError
from serving.ui.document import HEADERS, document, sheet
from serving.ui.feedback_figures import SPANS, rates_section, reasons_section
from serving.ui.feedback_text import FEEDBACK_WORDS, FeedbackWords
from serving.ui.messages import Tone, excerpt
from serving.ui.search_form import PAGE, Search, day, search_form
from serving.ui.text import WORDS, ChatWords, Language, language_of
from serving.ui.vote_items import undo_form, vote_item

if TYPE_CHECKING:
    from serving.services import Services

SHOWN = 10
"""Votes on a page: each comes with its whole context."""
FIELDS = 8
"""Of a form that is sent."""
STYLE = sheet("feedback.css")


def feedback_route(services: "Services") -> APIRouter:
    """Return the routes of the page."""
    router = APIRouter()

    @router.get(PAGE, include_in_schema=False)
    async def look(request: Request) -> Response:
        """Show what is looked for."""
        language = _language(request)
        try:
            services.identity.operator(request)
        except ServingError:
            return _door(request)
        search = Search.of(request.query_params)
        done = request.query_params.get("done", ""), request.query_params.get("about", "")
        body = await asyncio.to_thread(_body, services, search, language, done)
        return _page(body, language)

    @router.post(PAGE, include_in_schema=False)
    async def review(request: Request) -> Response:
        """Take a review, and show the page that it was given on."""
        language = _language(request)
        try:
            operator = services.identity.operator(request)
        except ServingError:
            return _door(request)
        async with request.form(max_files=0, max_fields=FIELDS) as form:
            sent = {name: value for name, value in form.items() if isinstance(value, str)}
        search = Search.of(QueryParams(sent.get("back", "")))
        about, act = sent.get("completion_id", ""), sent.get("act", "")
        try:
            await _act(services, operator.id, about, act, sent)
        except (FeedbackError, ServingError) as err:
            words = FEEDBACK_WORDS[language]
            said = _notice("bad", words.refused.format(reason=err))
            body = await asyncio.to_thread(_body, services, search, language, ("", ""), said)
            return _page(body, language, getattr(err, "status", 400))
        there = search.address(before=search.before, before_id=search.before_id)
        back = QueryParams({"done": act, "about": about})
        return RedirectResponse(f"{there}&{back}#votes", status_code=303)

    return router


async def _act(
    services: "Services", operator: str, about: str, act: str, sent: dict[str, str]
) -> None:
    """Do what a button says: one of the rulings, `comment`, or `undo`."""
    if act not in {*RULINGS, "comment", "undo"}:
        raise BadRequest(f"`act` is {act[:40]!r}: use the page's buttons")
    known = await asyncio.to_thread(Reviews(services.database).of, about)
    ruling: Ruling | None = act if act in RULINGS else None
    text = sent.get("text", "").replace("\r\n", "\n") if ruling == "fix" else ""
    comment = sent.get("comment", known.comment if known else "")
    if act == "comment" and known:
        ruling, text = known.ruling, known.text
    await put_review(services, about, operator, ruling, text, comment)


def _body(
    services: "Services",
    search: Search,
    language: Language,
    done: tuple[str, str],
    notice: str = "",
) -> str:
    words, chat = FEEDBACK_WORDS[language], WORDS[language]
    figures = _figures(services, search)
    named = {**chat.disliked_reasons, **chat.liked_reasons}
    named |= {r.reason: excerpt(r.reason, 40) for r in figures.reasons if r.reason not in named}
    seek = search_form(search, responders(services.database), named, words)
    return (
        f'<h1>{escape(words.title)}</h1><p class="lead">{escape(words.lead)}</p>'
        f'<div class="parts">{rates_section(figures, words)}'
        f"{reasons_section(figures.reasons, words, chat)}</div>"
        f'<section class="part" id="votes" aria-labelledby="votes-title">'
        f'<h2 id="votes-title">{escape(words.queue)}</h2>'
        f"{notice or _done(done, search, words)}{seek}"
        f'<p class="note">{escape(words.explain)}</p>{_votes(services, search, words, chat)}'
        f"</section>{_export(words)}"
    )


def _votes(services: "Services", search: Search, words: FeedbackWords, chat: ChatWords) -> str:
    """Return what is found, and the ways to the next ones and back."""
    found = vote_page(services, search.wanted, SHOWN, search.after)
    contexts = read_contexts(services.database, [f.vote.completion_id for f in found.votes])
    items = "".join(
        vote_item(number, each, contexts.get(each.vote.completion_id), search, words, chat)
        for number, each in enumerate(found.votes, 1)
    )
    ways = {words.first: search.address()} if search.before else {}
    if found.next:
        place = {"before": repr(found.next.updated), "before_id": found.next.completion_id}
        ways[words.next] = search.address(**place)
    links = " ".join(
        f'<a href="{escape(address)}#votes">{escape(text)}</a>' for text, address in ways.items()
    )
    votes = f'<ol class="votes">{items}</ol>' if items else f"<p>{escape(words.none_found)}</p>"
    return f'{votes}<p class="more">{links}</p>'


def _figures(services: "Services", search: Search) -> Figures:
    """Read the figures of the days that are looked for, or of the last weeks."""
    wanted = search.wanted
    until = min(wanted.until, time.time())
    since = day(search.since)
    if since is None or since >= until:
        since = until - RATED_SECONDS
    named = {"responder": wanted.responder, "language": wanted.language}
    return read_figures(services, since, until, SPANS, **named)


def _done(done: tuple[str, str], search: Search, words: FeedbackWords) -> str:
    act, about = done
    if act not in words.done:
        return ""
    undo = undo_form(about, search, words) if about and act in RULINGS else ""
    return _notice("good", words.done[act], undo)


def _notice(tone: Tone, text: str, more: str = "") -> str:
    role = "alert" if tone == "bad" else "status"
    return f'<div class="notice {tone}" role="{role}">{escape(text)}{more}</div>'


def _export(words: FeedbackWords) -> str:
    options = "".join(f"<option>{escape(name)}</option>" for name in FORMATS)
    return (
        f'<section class="part" id="export" aria-labelledby="export-title"><h2 id="export-title">'
        f'{escape(words.export)}</h2><p class="note">{escape(words.export_text)}</p>'
        f'<form class="export" method="get" action="/v1/feedback/exports"><label>'
        f'{escape(words.format)}<select name="format">{options}</select></label>'
        f"<button>{escape(words.download)}</button></form></section>"
    )


def _page(body: str, language: Language, status: int = 200) -> Response:
    words = FEEDBACK_WORDS[language]
    parts = {"#rates": words.rates, "#votes": words.queue, "#export": words.export}
    links = "".join(
        f'<a href="{where}">{escape(text)}</a>'
        for where, text in {"/operator/": words.board, **parts}.items()
    )
    nav = f'<nav aria-label="{escape(words.title)}">{links}</nav>'
    page = document(words.title, language, nav + body, STYLE)
    return HTMLResponse(page, status, HEADERS)


def _door(request: Request) -> Response:
    page = render_login(request.headers.get("accept-language", ""))
    return HTMLResponse(page, 401, HEADERS)


def _language(request: Request) -> Language:
    return language_of(request.headers.get("accept-language", ""))
