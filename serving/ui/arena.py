"""Two answers side by side: who wrote which stays hidden until the person has chosen.

Invariant: nothing about the makers (name, sources, timing) reaches the browser before the outcome
is committed; the sides were drawn and recorded by `ChatService.pair`, not here.
"""

import asyncio
from dataclasses import replace

import gradio as gr

from feedback.types import OUTCOMES, FeedbackError, Outcome
from serving.errors import StorageFailed
from serving.identity import Person
from serving.recording import Recorder
from serving.ui import messages
from serving.ui.asking import Asking
from serving.ui.messages import Conversation, notice
from serving.ui.safe import plain
from serving.ui.text import ENGLISH, ChatWords
from serving.ui.view import View


class Arena:
    """The components of a pair; built inside a `gr.Blocks`."""

    def __init__(self) -> None:
        with gr.Column(visible=False, elem_classes="r-arena", elem_id="arena") as self.box:
            self.head = gr.HTML(elem_id="arena-head")
            with gr.Row(elem_classes="r-sides", equal_height=True):
                self.left = self._side("left")
                self.right = self._side("right")
            with gr.Row(elem_classes="r-choices") as self.row:
                self.choices: dict[Outcome, gr.Button] = {
                    outcome: gr.Button(
                        getattr(ENGLISH, outcome), size="md", interactive=False, min_width=120,
                        elem_id=f"choose-{outcome}",
                        variant="primary" if outcome in {"left", "right"} else "secondary",
                    )
                    for outcome in OUTCOMES
                }  # fmt: skip

    @staticmethod
    def _side(name: str) -> gr.Markdown:
        return gr.Markdown(
            elem_id=f"side-{name}", elem_classes=f"r-side r-{name}", latex_delimiters=[],
            sanitize_html=True, line_breaks=True,
        )  # fmt: skip

    @property
    def parts(self) -> list[gr.components.Component]:
        """All components, as outputs of a handler."""
        sides = [self.left, self.right]
        return [self.box, self.head, *sides, self.row, *self.choices.values()]

    def updates(self, view: View, words: ChatWords) -> dict[object, object]:
        """Return the new values of the components that `view` changes."""
        if view.pair_state == "closed":
            return {self.box: gr.update(visible=False), self.left: "", self.right: ""}
        new: dict[object, object] = {}
        if view.pair is not None:
            names = [words.answer_a, words.answer_b]
            if view.makers is not None:
                said = zip(names, view.makers, ("left", "right"), strict=True)
                names = [
                    f"{name} · {plain(maker)}{' ✓' if side == view.outcome else ''}"
                    for name, maker, side in said
                ]
            sides = zip((self.left, self.right), names, view.pair, strict=True)
            new |= {side: f"###### {name}\n\n{text}" for side, name, text in sides}
        if view.pair_state is not None:
            finished = view.pair_state == "finished"
            below = words.pair_waiting if view.pair_state == "writing" else words.pair_text
            revealed = view.pair_state == "revealed"
            head = "" if revealed else _head(words.pair_title, below)
            new |= {self.box: gr.update(visible=True), self.head: head}
            new[self.row] = gr.update(visible=not revealed)
            new |= {
                button: gr.update(value=getattr(words, outcome), interactive=finished)
                for outcome, button in self.choices.items()
            }
        return new


async def choose(
    outcome: Outcome, state: Conversation, person: Person, words: ChatWords,
    asking: Asking, recorder: Recorder,
) -> View:  # fmt: skip
    """Record which side a person found better, then say who was who and go on with the choice."""
    if state.comparison is None:
        return View()
    try:
        decided = await recorder.choose(state.comparison, person.id, outcome, interface="page")
    except FeedbackError:
        state, line = replace(state, comparison=None), notice("bad", words.gone)
        return View(state=state, mode="idle", pair_state="closed", notice=line)
    except StorageFailed:
        return View(notice=notice("bad", words.not_saved))
    sides = (decided.left_id, decided.right_id)
    left, right = [await asyncio.to_thread(recorder.store.completion, side) for side in sides]
    chosen = decided.right_id if outcome == "right" else decided.left_id
    state = replace(state, turns=(*state.turns, chosen), comparison=None)
    who = [side.responder if side else "–" for side in (left, right)]
    settled = await asking.settled(await asking.turns(state, person), words, person)
    line = messages.revealed(outcome, who[0], who[1], words)
    return replace(settled, state=state, notice=line, pair_state="closed")


def _head(title: str, text: str) -> str:
    return f'<h2 class="r-arena-title">{title}</h2><p class="r-arena-text">{text}</p>'
