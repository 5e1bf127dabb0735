"""The chat page: ask, watch the answer being written, open its sources, say what you think of it.

This file says which handler each component calls; what a handler decides lies in `asking.py`,
`arena.py`, `rating.py` and `drawer.py` and comes back as a `View`, which `chat_parts.py` shows.
Invariant: who is asking comes from the request's signed cookie in every handler.

Gradio reads annotations at run time: no `from __future__ import annotations` here.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import gradio as gr

from feedback.conversations import Conversations
from feedback.types import Outcome
from serving.ui import messages, rating
from serving.ui.arena import choose
from serving.ui.asking import Asker, Asking
from serving.ui.chat_parts import ChatParts, Updates
from serving.ui.consent import Consenting
from serving.ui.document import tab_title
from serving.ui.drawer import Keeping, said
from serving.ui.drawer_text import DRAWER_WORDS
from serving.ui.examples import Examples
from serving.ui.implied import Implied
from serving.ui.messages import Conversation, notice
from serving.ui.sparse import Page
from serving.ui.streaming import Stops
from serving.ui.text import WORDS
from serving.ui.view import FRESH, View
from serving.ui.visitor import Visitor, visitor, wish

if TYPE_CHECKING:
    from serving.services import Services

STREAMS = 64
"""Answers that may be written at the same time on this page; Gradio's own default is 1."""


def build_chat_page(services: "Services") -> gr.Blocks:
    """Build the page at `/`."""
    return ChatPage(services).build()


