"""The page for comparing: its components, and which handler each of them calls.

What a handler decides lies in `comparing.py` and comes back as a `View`. Invariant: who is asking
comes from the request's signed cookie in every handler.

Gradio reads annotations at run time: no `from __future__ import annotations` here.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from html import escape
from typing import TYPE_CHECKING, Any

import gradio as gr

from feedback.types import Outcome
from serving.ui.arena import Arena
from serving.ui.asking import Asker
from serving.ui.chat_parts import Updates, composer, composer_update
from serving.ui.compare_text import COMPARE_WORDS, PAIR_WORDS, CompareWords
from serving.ui.comparing import PAIR, Comparing
from serving.ui.document import BRAND, spoken, tab_title
from serving.ui.examples import Examples
from serving.ui.messages import Conversation
from serving.ui.ranking import COUNTS, RankingPanel
from serving.ui.sparse import Page
from serving.ui.streaming import Stops
from serving.ui.text import ENGLISH, Language
from serving.ui.view import Ranked, View
from serving.ui.visitor import Visitor, visitor, wish

if TYPE_CHECKING:
    from serving.services import Services

STREAMS = 32
"""Questions that may be answered at the same time; each by two answers or more."""
_ASK_EXAMPLE = """
element.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button) trigger("select", { text: button.innerText });
});
"""
_TO_COMPOSER = "() => { document.querySelector('#composer textarea')?.focus(); }"


def build_compare_page(services: "Services") -> gr.Blocks:
    """Build the page at `/compare`."""
    return ComparePage(services).build()


class ComparePage:
    """The page's components and what happens when they are used."""

    def __init__(self, services: "Services") -> None:
        self._identity = services.identity
        self._comparing = Comparing(services.chat, services.recorder)
        self._examples = Examples(services.config.home)
        self._stops = Stops()

    def build(self) -> gr.Blocks:
        """Lay the page out and connect it."""
        title = tab_title(COMPARE_WORDS["en"].page)
        with Page(title=title, fill_height=True, analytics_enabled=False) as page:
            self.state = gr.State(Conversation())
            with gr.Column(elem_classes="r-compare"):
                self.top = gr.HTML(_top("en"), elem_id="top", js_on_load=None)
                self.asked = gr.HTML(elem_id="asked", js_on_load=None)
                self.arena = Arena()
                self.ranking = RankingPanel()
                self.notice = gr.HTML(elem_id="notice", js_on_load=None)
                self.examples = gr.HTML(elem_id="examples", js_on_load=_ASK_EXAMPLE)
                self.count = gr.Radio(
                    [], value=PAIR, label=COMPARE_WORDS["en"].count_label, elem_id="count"
                )
                self.composer = composer(ENGLISH)
            self._connect(page)
        page.queue(default_concurrency_limit=None)
        return page

    def _connect(self, page: gr.Blocks) -> None:
        every = [
            self.state, self.asked, self.notice, self.examples, self.count, self.composer,
            *self.arena.parts, *self.ranking.parts,
        ]  # fmt: skip
        quick: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
        slow = quick | {"concurrency_limit": STREAMS, "concurrency_id": "pairs"}
        # Who asks before the page has heard that the last answer is over is not passed over.
        slow["trigger_mode"] = "always_last"
        self.composer.submit(self.on_submit, [self.composer, self.count, self.state], every, **slow)
        self.examples.select(self.on_example, [self.count, self.state], every, **slow)
        self.composer.stop(self.on_stop, None, None, **quick)
        for outcome, button in self.arena.choices.items():
            chosen = button.click(self._choosing(outcome), [self.state], every, **quick)
            chosen.then(None, None, None, js=_TO_COMPOSER)
        given = [self.state, *self.ranking.places]
        self.ranking.save.click(self.on_rank, given, every, **quick)
        self.ranking.skip.click(self.on_skip, [self.state], every, **quick)
        page.load(self.on_load, None, [*every, self.top], **quick)

    async def on_submit(
        self, text: str, count: int | None, state: Conversation, request: gr.Request
    ) -> AsyncGenerator[Updates, None]:
        """Answer what was typed, as often as was chosen."""
        async with aclosing(self._asked(text or "", count, state, request)) as updates:
            async for update in updates:
                yield update

    async def on_example(
        self, count: int | None, state: Conversation, request: gr.Request, data: gr.EventData
    ) -> AsyncGenerator[Updates, None]:
        """Answer one of the example questions, as often as was chosen."""
        async with aclosing(self._asked(wish(data, "text"), count, state, request)) as updates:
            async for update in updates:
                yield update

    async def _asked(
        self, text: str, count: int | None, state: Conversation, request: gr.Request
    ) -> AsyncGenerator[Updates, None]:
        who = visitor(self._identity, request)
        if self._stops.running(who.tab) or state.comparison or state.ranking:
            return
        asker = Asker(who.person, PAIR_WORDS[who.language], self._stops.start(who.tab))
        try:
            async with aclosing(self._comparing.ask(text, asker, count or PAIR)) as views:
                async for view in views:
                    yield self._updates(view, who)
        finally:
            self._stops.finish(who.tab)

    async def on_stop(self, request: gr.Request) -> None:
        """Stop the answers that this tab is being given."""
        self._stops.stop(visitor(self._identity, request).tab)

    def _choosing(self, outcome: Outcome) -> Callable[..., Any]:
        async def on_choice(state: Conversation, request: gr.Request) -> Updates:
            who = visitor(self._identity, request)
            words = PAIR_WORDS[who.language]
            return self._updates(
                await self._comparing.choose(outcome, state, who.person, words), who
            )

        return on_choice

    async def on_rank(
        self, state: Conversation, a: int | None, b: int | None, c: int | None, d: int | None,
        request: gr.Request,
    ) -> Updates:  # fmt: skip
        """Record the order of the answers."""
        who = visitor(self._identity, request)
        words = PAIR_WORDS[who.language]
        view = await self._comparing.rank((a, b, c, d), state, who.person, words)
        return self._updates(view, who)

    async def on_skip(self, state: Conversation, request: gr.Request) -> Updates:
        """Leave the answers unordered."""
        who = visitor(self._identity, request)
        return self._updates(self._comparing.skip(state, PAIR_WORDS[who.language]), who)

    async def on_load(self, request: gr.Request) -> Updates:
        """Write the page in the reader's language."""
        who = visitor(self._identity, request)
        words = COMPARE_WORDS[who.language]
        questions = await asyncio.to_thread(self._examples.questions, PAIR_WORDS[who.language])
        view = View(mode="idle", pair_state="closed", ranking="closed", asked="")
        return self._updates(view, who) | {
            self.top: _top(who.language),
            self.examples: _examples(questions, words),
            self.count: gr.update(
                choices=[(words.counts[count], count) for count in (PAIR, *COUNTS)], value=PAIR,
                label=words.count_label,
            ),
        }  # fmt: skip

    def _updates(self, view: View, who: Visitor) -> Updates:
        words, here = PAIR_WORDS[who.language], COMPARE_WORDS[who.language]
        new: Updates = self.arena.updates(view, words) | self.ranking.updates(view, here)
        if view.state is not None:
            new[self.state] = view.state
        if view.asked is not None:
            keys = here.rank_keys if isinstance(view.ranking, Ranked) else here.keys
            new[self.asked] = _asked(view.asked, keys, here)
        if view.notice is not None:
            new[self.notice] = view.notice
        if view.mode is not None or view.typed is not None:
            new[self.composer] = composer_update(view, words)
        if view.mode is not None:
            new[self.examples] = gr.update(visible=view.mode == "idle")
            new[self.count] = gr.update(visible=view.mode == "idle")
        return new or {self.notice: gr.skip()}


def _top(language: Language) -> str:
    words = COMPARE_WORDS[language]
    return (
        f'<div class="r-bar" {spoken(language, words.page)}>'
        f'<a class="r-brand" href="../" title="{escape(words.to_chat)}">{BRAND}</a>'
        f'<span class="r-page">{escape(words.page)}</span>'
        f'<a class="r-away" href="../">{escape(words.to_chat)}</a></div>'
    )


def _asked(text: str, keys: str, words: CompareWords) -> str:
    if not text:
        return f'<div class="r-lead"><h1>{escape(words.page)}</h1><p>{escape(words.lead)}</p></div>'
    return f'<h1 class="r-asked">{escape(text)}</h1><p class="r-keys">{escape(keys)}</p>'


def _examples(questions: list[str], words: CompareWords) -> str:
    if not questions:
        return ""
    asked = "".join(f'<button type="button">{escape(q)}</button>' for q in questions)
    return f'<p>{escape(words.next_title)}</p><div class="r-examples">{asked}</div>'
