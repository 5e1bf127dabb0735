"""The components of the chat page, and how a view changes them.

Invariant: nothing here decides anything; what is shown is a function of the view and the language.
"""

from html import escape
from typing import Any

import gradio as gr

from serving.ui.arena import Arena
from serving.ui.asking import LONGEST_QUESTION
from serving.ui.consent import ConsentPanel
from serving.ui.document import BRAND, spoken
from serving.ui.drawer import Drawer
from serving.ui.drawer_text import DRAWER_WORDS
from serving.ui.messages import Conversation
from serving.ui.rating import RatingPanel
from serving.ui.text import ENGLISH, WORDS, ChatWords, Language
from serving.ui.view import View

Updates = dict[Any, Any]
"""New values by component: what a handler hands to Gradio."""


class ChatParts:
    """Everything that is seen of the page; built inside a `gr.Blocks`."""

    def __init__(self) -> None:
        self.state = gr.State(Conversation())
        self.address = gr.Textbox("", visible="hidden", elem_id="address")
        self.new = gr.Button(
            ENGLISH.new_chat, size="sm", variant="primary", elem_id="new-chat", render=False
        )
        with gr.Row(elem_classes="r-shell"):
            self.consent = ConsentPanel()
            self.drawer = Drawer(self.new, self.consent.entry)
            with gr.Column(elem_classes="r-chat", scale=1):
                self.top = gr.HTML(_top("en"), elem_id="top", js_on_load=None)
                self.chat = gr.Chatbot(
                    elem_id="chat", elem_classes="r-log", show_label=False, container=False,
                    layout="bubble", scale=1, height="100%", buttons=["copy"], editable="user",
                    sanitize_html=True, allow_tags=False, latex_delimiters=[],
                    feedback_options=["Like", "Dislike"], placeholder=_welcome(ENGLISH),
                )  # fmt: skip
                self.arena = Arena()
                self.rating = RatingPanel()
                self.notice = gr.HTML(elem_id="notice", js_on_load=None)
                self.consent.box.render()
                self.composer = composer(ENGLISH)
                self.footnote = gr.HTML(_footnote(ENGLISH), elem_id="footnote", js_on_load=None)

    @property
    def all(self) -> list[gr.components.Component]:
        """What a handler may change."""
        return [
            self.state, self.address, self.chat, self.composer, self.notice,
            *self.drawer.parts, *self.arena.parts, *self.rating.parts,
        ]  # fmt: skip

    @property
    def frame(self) -> list[gr.components.Component]:
        """What only changes with the language."""
        return [self.top, self.new, self.footnote, *self.consent.frame, *self.drawer.frame]

    def updates(self, view: View, language: Language) -> Updates:
        """Return the new values of the components that `view` changes."""
        words = WORDS[language]
        new: Updates = {
            **self.arena.updates(view, words),
            **self.rating.updates(view, words),
            **self.drawer.updates(view, language),
        }
        if view.state is not None:
            new |= {self.state: view.state, self.address: view.state.id or ""}
        if view.thumbs is not None:
            value = {} if view.chat is None else {"value": view.chat}
            new[self.chat] = gr.update(feedback_value=view.thumbs, **value)
        elif view.chat is not None:
            # The value alone: for an update Gradio would build the component anew each time.
            new[self.chat] = view.chat
        if view.notice is not None:
            new[self.notice] = view.notice
        if view.mode is not None or view.typed is not None:
            new[self.composer] = composer_update(view, words)
        return new or {self.notice: gr.skip()}

    def in_language(self, language: Language, examples: list[str]) -> Updates:
        """Return the page's frame in a language."""
        words = WORDS[language]
        return {
            self.chat: gr.update(
                placeholder=_welcome(words), examples=[{"text": text} for text in examples]
            ),
            self.top: _top(language),
            self.new: words.new_chat,
            self.footnote: _footnote(words),
            **self.drawer.in_language(language),
        }


def composer(words: ChatWords) -> gr.Textbox:
    """Return the box to type in."""
    return gr.Textbox(
        placeholder=words.composer_placeholder, label=words.composer_label, show_label=False,
        container=False, lines=1, max_lines=8, submit_btn=True, autofocus=True,
        max_length=LONGEST_QUESTION * 2, elem_id="composer",
    )  # fmt: skip


def composer_update(view: View, words: ChatWords) -> Any:
    """Return the new state of the box to type in."""
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


def _top(language: Language) -> str:
    menu = escape(DRAWER_WORDS[language].menu)
    return (
        f'<div class="r-bar" {spoken(language)}><span id="menu">'
        f'<button type="button" aria-label="{menu}" title="{menu}" aria-controls="drawer">'
        f"{_LINES}</button></span>"
        f'<div class="r-brand">{BRAND}</div></div>'
    )


_LINES = (
    '<svg viewBox="0 0 20 20" aria-hidden="true" fill="none" stroke="currentColor" '
    'stroke-width="1.6" stroke-linecap="round"><path d="M3 6h14M3 10h14M3 14h9"/></svg>'
)


def _welcome(words: ChatWords) -> str:
    title, text = escape(words.empty_title), escape(words.empty_text)
    return f'<div class="r-welcome"><h1>{title}</h1><p>{text}</p></div>'


def _footnote(words: ChatWords) -> str:
    return f'<p class="r-footnote">{escape(words.footnote)}</p>'
