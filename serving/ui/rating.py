"""A thumb, and what a person adds to it: reasons, a comment, the answer as it should have been.

Invariant: everything is bound to a completion's id, and the store checks that this person was
given that completion; what the browser sends is only a claim.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from html import escape

import gradio as gr

from feedback.types import FeedbackError
from serving.errors import StorageFailed
from serving.identity import Person
from serving.recording import Recorder
from serving.ui.messages import Conversation, excerpt, notice
from serving.ui.text import ENGLISH, ChatWords
from serving.ui.view import Rating, View


class RatingPanel:
    """The components of the panel; built inside a `gr.Blocks`."""

    def __init__(self) -> None:
        with gr.Column(visible=False, elem_classes="r-rating", elem_id="rating") as self.box:
            self.head = gr.HTML(elem_id="rating-head")
            self.reasons = gr.CheckboxGroup(
                choices=[], show_label=False, container=False, elem_id="reasons"
            )
            with gr.Row():
                self.comment = gr.Textbox(
                    label=ENGLISH.comment_label, lines=1, max_lines=6, elem_id="comment"
                )
                self.correction = gr.Textbox(
                    label=ENGLISH.correction_label, lines=1, max_lines=6, elem_id="correction"
                )
            with gr.Row(elem_classes="r-buttons"):
                self.close = gr.Button(ENGLISH.close, size="sm", elem_classes="r-quiet")
                self.save = gr.Button(
                    ENGLISH.save, size="sm", variant="primary", elem_classes="r-quiet",
                    elem_id="save-rating",
                )  # fmt: skip

    @property
    def inputs(self) -> list[gr.components.Component]:
        """What a person fills in: reasons, comment, correction."""
        return [self.reasons, self.comment, self.correction]

    @property
    def parts(self) -> list[gr.components.Component]:
        """All components, as outputs of a handler."""
        return [self.box, self.head, *self.inputs, self.close, self.save]

    def updates(self, view: View, words: ChatWords) -> dict[object, object]:
        """Return the new values of the components that `view` changes."""
        rating = view.rating
        if rating is None:
            return {}
        if rating == "closed":
            return {self.box: gr.update(visible=False)}
        liked = rating.vote.liked
        title = words.liked_title if liked else words.disliked_title
        reasons = words.liked_reasons if liked else words.disliked_reasons
        known = [reason for reason in rating.vote.reasons if reason in reasons]
        about = f"{words.about}: “{excerpt(rating.about)}”"
        return {
            self.box: gr.update(visible=True),
            self.head: f'<p class="r-rating-title">{escape(title)}</p>'
            f'<p class="r-rating-about">{escape(about)}</p>',
            self.reasons: gr.update(choices=[(v, k) for k, v in reasons.items()], value=known),
            self.comment: gr.update(
                value=rating.vote.comment, label=words.comment_label,
                placeholder=words.comment_placeholder,
            ),
            self.correction: gr.update(
                value=rating.correction, label=words.correction_label,
                placeholder=words.correction_placeholder,
            ),
            self.close: words.close,
            self.save: words.save,
        }  # fmt: skip


async def rate(
    completion_id: str | None, liked: bool | None, state: Conversation, person: Person,
    words: ChatWords, recorder: Recorder,
) -> View:  # fmt: skip
    """Record a thumb at once, or take it back, and offer to say more about it."""
    try:
        vote = await recorder.vote(completion_id or "", person.id, liked, interface="page")
    except FeedbackError:
        return View(rating="closed", notice=notice("bad", words.gone))
    except StorageFailed:
        return View(notice=notice("bad", words.not_saved))
    if vote is None:
        gone = replace(state, rated=None)
        return View(state=gone, rating="closed", notice=notice("plain", words.taken_back))
    completion = await asyncio.to_thread(recorder.store.completion, vote.completion_id)
    # While an answer is still being written its row has no text yet; then its question names it.
    about = completion and (completion.text or completion.messages[-1]["content"])
    return View(
        state=replace(state, rated=vote.completion_id),
        notice="",
        rating=Rating(about or "", vote),
    )


async def add(
    reasons: Sequence[str], comment: str, correction: str, state: Conversation, person: Person,
    words: ChatWords, recorder: Recorder,
) -> View:  # fmt: skip
    """Record what a person says beyond the thumb, about the answer they put it on.

    Where it cannot be saved the panel stays as it is, with what they wrote.
    """
    vote = None
    try:
        if state.rated is not None:
            vote = await asyncio.to_thread(recorder.store.vote, state.rated, person.id)
        if vote is None:
            return View(rating="closed", notice=notice("bad", words.gone))
        said = (vote.completion_id, person.id, vote.liked, tuple(reasons), comment.strip())
        await recorder.vote(*said, interface="page")
        if correction.strip():
            corrected = (vote.completion_id, person.id, correction.strip())
            await recorder.correct(*corrected, interface="page")
    except FeedbackError:
        return View(notice=notice("bad", words.gone))
    except StorageFailed:
        return View(notice=notice("bad", words.not_saved))
    done = replace(state, rated=None)
    return View(state=done, rating="closed", notice=notice("good", words.saved))
