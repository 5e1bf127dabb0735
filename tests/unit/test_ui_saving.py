"""What people say on a page: counted when it is on disk; where it cannot be kept, said and kept."""

import threading
from collections.abc import AsyncGenerator, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from feedback.conversations import Conversations
from feedback.implied import signals
from feedback.rankings import Rankings
from serving.app import assemble
from serving.services import Services
from serving.ui import rating
from serving.ui.arena import choose
from serving.ui.asking import Asking
from serving.ui.chat import ChatPage
from serving.ui.comparing import Comparing
from serving.ui.drawer import Keeping
from serving.ui.messages import Conversation
from serving.ui.text import WORDS, Language
from serving.ui.view import View
from serving.ui.visitor import Visitor
from tests.serving_kit import Loop, config_for, database_in, held
from tests.unit.test_ui_asking import ANN, ScriptedChat, Tab


class Pages:
    """The chat page and the page for comparing, with an answer, a pair and a ranking on them."""

    def __init__(self, services: Services) -> None:
        self.services, self.recorder, self.store = services, services.recorder, services.store
        self.chat: Any = ScriptedChat(services.store)
        kept = Conversations(services.database)
        self.asking = Asking(self.chat, services.store, kept, 0.0)
        self.comparing = Comparing(self.chat, services.recorder)
        self.keeping = Keeping(kept, self.asking, services.recorder)

    async def answered(self, *, paired: bool = False) -> Conversation:
        self.chat.paired, tab = paired, Tab(self.asking)
        await tab.ask("How long?")
        return tab.state

    async def ranked(self) -> Conversation:
        tab = Tab(self.asking)
        await tab.see(self.comparing.ask("How long?", tab.asker, 3))
        return tab.state

    def counted(self) -> dict[str, float]:
        lines = self.services.metrics.text(None, {}).decode().splitlines()
        found = [line for line in lines if line.startswith("ratchet_feedback_total{")]
        return {line.split('"')[1]: float(line.split()[-1]) for line in found}


@pytest.fixture
def pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pages]:
    monkeypatch.setattr("feedback.engines.BUSY_SECONDS", 0.1)
    database = database_in(tmp_path)
    yield Pages(assemble(config_for(tmp_path), database, Loop()))
    database.dispose()


async def test_what_is_said_on_a_page_is_counted_like_what_comes_over_the_api(pages: Pages) -> None:
    words, state = WORDS["en"], await pages.answered()
    rated = (
        await rating.rate(state.turns[0], False, state, ANN, words, pages.recorder)
    ).state or state
    assert pages.counted() == {"vote": 1}
    await rating.add([], "no", "45 days", rated, ANN, words, pages.recorder)
    assert pages.counted() == {"vote": 2, "correction": 1}
    pair = await pages.answered(paired=True)
    await choose("left", pair, ANN, words, pages.asking, pages.recorder)
    await pages.comparing.rank((1, 2, 3), await pages.ranked(), ANN, words)
    assert pages.counted() == {"vote": 2, "correction": 1, "comparison": 1, "ranking": 1}
    await rating.rate("chatcmpl-999", True, state, ANN, words, pages.recorder)
    assert pages.counted()["vote"] == 2


def only_said(view: View, language: Language) -> None:
    """Nothing on the page changes, what was typed included; a line says that it is not saved."""
    assert WORDS[language].not_saved in (view.notice or "")
    assert 'role="alert"' in (view.notice or "")
    assert replace(view, notice=None) == View()


@pytest.mark.parametrize("language", ["en", "ko"])
async def test_what_cannot_be_saved_is_said_and_stays_on_the_page(
    pages: Pages, language: Language
) -> None:
    words, answered = WORDS[language], await pages.answered()
    answer = answered.turns[0]
    state = (await rating.rate(answer, False, answered, ANN, words, pages.recorder)).state
    pair, ranking = await pages.answered(paired=True), await pages.ranked()
    assert state is not None
    said = (["wrong"], "a comment", "45 days", state, ANN, words, pages.recorder)
    with held(pages.services.database):
        only_said(await rating.rate(answer, True, state, ANN, words, pages.recorder), language)
        only_said(await rating.add(*said), language)
        only_said(await choose("left", pair, ANN, words, pages.asking, pages.recorder), language)
        only_said(await pages.comparing.choose("left", pair, ANN, words), language)
        only_said(await pages.comparing.rank((1, 2, 3), ranking, ANN, words), language)
        kept = pages.keeping
        assert await kept.rename(state.id or "", "New", ANN, language) == words.not_saved
        assert await kept.delete(state.id or "", ANN, language) == words.not_saved
    assert pages.counted() == {"vote": 1}
    assert not list(pages.store.iter_corrections())
    # The same once more, now that it can be saved.
    assert (await rating.add(*said)).rating == "closed"
    await choose("left", pair, ANN, words, pages.asking, pages.recorder)
    await pages.comparing.rank((1, 2, 3), ranking, ANN, words)
    assert pages.store.counts().corrections == pages.store.counts().comparisons == 1
    recorded = Rankings(pages.services.database).get(ranking.ranking or "")
    assert recorded is not None
    assert recorded.order is not None


async def test_who_edits_a_question_does_not_wait_for_what_that_implies(
    pages: Pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    turn = (await pages.answered()).turns[-1]
    page = ChatPage(pages.services)
    page.build()

    async def edited(*_: object) -> AsyncGenerator[View, None]:
        yield View(notice="asked")

    ann = Visitor(ANN, "en", "tab")
    for module in ("chat", "implied"):
        monkeypatch.setattr(f"serving.ui.{module}.visitor", lambda *_: ann)
    monkeypatch.setattr(page._asking, "edited", edited)
    monkeypatch.setattr("serving.ui.messages.completion_at", lambda *_: turn)
    go_on = threading.Event()
    pages.store.database.submit(lambda _: go_on.wait(20))
    request: Any = None
    data: Any = SimpleNamespace(index=0, value="Uno?")
    updates = page.on_edit([], Conversation(), request, data)
    await anext(updates)
    assert list(signals(pages.store.database)) == []
    go_on.set()
    await updates.aclose()
    await pages.recorder.drain()
    assert [s.completion_id for s in signals(pages.store.database)] == [turn]
