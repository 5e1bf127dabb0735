"""Comparing on purpose: blind until the choice is on disk, then who was who."""

import asyncio
from typing import Any

import pytest

from feedback.store import FeedbackStore
from serving.errors import EngineUnavailable
from serving.ui.asking import LONGEST_QUESTION, Asker
from serving.ui.compare_text import PAIR_WORDS
from serving.ui.comparing import Comparing
from serving.ui.messages import Conversation
from serving.ui.view import View
from tests.unit.test_ui_asking import ANN, BOB, ScriptedChat, chat, store

__all__ = ["chat", "store"]
WORDS = PAIR_WORDS["en"]


async def asked(
    chat: ScriptedChat, store: FeedbackStore, text: str
) -> tuple[Comparing, list[View]]:
    comparing = Comparing(chat, store)  # type: ignore[arg-type]
    asker = Asker(ANN, WORDS, asyncio.Event())
    return comparing, [view async for view in comparing.ask(text, asker)]


def state_of(views: list[View]) -> Conversation:
    return next(view.state for view in views if view.state is not None)


async def test_a_pair_is_blind_until_its_outcome_is_recorded(
    chat: ScriptedChat, store: FeedbackStore
) -> None:
    comparing, views = await asked(chat, store, " How long? ")
    assert (views[0].asked, views[0].mode) == ("How long?", "busy")
    assert (views[-1].mode, views[-1].pair_state) == ("choose", "finished")
    for secret in ("ratchet-0001", "'rag'", "secret source"):
        assert secret not in repr(views)
    state = state_of(views)
    view = await comparing.choose("right", state, ANN, WORDS)
    decided = store.comparison(state.comparison or "")
    assert decided is not None
    assert decided.outcome == "right"
    assert view.makers == ("rag", "ratchet-0001+rag")
    assert view.pair_state == "revealed"
    assert view.mode == "idle"
    assert view.state is not None
    assert view.state.comparison is None
    assert "You chose B." in (view.notice or "")


async def test_nobody_decides_anothers_pair_and_nobody_decides_twice(
    chat: ScriptedChat, store: FeedbackStore
) -> None:
    comparing, views = await asked(chat, store, "How long?")
    state = state_of(views)
    view = await comparing.choose("left", state, BOB, WORDS)
    assert view.makers is None
    assert WORDS.gone in (view.notice or "")
    view = await comparing.choose("left", state, ANN, WORDS)
    assert view.state is not None
    assert await comparing.choose("right", view.state, ANN, WORDS) == View()


async def test_a_question_without_answers_is_given_back(
    chat: ScriptedChat, store: FeedbackStore
) -> None:
    chat.error = EngineUnavailable("down", 7)
    _, views = await asked(chat, store, "How long?")
    assert views[-1].typed == "How long?"
    assert (views[-1].mode, views[-1].pair_state) == ("idle", "closed")
    assert store.counts().completions == 0


@pytest.mark.parametrize("text", ["", "  ", "x" * (LONGEST_QUESTION + 1)])
async def test_what_cannot_be_asked_is_said_and_kept(
    chat: ScriptedChat, store: FeedbackStore, text: Any
) -> None:
    _, (view,) = await asked(chat, store, text)
    assert view.notice
    assert view.typed is None
    assert not chat.requests
