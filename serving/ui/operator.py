"""The operator's page: whether all is well, what the loop does, and the levers.

Every two seconds the board is read again, and only the sections that changed are sent. Invariant:
each handler asks the request's cookie for the operator's role first; mounting the page behind a
login is a second wall, not the first.

Gradio reads annotations at run time: no `from __future__ import annotations` here.
"""

import asyncio
from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING, Any

import gradio as gr

from serving.errors import ServingError
from serving.ui import cycle_panels, panels
from serving.ui.board import Board, offers, read_board
from serving.ui.document import BRAND, spoken, tab_title
from serving.ui.lever_text import ENGLISH as LEVERS
from serving.ui.lever_text import LEVER_WORDS, LeverWords
from serving.ui.messages import notice
from serving.ui.operator_text import ENGLISH, OPERATOR_WORDS, OperatorWords
from serving.ui.sparse import Page
from serving.ui.visitor import language, operator

if TYPE_CHECKING:
    from serving.services import Services

LOOK_SECONDS = 2.0
ACTIONS = ("cycle", "promote", "rollback", "hold", "resume")
Updates = dict[Any, Any]
"""New values by component: what a handler hands to Gradio."""
SECTIONS: dict[str, Callable[[Board, OperatorWords], str]] = {
    "glance": panels.glance,
    "cards": panels.cards,
    "cycle": lambda board, words: cycle_panels.cycle(
        board.cycles[0] if board.cycles else None, board.now, words
    ),
    "earlier": lambda board, words: cycle_panels.earlier(board.cycles[1:], board.now, words),
    "gate": lambda board, words: cycle_panels.gate(board.judged, words),
    "votes": lambda board, words: panels.votes(board.votes, words),
    "history": panels.history,
}


def build_operator_page(services: "Services") -> gr.Blocks:
    """Build the page at `/operator/`."""
    return OperatorPage(services).build()


