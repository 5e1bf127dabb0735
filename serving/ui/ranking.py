"""Three or four answers side by side, each with a choice of its place.

Places are what people give: 1 is the best, and the same place twice is a tie, whichever places are
left free. Invariant: as in `arena.py`, a view tells the makers only where an order is recorded.
"""

from collections.abc import Sequence

import gradio as gr

from feedback.rankings import FEWEST, MOST
from feedback.types import Order, Ranking
from serving.ui.compare_text import ENGLISH, CompareWords
from serving.ui.safe import plain
from serving.ui.view import Ranked, View

LETTERS = "ABCD"
COUNTS = range(FEWEST, MOST + 1)


class RankingPanel:
    """The components of a ranking; built inside a `gr.Blocks`."""

    def __init__(self) -> None:
        self.slots: list[gr.Column] = []
        self.texts: list[gr.Markdown] = []
        self.places: list[gr.Radio] = []
        with gr.Column(visible=False, elem_classes="r-ranking", elem_id="ranking") as self.box:
            self.head = gr.HTML(elem_id="ranking-head", js_on_load=None)
            with gr.Row(elem_classes="r-lineup"):
                for letter in LETTERS[:MOST]:
                    self._slot(letter)
            with gr.Row(elem_classes="r-choices") as self.row:
                self.skip = gr.Button(ENGLISH.skip, size="md", elem_id="rank-skip")
                self.save = gr.Button(
                    ENGLISH.save_order, size="md", variant="primary", elem_id="rank-save"
                )

    def _slot(self, letter: str) -> None:
        with gr.Column(elem_classes="r-slot", min_width=0) as slot:
            self.slots.append(slot)
            text = gr.Markdown(
                elem_id=f"answer-{letter}", elem_classes="r-side", latex_delimiters=[],
                sanitize_html=True, line_breaks=True,
            )  # fmt: skip
            self.texts.append(text)
            place = gr.Radio(
                choices=[], label=ENGLISH.place.format(letter=letter), interactive=False,
                elem_id=f"place-{letter}", elem_classes="r-place",
            )  # fmt: skip
            self.places.append(place)

    @property
    def parts(self) -> list[gr.components.Component]:
        """All components, as outputs of a handler."""
        slots: list[gr.components.Component] = [*self.texts, *self.places]
        return [self.box, self.head, *self.slots, *slots, self.row, self.skip, self.save]

    def updates(self, view: View, words: CompareWords) -> dict[object, object]:
        """Return the new values of the components that `view` changes."""
        shown = view.ranking
        if shown is None:
            return {}
        if shown == "closed":
            return {self.box: gr.update(visible=False), **dict.fromkeys(self.texts, "")}
        new: dict[object, object] = {self.box: gr.update(visible=True)}
        if view.asked is not None or shown.state != "writing":
            new |= self._frame(shown, words)
        for i, text in enumerate(shown.texts):
            new[self.texts[i]] = f"###### {_name(shown, i, words)}\n\n{text}"
        return new

    def _frame(self, shown: Ranked, words: CompareWords) -> dict[object, object]:
        """Return all but the texts, which come piece by piece."""
        revealed, finished = shown.state == "revealed", shown.state == "finished"
        text = words.rank_text if finished else words.rank_waiting
        head = "" if revealed else _head(words.rank_title, text)
        new: dict[object, object] = {self.head: head, self.row: gr.update(visible=not revealed)}
        for i, (slot, place) in enumerate(zip(self.slots, self.places, strict=True)):
            new[slot] = gr.update(visible=i < len(shown.texts))
            new[place] = gr.update(
                choices=[(str(n), n) for n in range(1, len(shown.texts) + 1)], value=None,
                label=words.place.format(letter=LETTERS[i]), interactive=finished,
                visible=not revealed,
            )  # fmt: skip
        new[self.skip] = gr.update(value=words.skip, interactive=finished)
        new[self.save] = gr.update(value=words.save_order, interactive=finished)
        return new


def order_of(answers: Sequence[str], places: Sequence[int]) -> Order:
    """Return the order that places stand for."""
    placed = list(zip(answers, places, strict=True))
    return tuple(
        tuple(answer for answer, given in placed if given == place) for place in sorted(set(places))
    )


def places_of(ranking: Ranking) -> tuple[int, ...]:
    """Return each answer's place: one behind all that are better."""
    places, taken = dict[str, int](), 1
    for equals in ranking.order or ():
        places |= dict.fromkeys(equals, taken)
        taken += len(equals)
    return tuple(places[answer] for answer in ranking.answers)


def ranked(shown: Ranked, words: CompareWords) -> str:
    """Return the line that says how the answers were ordered, and who wrote them."""
    same = len(set(shown.makers)) == 1
    names = [
        letter if same else f"{letter} ({maker})"
        for letter, maker in zip(LETTERS, shown.makers, strict=False)
    ]
    groups = order_of(names, shown.places)
    order = " > ".join(" = ".join(equals) for equals in groups)
    if same:
        return words.ranked_same.format(order=order, maker=shown.makers[0])
    return words.ranked.format(order=order)


def _name(shown: Ranked, place: int, words: CompareWords) -> str:
    name = words.answer.format(letter=LETTERS[place])
    if shown.state != "revealed":
        return name
    given = words.ranked_place.format(place=shown.places[place])
    best = " ✓" if shown.places[place] == 1 else ""
    return f"{name} · {plain(shown.makers[place])} · {given}{best}"


def _head(title: str, text: str) -> str:
    return f'<h2 class="r-arena-title">{title}</h2><p class="r-arena-text">{text}</p>'
