"""The chat page: ask, watch the answer being written, open its sources, say what you think of it.

This file holds the components and which handler each of them calls; what a handler decides lies in
`asking.py`, `arena.py` and `rating.py` and comes back as a `View`. Invariant: who is asking comes
from the request's signed cookie in every handler.

Gradio reads annotations at run time: no `from __future__ import annotations` here.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from html import escape, unescape
from typing import TYPE_CHECKING, Any

import gradio as gr

from feedback.types import Outcome
from serving.ui import messages, rating
from serving.ui.arena import Arena, choose
from serving.ui.asking import LONGEST_QUESTION, Asker, Asking
from serving.ui.examples import Examples
from serving.ui.messages import Conversation
from serving.ui.rating import RatingPanel
from serving.ui.streaming import Stops
from serving.ui.style import BRAND
from serving.ui.text import ENGLISH, WORDS, ChatWords
from serving.ui.view import View
from serving.ui.visitor import Visitor, visitor

if TYPE_CHECKING:
    from serving.services import Services

STREAMS = 64
"""Answers that may be written at the same time on this page; Gradio's own default is 1."""
Updates = dict[Any, Any]
"""New values by component: what a handler hands to Gradio."""


def build_chat_page(services: "Services") -> gr.Blocks:
    """Build the page at `/`."""
    return ChatPage(services).build()


