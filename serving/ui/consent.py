"""The question whether a person's words may train: asked once for each text, answered at any time.

It stands above the box to type in until it is answered or put off; the drawer leads back to it.
Invariant: the question never stands in the way of asking, and what a person answered is told from
the database, not from what their browser remembers.
"""

import asyncio
from html import escape
from typing import TYPE_CHECKING, Any

import gradio as gr

from feedback.consent import Consent, Consents, Rule
from serving.errors import StorageFailed
from serving.ui.consent_text import CONSENT_WORDS, ConsentWords
from serving.ui.messages import notice
from serving.ui.text import WORDS, Language
from serving.ui.visitor import Visitor, visitor, wish

if TYPE_CHECKING:
    from serving.services import Services

_CLICKS = """
element.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-act]");
  if (button) trigger("select", { act: button.dataset.act });
});
"""
_ANSWERS: dict[str, bool | None] = {"yes": True, "no": False, "later": None}


class ConsentPanel:
    """The question, and the drawer's way to it; built inside a `gr.Blocks`, rendered by others."""

    def __init__(self) -> None:
        self.box = gr.HTML("", elem_id="consent", js_on_load=_CLICKS, render=False)
        self.entry = gr.HTML("", elem_id="drawer-consent", js_on_load=_CLICKS, render=False)

    @property
    def frame(self) -> list[gr.components.Component]:
        """What is written when the page is opened."""
        return [self.box, self.entry]


class Consenting:
    """Asks people, and records what they answer."""

    def __init__(self, services: "Services") -> None:
        self._identity, self._recorder = services.identity, services.recorder
        self._consents, self._rule = Consents(services.database), services.config.consent

    def connect(self, panel: ConsentPanel, line: gr.HTML, **quick: Any) -> None:
        """Say which handler each component calls; `line` tells people that it is saved."""
        self._panel, self._line = panel, line
        panel.box.select(self.on_answer, None, [panel.box, line], **quick)
        panel.entry.select(self.on_open, None, [panel.box], **quick)

    async def frame(self, who: Visitor, footnote: gr.HTML) -> dict[Any, Any]:
        """Return the question where it is to be asked, and what stands around it."""
        if self._rule.mode == "off":
            return {}
        given = await asyncio.to_thread(self._consents.of, who.person.id)
        words = CONSENT_WORDS[who.language]
        asks = self._rule.asks(given)
        entry = f'<button type="button" data-act="open">{escape(words.entry)}</button>'
        return {
            self._panel.box: asked(given, self._rule, who.language) if asks else "",
            self._panel.entry: entry,
            footnote: f'<p class="r-footnote">{escape(words.footnote)}</p>',
        }

    async def on_open(self, request: gr.Request) -> dict[Any, Any]:
        """Show the question again, with the present answer."""
        who = visitor(self._identity, request)
        given = await asyncio.to_thread(self._consents.of, who.person.id)
        return {self._panel.box: asked(given, self._rule, who.language, again=True)}

    async def on_answer(self, request: gr.Request, data: gr.EventData) -> dict[Any, Any]:
        """Record a yes, a no or a "not now"; closing the question after a look records nothing."""
        who, act = visitor(self._identity, request), wish(data, "act")
        if act not in _ANSWERS:
            return {self._panel.box: "", self._line: gr.skip()}
        answer = (who.person.id, _ANSWERS[act], self._rule.version, "page")
        try:
            await self._recorder.write(
                lambda store: Consents(store.database, store.clock).put(*answer)
            )
        except StorageFailed:
            problem = notice("bad", WORDS[who.language].not_saved)
            return {self._panel.box: gr.skip(), self._line: problem}
        saved = CONSENT_WORDS[who.language].saved[_ANSWERS[act]]
        return {self._panel.box: "", self._line: notice("good", saved)}


def asked(given: Consent | None, rule: Rule, language: Language, *, again: bool = False) -> str:
    """Return the question as HTML.

    Args:
        given: The person's answer so far.
        rule: What the operator demands.
        language: To write in.
        again: They opened it themselves: it says what they answered, and closes without an answer.
    """
    words = CONSENT_WORDS[language]
    points = [words.kept, words.used, words.silent.get(rule.mode, ""), words.changed]
    lines = "".join(f"<li>{escape(point)}</li>" for point in points if point)
    now = f'<p class="r-now">{escape(words.now[_now(given, rule)])}</p>' if again else ""
    return (
        '<section class="r-consent" aria-labelledby="consent-title">'
        f'<h2 id="consent-title">{escape(words.title)}</h2><ul>{lines}</ul>{now}'
        f'<div class="r-consent-acts">{_buttons(words, again=again)}</div></section>'
    )


def _now(given: Consent | None, rule: Rule) -> bool | None:
    """Return the answer that holds: a yes to another text does not, a no does."""
    if given is None or (given.agreed and given.version != rule.version):
        return None
    return given.agreed


def _buttons(words: ConsentWords, *, again: bool) -> str:
    quiet = ("close", words.close) if again else ("later", words.later)
    return "".join(
        f'<button type="button" data-act="{act}">{escape(text)}</button>'
        for act, text in (quiet, ("no", words.no), ("yes", words.yes))
    )
