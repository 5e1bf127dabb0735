"""The drawer: a person's conversations, to open, search, rename and delete.

Invariant: every id and title that the browser sends is only a claim; the store finds nothing of
anybody else's, and all titles are escaped.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from html import escape

import gradio as gr

from feedback.conversations import Conversation, Conversations
from feedback.types import InvalidFeedback, UnknownConversation
from serving.errors import StorageFailed
from serving.identity import Person
from serving.recording import Recorder
from serving.ui import messages
from serving.ui.asking import Asking
from serving.ui.document import sheet
from serving.ui.drawer_text import DRAWER_WORDS, ENGLISH, DrawerWords
from serving.ui.messages import notice
from serving.ui.safe import markdown
from serving.ui.text import WORDS, ChatWords, Language
from serving.ui.view import Listing, View

SHOWN = 60
"""Conversations in the list; older ones are found by searching."""
DAY = 86_400.0


class Drawer:
    """The components of the drawer; built inside a `gr.Blocks`."""

    def __init__(self, new: gr.Button, consent: gr.HTML) -> None:
        """Show the button for a new conversation on top, and what people agree to at the end."""
        with gr.Column(elem_classes="r-drawer", elem_id="drawer", min_width=0):
            self.head = gr.HTML(_head(ENGLISH), elem_id="drawer-head", js_on_load=None)
            new.render()
            self.search = gr.Textbox(
                placeholder=ENGLISH.search, label=ENGLISH.search, show_label=False,
                container=False, lines=1, max_lines=1, elem_id="search",
            )  # fmt: skip
            self.list = gr.HTML("", elem_id="conversations", js_on_load=sheet("drawer.js"))
            self.links = gr.HTML(_links(ENGLISH), elem_id="drawer-links", js_on_load=None)
            consent.render()

    @property
    def parts(self) -> list[gr.components.Component]:
        """All components, as outputs of a handler."""
        return [self.list]

    @property
    def frame(self) -> list[gr.components.Component]:
        """What only changes with the language."""
        return [self.head, self.search, self.links]

    def updates(self, view: View, language: Language) -> dict[object, object]:
        """Return the new values of the components that `view` changes."""
        if view.listing is None:
            return {}
        return {self.list: listed(view.listing, DRAWER_WORDS[language])}

    def in_language(self, language: Language) -> dict[object, object]:
        """Return the frame in a language."""
        words = DRAWER_WORDS[language]
        search = gr.update(placeholder=words.search, label=words.search)
        return {self.head: _head(words), self.search: search, self.links: _links(words)}


class Keeping:
    """What a person does with their conversations."""

    def __init__(self, conversations: Conversations, asking: Asking, recorder: Recorder) -> None:
        self._conversations, self._asking, self._recorder = conversations, asking, recorder

    async def listing(self, person: Person, current: str | None, query: str = "") -> View:
        """Return the list, of what is searched for or of all."""
        query = query.strip()[:200]
        try:
            found = await asyncio.to_thread(
                self._conversations.list, person.id, query, limit=SHOWN + 1
            )
        except InvalidFeedback:
            found = []
        now = self._conversations.clock()
        shown = tuple(found[:SHOWN])
        return View(listing=Listing(shown, now, query, current, len(found) > SHOWN))

    async def open(
        self, wanted: str, person: Person, language: Language, chosen: Sequence[str] = ()
    ) -> View | None:
        """Return a conversation where it ended, or where `chosen` leads; None: not this person's.

        A pair in it that was never decided waits for its choice again.
        """
        try:
            turns = await asyncio.to_thread(
                self._conversations.turns, wanted, person.id, tuple(chosen)
            )
        except UnknownConversation:
            return None
        words = WORDS[language]
        state = messages.Conversation(wanted, tuple(turn.completion.id for turn in turns))
        pair = _pair_of(turns[-1].completion.id) if turns and turns[-1].blind else None
        if pair is not None and (waiting := await self._waiting(pair, state, person, words)):
            return waiting
        shown = [turn.completion for turn in turns]
        settled = await self._asking.settled(shown, words, person)
        return replace(
            settled, state=state, typed="", notice="", pair_state="closed", rating="closed"
        )

    async def leaf(
        self, to: str, state: messages.Conversation, person: Person, language: Language
    ) -> View | None:
        """Return the conversation as it went on from another answer or wording."""
        if state.id is None:
            return None
        view = await self.open(state.id, person, language, (*state.turns, to))
        return view and replace(view, typed=None)

    async def rename(self, wanted: str, title: str, person: Person, language: Language) -> str:
        """Rename a conversation; return what to say where that fails."""
        kept = self._conversations
        return await self._changed(lambda: kept.rename(wanted, person.id, title), language)

    async def delete(self, wanted: str, person: Person, language: Language) -> str:
        """Delete a conversation; return what to say where that fails."""
        kept = self._conversations
        return await self._changed(lambda: kept.delete(wanted, person.id), language)

    async def _changed(self, change: Callable[[], object], language: Language) -> str:
        words = DRAWER_WORDS[language]
        try:
            await self._recorder.write(lambda _: change())
        except UnknownConversation:
            return words.gone
        except InvalidFeedback:
            return words.wrong_title
        except StorageFailed:
            return WORDS[language].not_saved
        return ""

    async def _waiting(
        self, pair: str, state: messages.Conversation, person: Person, words: ChatWords
    ) -> View | None:
        sides = await self._asking.sides(pair, person)
        if sides is None:
            return None
        *before, _ = state.turns
        state = replace(state, turns=tuple(before), comparison=pair)
        turns = await self._asking.turns(state, person)
        settled = await self._asking.settled(turns, words, person)
        asked = messages.question(sides[0].id, sides[0].messages[-1]["content"])
        texts = (markdown(sides[0].text), markdown(sides[1].text))
        return replace(
            settled, state=state, chat=[*(settled.chat or []), *asked], mode="choose", typed="",
            notice="", pair=texts, pair_state="finished", rating="closed",
        )  # fmt: skip


def _pair_of(side: str) -> str | None:
    """Return the id of the pair that a side belongs to; None: it is no side of a pair."""
    stem, _, place = side.rpartition("-")
    return f"cmp-{stem.removeprefix('chatcmpl-')}" if place in {"left", "right"} else None


def listed(listing: Listing, words: DrawerWords) -> str:
    """Return the list as HTML."""
    if not listing.found:
        empty = words.none_found if listing.query else words.none_yet
        return f'<p class="r-none-yet" role="status">{escape(empty)}</p>'
    groups: dict[str, list[Conversation]] = {}
    for one in listing.found:
        age = listing.now - one.updated
        when = words.day if age < DAY else words.week if age < 7 * DAY else words.older
        groups.setdefault(words.found if listing.query else when, []).append(one)
    parts = [
        f"<h2>{escape(name)}</h2><ul>{''.join(_row(c, listing.current, words) for c in ones)}</ul>"
        for name, ones in groups.items()
    ]
    more = f'<p class="r-none-yet">{escape(words.more)}</p>' if listing.more else ""
    return f'<nav aria-label="{escape(words.title)}">{"".join(parts)}{more}</nav>'


def _row(one: Conversation, current: str | None, words: DrawerWords) -> str:
    title, id_ = escape(one.title or "–"), escape(one.id)
    here = ' aria-current="page"' if one.id == current else ""
    rename = escape(words.rename_of.format(title=one.title))
    delete = escape(words.delete_of.format(title=one.title))
    return (
        f'<li data-id="{id_}"><div class="r-row" data-part="title">'
        f'<a class="r-open" data-act="open" href="?c={id_}"{here} title="{title}">{title}</a>'
        f'<button type="button" data-act="rename" title="{escape(words.rename)}" '
        f'aria-label="{rename}">{_PEN}</button>'
        f'<button type="button" data-act="ask" title="{escape(words.delete)}" '
        f'aria-label="{delete}">{_BIN}</button></div>'
        f'<form class="r-row" data-part="rename" hidden><input value="{title}" maxlength="200" '
        f'aria-label="{escape(words.new_title)}"><button type="submit">{escape(words.save)}'
        "</button></form>"
        f'<div class="r-sure" data-part="delete" role="group" hidden><p>{escape(words.sure)}</p>'
        f'<button type="button" class="r-bad" data-act="delete">{escape(words.delete)}</button>'
        f'<button type="button" data-act="keep">{escape(words.keep)}</button></div></li>'
    )


def _icon(path: str) -> str:
    return (
        '<svg viewBox="0 0 16 16" aria-hidden="true" fill="none" stroke="currentColor" '
        'stroke-width="1.3" stroke-linecap="round" stroke-linejoin="round">'
        f'<path d="{path}"/></svg>'
    )


_PEN = _icon("M10.5 3.5l2 2L6 12l-2.7.7L4 10z")
_BIN = _icon("M3.5 5h9M6.5 5V3.5h3V5M5 5l.6 7.5h4.8L11 5")
_CROSS = _icon("M4 4l8 8M12 4l-8 8")


def said(problem: str) -> View:
    """Return the view that says what was wrong with a wish."""
    return View(notice=notice("bad", problem) if problem else "")


def _head(words: DrawerWords) -> str:
    return (
        f'<div class="r-drawer-head"><span>{escape(words.title)}</span><button type="button" '
        f'id="drawer-close" aria-label="{escape(words.close)}">{_CROSS}</button></div>'
    )


def _links(words: DrawerWords) -> str:
    return (
        f'<ul class="r-links"><li><a href="compare/">{escape(words.compare)}</a></li>'
        f'<li><a href="mine">{escape(words.mine)}</a></li>'
        f'<li><a href="mine#forget">{escape(words.forget)}</a></li></ul>'
    )