class ChatPage:
    """What happens when the page's components are used."""

    def __init__(self, services: "Services") -> None:
        self._identity, self._recorder = services.identity, services.recorder
        conversations = Conversations(services.database)
        self._asking = Asking(
            services.chat, services.store, conversations, services.config.pair_rate,
            lambda: not any(r.answered_at for r in services.router.replicas),
        )  # fmt: skip
        self._keeping = Keeping(conversations, self._asking, services.recorder)
        self._examples = Examples(services.config.home)
        self._consenting, self._implied = Consenting(services), Implied(services)
        self._stops = Stops()

    def build(self) -> gr.Blocks:
        """Lay the page out and connect it."""
        with Page(title=tab_title(), fill_height=True, analytics_enabled=False) as page:
            self.parts = ChatParts()
            self._connect(page)
        page.queue(default_concurrency_limit=None)
        return page

    def _connect(self, page: gr.Blocks) -> None:
        parts = self.parts
        state, chat, composer, every = parts.state, parts.chat, parts.composer, parts.all
        quick: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
        slow = quick | {"concurrency_limit": STREAMS, "concurrency_id": "answers"}
        # Who asks before the page has heard that the last answer is over is not passed over.
        slow["trigger_mode"] = "always_last"
        running = [
            composer.submit(self.on_submit, [composer, state], every, **slow),
            chat.example_select(self.on_example, [state], every, **slow),
            chat.retry(self.on_retry, [state], every, **slow),
            chat.edit(self.on_edit, [chat, state], every, **slow),
        ]
        composer.stop(self.on_stop, None, None, **quick)
        chat.undo(self.on_undo, [state], every, **quick)
        gr.on([parts.new.click, chat.clear], self.on_new, None, every, cancels=running, **quick)
        chat.like(self.on_like, [chat, state], every, **quick)
        for outcome, button in parts.arena.choices.items():
            button.click(self._choosing(outcome), [state], every, **quick)
        parts.rating.save.click(self.on_save, [state, *parts.rating.inputs], every, **quick)
        parts.rating.close.click(self.on_close, [state], every, **quick)
        kept, search = parts.drawer.list, parts.drawer.search
        kept.select(self.on_open, None, every, cancels=running, **quick)
        kept.edit(self.on_rename, [state, search], every, **quick)
        kept.delete(self.on_delete, [state, search], every, **quick)
        kept.input(self.on_leaf, [state], every, **quick)
        # Not `input`: Gradio swallows the first one behind each update of the page.
        search.change(self.on_search, [state, search], every, trigger_mode="always_last", **quick)
        parts.address.change(None, [parts.address], None, js="(id) => ratchetAddress(id)")
        self._consenting.connect(parts.consent, parts.notice, **quick)
        self._implied.connect(chat, **quick)
        page.load(self.on_load, None, [*every, *parts.frame], **quick)

    # Asking

    async def on_submit(
        self, text: str, state: Conversation, request: gr.Request
    ) -> AsyncGenerator[Updates, None]:
        """Answer what was typed."""
        ask = partial(self._asking.ask, text or "", state)
        async with aclosing(self._shown(ask, state, request)) as updates:
            async for update in updates:
                yield update

    async def on_example(
        self, state: Conversation, request: gr.Request, data: gr.SelectData
    ) -> AsyncGenerator[Updates, None]:
        """Ask one of the example questions."""
        ask = partial(self._asking.ask, data.value["text"], state)
        async with aclosing(self._shown(ask, state, request)) as updates:
            async for update in updates:
                yield update

    async def on_retry(
        self, state: Conversation, request: gr.Request
    ) -> AsyncGenerator[Updates, None]:
        """Answer the last question again."""
        ask = partial(self._asking.again, state)
        async with aclosing(self._shown(ask, state, request)) as updates:
            async for update in updates:
                yield update

    async def on_edit(
        self, shown: list[Any], state: Conversation, request: gr.Request, data: gr.EditData
    ) -> AsyncGenerator[Updates, None]:
        """Ask an earlier question differently."""
        edited, text = messages.completion_at(shown, data.index), str(data.value)
        self._implied.record(edited, "edit", request)
        ask = partial(self._asking.edited, edited, text, state)
        async with aclosing(self._shown(ask, state, request)) as updates:
            async for update in updates:
                yield update

    async def _shown(
        self,
        ask: Callable[[Asker], AsyncGenerator[View, None]],
        state: Conversation,
        request: gr.Request,
    ) -> AsyncGenerator[Updates, None]:
        who = visitor(self._identity, request)
        if self._stops.running(who.tab) or state.comparison:
            return
        asker = Asker(who.person, WORDS[who.language], self._stops.start(who.tab))
        try:
            async with aclosing(ask(asker)) as views:
                async for view in views:
                    state = view.state or state
                    updates = self._shown_to(view, who)
                    if view.mode in ("idle", "choose"):
                        # Of two updates at once a busy browser may pass over the first.
                        listed = await self._keeping.listing(who.person, state.id)
                        updates |= self._shown_to(listed, who)
                    yield updates
        finally:
            self._stops.finish(who.tab)

    async def on_stop(self, request: gr.Request) -> None:
        """Stop the answer that this tab is being given."""
        self._stops.stop(visitor(self._identity, request).tab)

    # The conversation

    async def on_undo(self, state: Conversation, request: gr.Request) -> Updates:
        """Take the last question back into the box; what was recorded stays recorded."""
        who = visitor(self._identity, request)
        turns = await self._asking.turns(state, who.person)
        if not turns or self._stops.running(who.tab) or state.comparison:
            return self._shown_to(View(), who)
        *before, last = turns
        state = replace(state, turns=tuple(turn.id for turn in before), rated=None)
        settled = await self._asking.settled(before, WORDS[who.language], who.person)
        question = last.messages[-1]["content"]
        view = replace(settled, state=state, typed=question, notice="", rating="closed")
        return self._shown_to(view, who)

    async def on_new(self, request: gr.Request) -> Updates:
        """Start a new conversation; an answer that is still being written is cut."""
        who = visitor(self._identity, request)
        listing = await self._keeping.listing(who.person, None)
        return self._shown_to(replace(FRESH, listing=listing.listing), who)

    async def on_open(self, request: gr.Request, data: gr.EventData) -> Updates:
        """Go on with a conversation of the list."""
        who = visitor(self._identity, request)
        return self._shown_to(await self._opened(wish(data, "id"), who), who)

    async def on_leaf(
        self, state: Conversation, request: gr.Request, data: gr.EventData
    ) -> Updates:
        """Show another answer to the same question, or another wording of it."""
        who = visitor(self._identity, request)
        if self._stops.running(who.tab) or state.comparison:
            return self._shown_to(View(), who)
        to = wish(data, "id")
        view = await self._keeping.leaf(to, state, who.person, who.language)
        return self._shown_to(view or View(), who)

    async def on_rename(
        self, state: Conversation, query: str, request: gr.Request, data: gr.EventData
    ) -> Updates:
        """Give a conversation another title."""
        who = visitor(self._identity, request)
        renamed = (wish(data, "id"), wish(data, "title"))
        problem = await self._keeping.rename(*renamed, who.person, who.language)
        listing = await self._keeping.listing(who.person, state.id, query or "")
        return self._shown_to(replace(said(problem), listing=listing.listing), who)

    async def on_delete(
        self, state: Conversation, query: str, request: gr.Request, data: gr.EventData
    ) -> Updates:
        """Delete a conversation; where it is the one on the page, start a new one."""
        who = visitor(self._identity, request)
        words, gone = DRAWER_WORDS[who.language], wish(data, "id")
        problem = await self._keeping.delete(gone, who.person, who.language)
        here = not problem and gone == state.id
        if here:
            self._stops.stop(who.tab)
        listing = await self._keeping.listing(who.person, None if here else state.id, query or "")
        line = notice("bad", problem) if problem else notice("plain", words.deleted)
        view = FRESH if here else View()
        return self._shown_to(replace(view, notice=line, listing=listing.listing), who)

    async def on_search(self, state: Conversation, query: str, request: gr.Request) -> Updates:
        """Find conversations by what was said in them."""
        who = visitor(self._identity, request)
        view = await self._keeping.listing(who.person, state.id, query or "")
        return self._shown_to(view, who)

    async def on_load(self, request: gr.Request) -> Updates:
        """Write the page in the reader's language; go on with the conversation in the address."""
        who = visitor(self._identity, request)
        words = WORDS[who.language]
        examples = await asyncio.to_thread(self._examples.questions, words)
        view = await self._opened(request.query_params.get("c", ""), who)
        frame = self.parts.in_language(who.language, examples)
        updates = self._shown_to(view, who)
        updates[self.parts.chat] = {**frame[self.parts.chat], **updates.get(self.parts.chat, {})}
        return {**frame, **updates, **await self._consenting.frame(who, self.parts.footnote)}

    async def _opened(self, wanted: str, who: Visitor) -> View:
        view = None
        if wanted:
            view = await self._keeping.open(wanted, who.person, who.language)
        listing = await self._keeping.listing(who.person, wanted if view else None)
        missing = DRAWER_WORDS[who.language].gone if wanted and view is None else ""
        opened = view or replace(FRESH, notice=notice("wait", missing))
        return replace(opened, listing=listing.listing)

    # What people say

    async def on_like(
        self, shown: list[Any], state: Conversation, request: gr.Request, data: gr.LikeData
    ) -> Updates:
        """Record a thumb, by the completion's id in the message, whatever its place is by now."""
        who = visitor(self._identity, request)
        liked = data.liked if isinstance(data.liked, bool) else None
        rated, words = messages.completion_at(shown, data.index), WORDS[who.language]
        view = await rating.rate(rated, liked, state, who.person, words, self._recorder)
        return self._shown_to(await self._with_thumbs(view, state, who), who)

    async def on_save(
        self, state: Conversation, reasons: list[str], comment: str, correction: str,
        request: gr.Request,
    ) -> Updates:  # fmt: skip
        """Record what a person adds to their thumb."""
        who = visitor(self._identity, request)
        words = WORDS[who.language]
        said = (reasons or [], comment or "", correction or "")
        view = await rating.add(*said, state, who.person, words, self._recorder)
        return self._shown_to(view, who)

    async def on_close(self, state: Conversation, request: gr.Request) -> Updates:
        """Close the feedback panel; the thumb stays."""
        view = View(state=replace(state, rated=None), rating="closed")
        return self._shown_to(view, visitor(self._identity, request))

    def _choosing(self, outcome: Outcome) -> Callable[..., Any]:
        async def on_choice(state: Conversation, request: gr.Request) -> Updates:
            who = visitor(self._identity, request)
            words = WORDS[who.language]
            view = await choose(outcome, state, who.person, words, self._asking, self._recorder)
            return self._shown_to(view, who)

        return on_choice

    async def _with_thumbs(self, view: View, state: Conversation, who: Visitor) -> View:
        turns = await self._asking.turns(state, who.person)
        settled = await self._asking.settled(turns, WORDS[who.language], who.person)
        return replace(view, thumbs=settled.thumbs)

    def _shown_to(self, view: View, who: Visitor) -> Updates:
        return self.parts.updates(view, who.language)