class ChatPage:
    """The page's components and what happens when they are used."""

    def __init__(self, services: "Services") -> None:
        self._identity, self._store = services.identity, services.store
        self._asking = Asking(services.chat, services.store, services.config.pair_rate)
        self._examples = Examples(services.config.home)
        self._stops = Stops()

    def build(self) -> gr.Blocks:
        """Lay the page out and connect it."""
        with gr.Blocks(title="Ratchet", fill_height=True, analytics_enabled=False) as page:
            self.state = gr.State(Conversation())
            with gr.Column(elem_classes="r-chat", scale=1):
                with gr.Row(elem_classes="r-top"):
                    gr.HTML(f'<div class="r-brand">{BRAND}</div>')
                    self.new = gr.Button(
                        ENGLISH.new_chat, size="sm", elem_classes="r-quiet", elem_id="new-chat"
                    )
                self.chat = gr.Chatbot(
                    elem_id="chat", elem_classes="r-log", show_label=False, container=False,
                    layout="bubble", scale=1, height="100%", buttons=["copy"], editable="user",
                    sanitize_html=True, allow_tags=False, latex_delimiters=[],
                    feedback_options=["Like", "Dislike"], placeholder=_welcome(ENGLISH),
                )  # fmt: skip
                self.arena = Arena()
                self.rating = RatingPanel()
                self.notice = gr.HTML(elem_id="notice")
                self.composer = gr.Textbox(
                    placeholder=ENGLISH.composer_placeholder, label=ENGLISH.composer_label,
                    show_label=False, container=False, lines=1, max_lines=8, submit_btn=True,
                    autofocus=True, max_length=LONGEST_QUESTION * 2, elem_id="composer",
                )  # fmt: skip
                self.footnote = gr.HTML(_footnote(ENGLISH), elem_id="footnote")
            self._connect(page)
        page.queue(default_concurrency_limit=None)
        return page

    def _connect(self, page: gr.Blocks) -> None:
        state, chat, composer = self.state, self.chat, self.composer
        every = [state, chat, composer, self.notice, *self.arena.parts, *self.rating.parts]
        quick: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
        slow = quick | {"concurrency_limit": STREAMS, "concurrency_id": "answers"}
        running = [
            composer.submit(self.on_submit, [composer, state], every, **slow),
            chat.example_select(self.on_example, [state], every, **slow),
            chat.retry(self.on_retry, [state], every, **slow),
            chat.edit(self.on_edit, [chat, state], every, **slow),
        ]
        composer.stop(self.on_stop, None, None, **quick)
        chat.undo(self.on_undo, [state], every, **quick)
        fresh = [self.new.click, chat.clear]
        gr.on(fresh, self.on_new, None, every, cancels=running, **quick)
        chat.like(self.on_like, [chat, state], every, **quick)
        for outcome, button in self.arena.choices.items():
            button.click(self._choosing(outcome), [state], every, **quick)
        self.rating.save.click(self.on_save, [state, *self.rating.inputs], every, **quick)
        self.rating.close.click(self.on_close, [state], every, **quick)
        page.load(self.on_load, None, [*every, self.new, self.footnote], **quick)

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
        edited, text = _id_at(shown, data.index), unescape(str(data.value))
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
                    yield self._updates(view, who)
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
            return self._updates(View(), who)
        *before, last = turns
        state = replace(state, turns=tuple(turn.id for turn in before), rated=None)
        settled = await self._asking.settled(before, WORDS[who.language], who.person)
        question = last.messages[-1]["content"]
        view = replace(settled, state=state, typed=question, notice="", rating="closed")
        return self._updates(view, who)

    async def on_new(self, request: gr.Request) -> Updates:
        """Start a new conversation; an answer that is still being written is cut."""
        view = View(
            state=Conversation(), chat=[], thumbs=[], mode="idle", typed="", notice="",
            pair_state="closed", rating="closed",
        )  # fmt: skip
        return self._updates(view, visitor(self._identity, request))

    async def on_load(self, request: gr.Request) -> Updates:
        """Write the page in the reader's language."""
        who = visitor(self._identity, request)
        words = WORDS[who.language]
        examples = await asyncio.to_thread(self._examples.questions, words)
        return self._updates(View(mode="idle"), who) | {
            self.chat: gr.update(
                placeholder=_welcome(words), examples=[{"text": text} for text in examples]
            ),
            self.new: words.new_chat,
            self.footnote: _footnote(words),
        }

    # What people say

    async def on_like(
        self, shown: list[Any], state: Conversation, request: gr.Request, data: gr.LikeData
    ) -> Updates:
        """Record a thumb, by the completion's id in the message, whatever its place is by now."""
        who = visitor(self._identity, request)
        liked = data.liked if isinstance(data.liked, bool) else None
        rated, words = _id_at(shown, data.index), WORDS[who.language]
        view = await rating.rate(rated, liked, state, who.person, words, self._store)
        return self._updates(await self._with_thumbs(view, state, who), who)

    async def on_save(
        self, state: Conversation, reasons: list[str], comment: str, correction: str,
        request: gr.Request,
    ) -> Updates:  # fmt: skip
        """Record what a person adds to their thumb."""
        who = visitor(self._identity, request)
        words = WORDS[who.language]
        said = (reasons or [], comment or "", correction or "")
        view = await rating.add(*said, state, who.person, words, self._store)
        return self._updates(view, who)

    async def on_close(self, state: Conversation, request: gr.Request) -> Updates:
        """Close the feedback panel; the thumb stays."""
        view = View(state=replace(state, rated=None), rating="closed")
        return self._updates(view, visitor(self._identity, request))

    def _choosing(self, outcome: Outcome) -> Callable[..., Any]:
        async def on_choice(state: Conversation, request: gr.Request) -> Updates:
            who = visitor(self._identity, request)
            words = WORDS[who.language]
            view = await choose(outcome, state, who.person, words, self._asking, self._store)
            return self._updates(view, who)

        return on_choice

    async def _with_thumbs(self, view: View, state: Conversation, who: Visitor) -> View:
        turns = await self._asking.turns(state, who.person)
        settled = await self._asking.settled(turns, WORDS[who.language], who.person)
        return replace(view, thumbs=settled.thumbs)

    # From views to components

    def _updates(self, view: View, who: Visitor) -> Updates:
        words = WORDS[who.language]
        new: Updates = {**self.arena.updates(view, words), **self.rating.updates(view, words)}
        if view.state is not None:
            new[self.state] = view.state
        if view.chat is not None or view.thumbs is not None:
            value = {} if view.chat is None else {"value": view.chat}
            thumbs = {} if view.thumbs is None else {"feedback_value": view.thumbs}
            new[self.chat] = gr.update(**value, **thumbs)
        if view.notice is not None:
            new[self.notice] = view.notice
        if view.mode is not None or view.typed is not None:
            new[self.composer] = _composer(view, words)
        return new or {self.notice: gr.skip()}


def _composer(view: View, words: ChatWords) -> Any:
    choosing = view.mode == "choose"
    typed = {} if view.typed is None else {"value": view.typed}
    if view.mode is None:
        return gr.update(**typed)
    return gr.update(
        submit_btn=view.mode == "idle",
        stop_btn=view.mode == "busy",
        interactive=not choosing,
        placeholder=words.choose_first if choosing else words.composer_placeholder,
        label=words.composer_label,
        **typed,
    )


def _id_at(shown: list[Any], index: Any) -> str | None:
    place = index[0] if isinstance(index, list | tuple) else index
    inside = isinstance(place, int) and 0 <= place < len(shown)
    return messages.completion_id(shown[place]) if inside else None


def _welcome(words: ChatWords) -> str:
    title, text = escape(words.empty_title), escape(words.empty_text)
    return f'<div class="r-welcome"><h1>{title}</h1><p>{text}</p></div>'


def _footnote(words: ChatWords) -> str:
    return f'<p class="r-footnote">{escape(words.footnote)}</p>'