class OperatorPage:
    """The page's components and what happens when they are used."""

    def __init__(self, services: "Services") -> None:
        self._services = services

    def build(self) -> gr.Blocks:
        """Lay the page out and connect it."""
        with Page(title=tab_title(ENGLISH.page), analytics_enabled=False) as page:
            self.seen = gr.State({})
            self.action = gr.State("")
            self.timer = gr.Timer(LOOK_SECONDS)
            with gr.Column(elem_classes="r-operator"):
                self.top = gr.HTML(_top(ENGLISH), elem_classes="r-top")
                self.sections = {"glance": gr.HTML(elem_id="glance")}
                with gr.Row(elem_classes="r-levers"):
                    self.levers = {
                        name: gr.Button(
                            LEVERS.actions[name], size="sm", elem_classes="r-quiet",
                            elem_id=f"lever-{name}",
                            variant="primary" if name == "cycle" else "secondary",
                        )
                        for name in ACTIONS
                    }  # fmt: skip
                self.said = gr.HTML(elem_id="notice")
                self._confirmation()
                self.sections["cards"] = gr.HTML(elem_id="cards")
                self.titles = {}
                for name in ("cycle", "gate", "votes", "history"):
                    with gr.Column(elem_classes="r-section"):
                        self.titles[name] = gr.HTML(_title(name, ENGLISH))
                        self.sections[name] = gr.HTML(elem_id=f"section-{name}")
                        if name == "cycle":
                            self.sections["earlier"] = gr.HTML(elem_id="section-earlier")
            self._connect(page)
        page.queue(default_concurrency_limit=None)
        return page

    def _confirmation(self) -> None:
        with gr.Column(visible=False, elem_id="confirm", elem_classes="r-confirm") as self.box:
            self.explanation = gr.HTML(elem_id="explanation")
            self.responder = gr.Dropdown(
                choices=[], label=LEVERS.responder, elem_id="responder", visible=False
            )
            self.method = gr.Radio(choices=[], label=LEVERS.method, visible=False)
            self.force = gr.Checkbox(label=LEVERS.force, visible=False, elem_id="force")
            self.reason = gr.Textbox(
                label=LEVERS.reason, lines=1, max_lines=4, max_length=2000, elem_id="reason"
            )
            with gr.Row(elem_classes="r-buttons"):
                self.cancel = gr.Button(LEVERS.cancel, size="sm", elem_classes="r-quiet")
                self.confirm = gr.Button(
                    LEVERS.confirm, size="sm", variant="primary", elem_classes="r-quiet",
                    elem_id="confirm-action",
                )  # fmt: skip

    def _connect(self, page: gr.Blocks) -> None:
        quick: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
        board = [self.seen, self.said, *self.sections.values(), *self.levers.values()]
        form = [
            self.action, self.box, self.explanation, self.responder, self.method, self.force,
            self.reason, self.cancel, self.confirm,
        ]  # fmt: skip
        texts = [self.top, *self.titles.values()]
        page.load(self.on_load, None, [*board, *texts], **quick)
        self.timer.tick(self.on_look, [self.seen], board, **quick)
        for name, lever in self.levers.items():
            lever.click(self._asking(name), None, [*form, self.said], **quick)
        self.cancel.click(self.on_cancel, None, [self.action, self.box], **quick)
        asked = [self.action, self.responder, self.method, self.force, self.reason, self.seen]
        self.confirm.click(self.on_confirm, asked, [*form, *board], **quick)

    # Looking

    async def on_load(self, request: gr.Request) -> Updates:
        """Write the page in the reader's language and show everything."""
        words, levers = OPERATOR_WORDS[language(request)], LEVER_WORDS[language(request)]
        shown = await self._look({}, request)
        for name, lever in self.levers.items():
            shown[lever] = gr.update(**shown.get(lever, {}), value=levers.actions[name])
        return shown | {
            self.top: _top(words),
            **{part: _title(name, words) for name, part in self.titles.items()},
        }

    async def on_look(self, seen: dict[str, str], request: gr.Request) -> Updates:
        """Show what has changed."""
        return await self._look(seen, request)

    async def _look(self, seen: dict[str, str], request: gr.Request) -> Updates:
        words = OPERATOR_WORDS[language(request)]
        try:
            operator(self._services.identity, request)
        except ServingError:
            empty: Updates = dict.fromkeys(self.sections.values(), "")
            return empty | {self.seen: {}, self.said: notice("bad", words.forbidden)}
        board = await asyncio.to_thread(read_board, self._services)
        now = {name: section(board, words) for name, section in SECTIONS.items()}
        changed = {self.sections[n]: html for n, html in now.items() if seen.get(n) != html}
        return {self.seen: now, **changed, **self._fitting_levers(board)}

    def _fitting_levers(self, board: Board) -> Updates:
        """Offer only what can be done now."""
        fits = {"hold": board.held is None, "resume": board.held is not None}
        fits["rollback"] = board.previous is not None
        return {self.levers[name]: gr.update(visible=fit) for name, fit in fits.items()}

    # Acting

    def _asking(self, name: str) -> Callable[..., Any]:
        async def on_lever(request: gr.Request) -> Updates:
            who = operator(self._services.identity, request)
            words = LEVER_WORDS[who.language]
            board = await asyncio.to_thread(read_board, self._services)
            if name == "rollback" and board.previous is None:
                return {
                    self.box: gr.update(visible=False),
                    self.said: notice("wait", words.nothing_below),
                }
            return await self._form(name, board, words)

        return on_lever

    async def _form(self, name: str, board: Board, words: LeverWords) -> Updates:
        below = board.previous.responder if board.previous else "–"
        title = words.actions[name].removesuffix(" …")
        told = words.explain[name].format(live=board.live.responder, previous=below)
        found = await asyncio.to_thread(offers, self._services) if name == "promote" else []
        said = {True: words.passed, False: words.not_passed}
        choices = [(f"{o.responder} ({said[o.eligible]})", o.responder) for o in found]
        first = next((o.responder for o in found if o.eligible), None)
        methods = [(label, method) for method, label in words.methods.items()]
        return {
            self.action: name,
            self.said: "",
            self.box: gr.update(visible=True),
            self.explanation: f"<h3>{escape(title)}</h3><p>{escape(told)}</p>",
            self.responder: gr.update(
                choices=choices, value=first, label=words.responder, visible=name == "promote"
            ),
            self.method: gr.update(
                choices=methods, value="auto", label=words.method, visible=name == "cycle"
            ),
            self.force: gr.update(value=False, label=words.force, visible=name == "promote"),
            self.reason: gr.update(
                value="", label=words.reason, placeholder=words.reason_placeholder,
                visible=name != "cycle",
            ),
            self.cancel: words.cancel,
            self.confirm: words.confirm,
        }  # fmt: skip

    async def on_cancel(self, request: gr.Request) -> Updates:
        """Do nothing after all."""
        operator(self._services.identity, request)
        return {self.action: "", self.box: gr.update(visible=False)}

    async def on_confirm(
        self, name: str, responder: str | None, method: str | None, force: bool, reason: str,
        seen: dict[str, str], request: gr.Request,
    ) -> Updates:  # fmt: skip
        """Do what was asked, and show what it did."""
        who = operator(self._services.identity, request)
        words, reason = LEVER_WORDS[who.language], (reason or "").strip()
        if name not in ACTIONS:
            return {self.box: gr.update(visible=False)}
        if name != "cycle" and not reason:
            return {self.said: notice("wait", words.reason_needed)}
        try:
            done = await self._act(
                name, responder or "", method or "auto", bool(force), reason, who.person.id
            )
        except (ServingError, ValueError) as err:
            return {self.said: notice("bad", words.refused.format(reason=err))}
        live = await asyncio.to_thread(self._services.registry.live)
        text = words.done[name].format(live=live, number=done)
        shown = await self._look(seen, request)
        return {
            **shown,
            self.action: "",
            self.box: gr.update(visible=False),
            self.said: notice("good", text),
        }

    async def _act(
        self, name: str, responder: str, method: str, force: bool, reason: str, actor: str
    ) -> int | None:
        registry, promotions = self._services.registry, self._services.promotions
        if name == "cycle":
            return await asyncio.to_thread(self._services.loop.request_cycle, method, actor)
        if name == "promote":
            await promotions.promote(responder, reason=reason, actor=actor, force=force)
        elif name == "rollback":
            await promotions.rollback(reason=reason, actor=actor)
        elif name == "hold":
            await asyncio.to_thread(registry.hold, reason=reason, actor=actor)
        else:
            await asyncio.to_thread(registry.resume, reason=reason, actor=actor)
        return None


def _top(words: OperatorWords) -> str:
    return (
        f'<div class="r-brand" {spoken(words.language, words.page)}>{BRAND}'
        f'<span class="r-page">{escape(words.page)}</span>'
        f'<a class="r-to" href="/operator/feedback">{escape(words.to_feedback)}</a></div>'
    )


def _title(name: str, words: OperatorWords) -> str:
    return f'<h3 class="r-title">{escape(getattr(words, f"{name}_title"))}</h3>'
