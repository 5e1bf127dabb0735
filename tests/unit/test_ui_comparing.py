"""Comparing on purpose: blind until the choice or the order is on disk, then who was who."""

import asyncio
from typing import Any

import pytest

from feedback.rankings import Rankings
from feedback.store import FeedbackStore
from feedback.types import Ranking
from serving.errors import EngineUnavailable
from serving.recording import Recorder
from serving.ui.asking import LONGEST_QUESTION, Asker
from serving.ui.compare_text import COMPARE_WORDS, PAIR_WORDS
from serving.ui.comparing import Comparing
from serving.ui.messages import Conversation
from serving.ui.ranking import order_of, places_of, ranked
from serving.ui.view import Ranked, View
from tests.unit.test_ui_asking import ANN, BOB, ScriptedChat, chat, store

__all__ = ["chat", "store"]
WORDS = PAIR_WORDS["en"]


async def asked(
    chat: ScriptedChat, store: FeedbackStore, text: str, count: int = 2
) -> tuple[Comparing, list[View]]:
    comparing = Comparing(chat, Recorder(store))  # type: ignore[arg-type]
    asker = Asker(ANN, WORDS, asyncio.Event())
    return comparing, [view async for view in comparing.ask(text, asker, count)]


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


def ranking_in(views: list[View]) -> Ranked:
    shown = next(view.ranking for view in reversed(views) if view.ranking is not None)
    assert isinstance(shown, Ranked)
    return shown


@pytest.mark.parametrize("count", [3, 4])
async def test_a_ranking_is_blind_until_its_order_is_recorded(
    chat: ScriptedChat, store: FeedbackStore, count: int
) -> None:
    comparing, views = await asked(chat, store, "How long?", count)
    assert (views[0].mode, views[0].pair_state) == ("busy", "closed")
    assert (views[-1].mode, ranking_in(views).state) == ("choose", "finished")
    assert len(ranking_in(views).texts) == count
    for secret in ("ratchet-0001", "'rag'", "secret source"):
        assert secret not in repr(views)
    state = state_of(views)
    opened = Rankings(store.database).get(state.ranking or "")
    assert opened is not None
    assert opened.order is None
    view = await comparing.rank((2, 1, 2, 4), state, ANN, WORDS)
    recorded = Rankings(store.database).get(opened.id)
    assert recorded is not None
    a, b, c, *d = opened.answers
    assert recorded.order == ((b,), (a, c), *((last,) for last in d))
    shown = ranking_in([view])
    assert shown.makers == ("rag", "ratchet-0001+rag", "base", "rag")[:count]
    assert shown.places == (2, 1, 2, 4)[:count]
    assert "B (ratchet-0001+rag) &gt; A (rag) = C (base)" in (view.notice or "")
    assert (view.mode, view.state) == ("idle", Conversation(state.id))


async def test_nobody_ranks_anothers_answers_or_half_of_them(
    chat: ScriptedChat, store: FeedbackStore
) -> None:
    comparing, views = await asked(chat, store, "How long?", 3)
    state = state_of(views)
    view = await comparing.rank((1, None, 2, None), state, ANN, WORDS)
    assert COMPARE_WORDS["en"].place_missing in (view.notice or "")
    assert (view.state, view.ranking) == (None, None)
    view = await comparing.rank((1, 2, 3, None), state, BOB, WORDS)
    assert WORDS.gone in (view.notice or "")
    assert view.ranking == "closed"
    recorded = Rankings(store.database).get(state.ranking or "")
    assert recorded is not None
    assert recorded.order is None


async def test_who_skips_records_nothing_and_learns_nothing(
    chat: ScriptedChat, store: FeedbackStore
) -> None:
    comparing, views = await asked(chat, store, "How long?", 3)
    state = state_of(views)
    view = comparing.skip(state, WORDS)
    assert (view.ranking, view.mode) == ("closed", "idle")
    assert "rag" not in repr(view)
    assert list(Rankings(store.database).iter()) == []
    assert view.state is not None
    assert comparing.skip(view.state, WORDS) == View()
    assert await comparing.rank((1, 2, 3), view.state, ANN, WORDS) == View()


@pytest.mark.parametrize(
    ("given", "order", "places"),
    [
        ((1, 2, 3), (("a",), ("b",), ("c",)), (1, 2, 3)),
        ((3, 1, 3), (("b",), ("a", "c")), (2, 1, 2)),
        ((2, 2, 2), (("a", "b", "c"),), (1, 1, 1)),
    ],
)
def test_places_are_an_order_whichever_are_left_free(
    given: tuple[int, ...], order: Any, places: tuple[int, ...]
) -> None:
    answers = ("a", "b", "c")
    assert order_of(answers, given) == order
    assert places_of(Ranking("rnk-1", "web-ann", answers, order)) == places


def test_one_responder_behind_all_answers_is_said_once() -> None:
    shown = Ranked(texts=("", "", ""), state="revealed", places=(1, 2, 2), makers=("rag",) * 3)
    said = ranked(shown, COMPARE_WORDS["en"])
    assert "A > B = C." in said
    assert said.count("rag") == 1


@pytest.mark.parametrize("count", [2, 3])
async def test_a_question_without_answers_is_given_back(
    chat: ScriptedChat, store: FeedbackStore, count: int
) -> None:
    chat.error = EngineUnavailable("down", 7)
    _, views = await asked(chat, store, "How long?", count)
    assert (views[-1].typed, views[-1].mode) == ("How long?", "idle")
    assert (views[-1].pair_state, views[-1].ranking) == ("closed", "closed")
    assert store.counts().completions == 0


@pytest.mark.parametrize("text", ["", "  ", "x" * (LONGEST_QUESTION + 1)])
async def test_what_cannot_be_asked_is_said_and_kept(
    chat: ScriptedChat, store: FeedbackStore, text: Any
) -> None:
    _, (view,) = await asked(chat, store, text)
    assert view.notice
    assert view.typed is None
    assert not chat.requests
