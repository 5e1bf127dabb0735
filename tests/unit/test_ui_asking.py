"""Asking, asking again, editing, pairs and votes, with the real store and a scripted chat."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from feedback.conversations import Conversations
from feedback.database import Database, default_url
from feedback.rankings import Rankings
from feedback.store import FeedbackStore
from feedback.types import Comparison, Completion, Ranking
from serving.chat import ChatRequest, Delta, Done, Lineup, Pair, Step
from serving.errors import EngineCut, EngineUnavailable, TooManyRequests
from serving.identity import Person
from serving.recording import Recorder
from serving.ui import rating
from serving.ui.arena import choose
from serving.ui.asking import LONGEST_QUESTION, Asker, Asking
from serving.ui.messages import Conversation, completion_id
from serving.ui.text import ENGLISH
from serving.ui.view import Rating, View

ANN, BOB = Person("web-ann"), Person("web-bob")


class ScriptedTurn:
    """An answer of a few words, recorded as ChatService records it."""

    def __init__(self, store: FeedbackStore, row: Completion, chat: "ScriptedChat") -> None:
        self.id, self.conversation, self.responder = row.id, row.conversation, row.responder
        self.passages = row.passages
        self._store, self._chat, self._text, self._ended = store, chat, "", False

    async def __aiter__(self) -> AsyncIterator[Delta | Step | Done]:
        for step in self._chat.steps:
            yield step
        for i, word in enumerate(self._chat.words):
            if i == self._chat.dies_after:
                self._close("failed")
                raise EngineCut("the engine died")
            await asyncio.sleep(self._chat.pause)
            self._text += word
            yield Delta(0, word)
        self._close("complete")
        yield Done(("stop",), 1, 1)

    async def aclose(self) -> None:
        if not self._ended:
            self._close("cut")

    def _close(self, status: Any) -> None:
        self._ended = True
        self._store.close_completion(self.id, text=self._text, status=status)


class ScriptedChat:
    """What Asking needs of ChatService."""

    def __init__(self, store: FeedbackStore) -> None:
        self.store, self.paired, self.error = store, False, None
        self.words, self.pause, self.dies_after = ("It ", "is ", "45 days."), 0.0, None
        self.steps: tuple[Step, ...] = ()
        self.requests: list[ChatRequest] = []
        self.makers = ("rag", "ratchet-0001+rag", "base")
        self._ids = itertools.count(1)

    paired: bool
    error: Exception | None
    dies_after: int | None

    def wants_pair(self, rate: float) -> bool:
        return self.paired

    async def start(self, request: ChatRequest, person: Person) -> ScriptedTurn:
        return self._open(request, person, f"chatcmpl-{next(self._ids)}", "rag")

    async def pair(self, request: ChatRequest, person: Person) -> Pair:
        number = next(self._ids)
        left = self._open(request, person, f"chatcmpl-{number}-left", "rag")
        right = self._open(request, person, f"chatcmpl-{number}-right", "ratchet-0001+rag")
        self.store.open_comparison(Comparison(f"cmp-{number}", person.id, left.id, right.id))
        return Pair(f"cmp-{number}", left, right)  # type: ignore[arg-type]

    async def rank(self, request: ChatRequest, person: Person, count: int) -> Lineup:
        number, makers = next(self._ids), (*self.makers, *["rag"] * count)
        turns = [
            self._open(request, person, f"chatcmpl-{number}-{place}", makers[place - 1])
            for place in range(1, count + 1)
        ]
        ranking = Ranking(f"rnk-{number}", person.id, tuple(turn.id for turn in turns))
        Rankings(self.store.database).open(ranking)
        return Lineup(ranking.id, tuple(turns))  # type: ignore[arg-type]

    def _open(
        self, request: ChatRequest, person: Person, completion: str, responder: str
    ) -> ScriptedTurn:
        if self.error:
            raise self.error
        self.requests.append(request)
        row = Completion(
            id=completion, conversation=request.conversation or completion, person=person.id,
            messages=request.messages, responder=responder, sampling={}, interface="page",
            parent=request.parent, passages=({"document": "D", "text": "secret source"},),
        )  # fmt: skip
        self.store.open_completion(row)
        return ScriptedTurn(self.store, row, self)


class Tab:
    """A browser tab: keeps the state and collects what is shown."""

    def __init__(self, asking: Asking, person: Person = ANN) -> None:
        self.asking, self.state = asking, Conversation()
        self.asker = Asker(person, ENGLISH, asyncio.Event())

    async def see(self, views: AsyncIterator[View]) -> list[View]:
        seen = []
        async for view in views:
            seen.append(view)
            self.state = view.state or self.state
        return seen

    async def ask(self, text: str) -> list[View]:
        return await self.see(self.asking.ask(text, self.state, self.asker))

    async def again(self) -> list[View]:
        return await self.see(self.asking.again(self.state, self.asker))

    async def edit(self, turn: str | None, text: str) -> list[View]:
        return await self.see(self.asking.edited(turn, text, self.state, self.asker))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[FeedbackStore]:
    database = Database(default_url(tmp_path))
    database.create_tables()
    yield FeedbackStore(database)
    database.dispose()


@pytest.fixture
def chat(store: FeedbackStore) -> ScriptedChat:
    return ScriptedChat(store)


@pytest.fixture
async def tab(chat: ScriptedChat, store: FeedbackStore) -> Tab:
    return Tab(Asking(chat, store, Conversations(store.database), 0.15))  # type: ignore[arg-type]


def last_chat(views: list[View]) -> list[Any]:
    return next(view.chat for view in reversed(views) if view.chat is not None)


async def test_an_answer_is_streamed_recorded_and_shown_with_its_sources(
    tab: Tab, store: FeedbackStore
) -> None:
    views = await tab.ask("  How long? ")
    assert [view.mode for view in (views[0], views[-1])] == ["busy", "idle"]
    assert views[0].typed == ""
    _, answer, sources = last_chat(views)
    assert answer["content"] == "It is 45 days."
    assert "secret source" in sources["content"]
    recorded = store.completion(completion_id(answer) or "")
    assert recorded is not None
    assert recorded.messages == ({"role": "user", "content": "How long?"},)
    assert tab.state.turns == (recorded.id,)


async def test_what_an_agent_searches_is_shown_while_it_works(tab: Tab, chat: ScriptedChat) -> None:
    found = {"id": "p1", "document": "Travel <Shield>", "text": "It is 45 days."}
    chat.steps, chat.pause = (Step("waiting <period>", (found,), "v1"),), 0.1
    views = await tab.ask("How long?")
    titles = [[m["metadata"].get("title") for m in view.chat or ()] for view in views]
    line = "Searched: waiting &#60;period&#62; (passages found: 1)"
    assert [line, ENGLISH.reading] in [shown[1:] for shown in titles]
    assert line not in titles[-1]
    opened = [m["content"] for view in views for m in view.chat or () if "/step" in str(m)]
    assert opened
    assert all("Travel &#60;Shield&#62;" in text and "45 days" in text for text in opened)
    for view in views:
        about = [m["metadata"].get("id") for m in view.chat or () if m["role"] == "assistant"]
        assert all(completion_id({"metadata": {"id": a}}) for a in about if a)


async def test_the_conversation_goes_on_from_what_was_recorded(
    tab: Tab, chat: ScriptedChat
) -> None:
    await tab.ask("One?")
    await tab.ask("Two?")
    said = [m["content"] for m in chat.requests[1].messages]
    assert said == ["One?", "It is 45 days.", "Two?"]
    assert chat.requests[1].conversation == tab.state.id


async def test_regenerating_keeps_the_vote_at_the_answer_it_was_given_to(
    tab: Tab, chat: ScriptedChat, store: FeedbackStore
) -> None:
    await tab.ask("How long?")
    (first,) = tab.state.turns
    await rating.rate(first, True, tab.state, ANN, ENGLISH, Recorder(store))
    chat.words = ("Other.",)
    views = await tab.again()
    (second,) = tab.state.turns
    assert second != first
    assert chat.requests[-1].parent == first
    assert views[-1].thumbs == [None]
    voted = store.vote(first, ANN.id)
    assert voted is not None
    assert voted.liked
    assert store.vote(second, ANN.id) is None
    await rating.rate(second, False, tab.state, ANN, ENGLISH, Recorder(store))
    assert {(v.completion_id, v.liked) for v, _ in store.iter_votes()} == {
        (first, True),
        (second, False),
    }


async def test_an_edit_goes_on_from_the_edited_question_and_moves_no_vote(
    tab: Tab, chat: ScriptedChat, store: FeedbackStore
) -> None:
    await tab.ask("One?")
    await tab.ask("Two?")
    first, second = tab.state.turns
    await rating.rate(second, False, tab.state, ANN, ENGLISH, Recorder(store))
    views = await tab.edit(first, "Uno?")
    assert len(tab.state.turns) == 1
    assert tab.state.turns[0] not in {first, second}
    assert [m["content"] for m in chat.requests[-1].messages] == ["Uno?"]
    assert [(v.completion_id, v.liked) for v, _ in store.iter_votes()] == [(second, False)]
    assert views[-1].thumbs == [None]


async def test_an_edit_of_an_unknown_message_changes_nothing(tab: Tab, chat: ScriptedChat) -> None:
    await tab.ask("One?")
    before = tab.state
    await tab.edit("chatcmpl-999", "Evil?")
    await tab.edit(None, "Evil?")
    assert tab.state == before
    assert len(chat.requests) == 1


@pytest.mark.parametrize(
    "error", [EngineUnavailable("down", 7), TooManyRequests("slow down", 9)], ids=["down", "busy"]
)
async def test_a_question_without_an_answer_is_given_back(
    tab: Tab, chat: ScriptedChat, store: FeedbackStore, error: Exception
) -> None:
    chat.error = error
    views = await tab.ask("How long?")
    assert views[-1].typed == "How long?"
    assert views[-1].mode == "idle"
    assert str(error.retry_after) in (views[-1].notice or "")  # type: ignore[attr-defined]
    assert last_chat(views) == []
    assert store.counts().completions == 0


async def test_regenerating_while_the_engine_is_down_keeps_the_old_answer(
    tab: Tab, chat: ScriptedChat
) -> None:
    await tab.ask("How long?")
    before = tab.state
    chat.error = EngineUnavailable("down")
    views = await tab.again()
    assert tab.state == before
    assert last_chat(views)[1]["content"] == "It is 45 days."
    assert views[-1].typed is None


async def test_an_engine_that_dies_leaves_what_it_said_and_a_note(
    tab: Tab, chat: ScriptedChat
) -> None:
    chat.dies_after = 2
    views = await tab.ask("How long?")
    assert last_chat(views)[1]["content"] == f"It is \n\n*{ENGLISH.cut}*"
    assert views[-1].mode == "idle"


async def test_stopping_closes_the_answer_where_it_is(
    tab: Tab, chat: ScriptedChat, store: FeedbackStore
) -> None:
    chat.words, chat.pause = ("word ",) * 200, 0.01
    asyncio.get_running_loop().call_later(0.2, tab.asker.stop.set)
    views = await tab.ask("How long?")
    recorded = store.completion(tab.state.turns[0])
    assert recorded is not None
    assert recorded.status == "cut"
    assert 0 < recorded.text.count("word") < 200
    assert views[-1].mode == "idle"


async def test_closing_the_tab_closes_the_answer(
    tab: Tab, chat: ScriptedChat, store: FeedbackStore
) -> None:
    chat.words, chat.pause = ("word ",) * 200, 0.01
    views = tab.asking.ask("How long?", tab.state, tab.asker)
    async for view in views:
        if view.chat and view.chat[-1]["content"].startswith("word"):
            break
    await views.aclose()
    (recorded,) = store.completions()
    assert recorded.status == "cut"


@pytest.mark.parametrize("text", ["", "   ", "x" * (LONGEST_QUESTION + 1)])
async def test_what_cannot_be_asked_is_said_and_kept(
    tab: Tab, chat: ScriptedChat, text: str
) -> None:
    (view,) = await tab.ask(text)
    assert view.notice
    assert view.typed is None
    assert not chat.requests


async def test_nobody_is_shown_another_persons_turns(tab: Tab, chat: ScriptedChat) -> None:
    await tab.ask("My secret?")
    thief = Tab(tab.asking, BOB)
    thief.state = tab.state
    assert await tab.asking.turns(thief.state, BOB) == []
    await thief.ask("What did Ann ask?")
    assert [m["content"] for m in chat.requests[-1].messages] == ["What did Ann ask?"]


async def test_a_pair_is_blind_until_it_is_decided(
    tab: Tab, chat: ScriptedChat, store: FeedbackStore
) -> None:
    chat.paired = True
    views = await tab.ask("How long?")
    assert views[-1].mode == "choose"
    assert tab.state.comparison == "cmp-1"
    assert tab.state.turns == ()
    shown = repr([(view.chat, view.pair, view.notice) for view in views])
    for secret in ("ratchet-0001", "'rag'", "secret source"):
        assert secret not in shown
    view = await choose("right", tab.state, ANN, ENGLISH, tab.asking, Recorder(store))
    assert view.state is not None
    assert view.state.turns == ("chatcmpl-1-right",)
    assert view.state.comparison is None
    assert "ratchet-0001+rag" in (view.notice or "")
    decided = store.comparison("cmp-1")
    assert decided is not None
    assert decided.outcome == "right"
    tab.state, chat.paired = view.state, False
    await tab.ask("And then?")
    assert len(chat.requests[-1].messages) == 3


@pytest.mark.parametrize("outcome", ["left", "tie", "both_bad"])
async def test_other_outcomes_go_on_with_the_left_side(
    tab: Tab, chat: ScriptedChat, store: FeedbackStore, outcome: Any
) -> None:
    chat.paired = True
    await tab.ask("How long?")
    view = await choose(outcome, tab.state, ANN, ENGLISH, tab.asking, Recorder(store))
    assert view.state is not None
    assert view.state.turns == ("chatcmpl-1-left",)
    decided = store.comparison("cmp-1")
    assert decided is not None
    assert decided.outcome == outcome


async def test_nobody_decides_another_persons_pair(
    tab: Tab, chat: ScriptedChat, store: FeedbackStore
) -> None:
    chat.paired = True
    await tab.ask("How long?")
    view = await choose("left", tab.state, BOB, ENGLISH, tab.asking, Recorder(store))
    assert "rag" not in (view.notice or "")
    undecided = store.comparison("cmp-1")
    assert undecided is not None
    assert undecided.outcome is None


async def test_a_thumb_can_be_given_changed_and_taken_back(tab: Tab, store: FeedbackStore) -> None:
    await tab.ask("How long?")
    (answer,) = tab.state.turns
    view = await rating.rate(answer, True, tab.state, ANN, ENGLISH, Recorder(store))
    assert isinstance(view.rating, Rating)
    assert view.state is not None
    assert view.state.rated == answer
    await rating.rate(answer, False, tab.state, ANN, ENGLISH, Recorder(store))
    voted = store.vote(answer, ANN.id)
    assert voted is not None
    assert not voted.liked
    view = await rating.rate(answer, None, tab.state, ANN, ENGLISH, Recorder(store))
    assert view.rating == "closed"
    assert store.vote(answer, ANN.id) is None


@pytest.mark.parametrize("claimed", [None, "", "chatcmpl-999"])
async def test_a_thumb_on_nothing_is_refused_in_words(
    tab: Tab, store: FeedbackStore, claimed: str | None
) -> None:
    view = await rating.rate(claimed, True, tab.state, ANN, ENGLISH, Recorder(store))
    assert ENGLISH.gone in (view.notice or "")
    assert not list(store.iter_votes())


async def test_nobody_votes_on_another_persons_answer(tab: Tab, store: FeedbackStore) -> None:
    await tab.ask("How long?")
    view = await rating.rate(tab.state.turns[0], False, tab.state, BOB, ENGLISH, Recorder(store))
    assert ENGLISH.gone in (view.notice or "")
    assert not list(store.iter_votes())


async def test_comment_reasons_and_correction_go_to_the_rated_answer(
    tab: Tab, store: FeedbackStore
) -> None:
    await tab.ask("One?")
    (first,) = tab.state.turns
    rated = (await rating.rate(first, False, tab.state, ANN, ENGLISH, Recorder(store))).state
    assert rated is not None
    await tab.ask("Two?")
    view = await rating.add(["wrong"], " no ", " 45 days ", rated, ANN, ENGLISH, Recorder(store))
    assert view.rating == "closed"
    voted = store.vote(first, ANN.id)
    assert voted is not None
    assert (voted.liked, voted.reasons, voted.comment) == (False, ("wrong",), "no")
    ((correction, _),) = store.iter_corrections()
    assert (correction.completion_id, correction.text) == (first, "45 days")
