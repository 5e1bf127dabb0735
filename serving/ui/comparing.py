"""Comparing on purpose: a question, blind answers, a choice or an order, and then who was who.

Each question stands alone. Invariant: as in `arena.py`, nothing about the makers reaches the
browser before the outcome, or the order, is committed.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace

from feedback.rankings import Rankings
from feedback.types import Completion, FeedbackError, Message, Outcome
from serving.chat import ChatRequest, ChatService
from serving.errors import (
    BadRequest,
    EngineRejected,
    EngineUnavailable,
    StorageFailed,
    TooManyRequests,
    Unavailable,
)
from serving.identity import Person
from serving.recording import Recorder
from serving.ui import messages
from serving.ui.asking import LONGEST_QUESTION, Asker, explained
from serving.ui.compare_text import COMPARE_WORDS
from serving.ui.messages import Conversation, notice
from serving.ui.ranking import order_of, places_of, ranked
from serving.ui.safe import markdown
from serving.ui.streaming import pictures
from serving.ui.text import ChatWords
from serving.ui.view import Ranked, View

PAIR = 2
"""Answers to choose from; more of them are ranked."""
_CLOSED = View(asked="", mode="idle", pair_state="closed", ranking="closed")


class Comparing:
    """Gets questions answered several times, and records which answer was better."""

    def __init__(self, chat: ChatService, recorder: Recorder) -> None:
        self._chat, self._recorder, self._store = chat, recorder, recorder.store
        self._rankings = Rankings(self._store.database, self._store.clock)

    async def ask(self, text: str, asker: Asker, count: int = PAIR) -> AsyncGenerator[View, None]:
        """Answer a question `count` times, side by side."""
        text, words = text.strip(), asker.words
        if not text or len(text) > LONGEST_QUESTION:
            too_long = words.too_long.format(length=len(text), limit=LONGEST_QUESTION)
            yield View(notice=notice("wait", too_long if text else words.nothing_to_send))
            return
        asked = ChatRequest(messages=(Message(role="user", content=text),), interface="page")
        run = self._pair(asked, asker) if count == PAIR else self._rank(asked, asker, count)
        yield replace(_empty(count), asked=text, mode="busy", typed="", notice="")
        try:
            async with aclosing(run) as views:
                async for view in views:
                    yield view
        except (EngineUnavailable, Unavailable, TooManyRequests, EngineRejected, BadRequest) as err:
            yield replace(_CLOSED, typed=text, notice=notice("bad", explained(err, words)))

    async def _pair(self, asked: ChatRequest, asker: Asker) -> AsyncGenerator[View, None]:
        pair = await self._chat.pair(asked, asker.person)
        yield View(state=Conversation(pair.left.conversation, comparison=pair.id))
        sides = ("", "")
        async with aclosing(pictures([pair.left, pair.right], asker.stop)) as texts:
            async for left, right in texts:
                sides = (markdown(left), markdown(right))
                yield View(pair=sides)
        yield View(mode="choose", pair=sides, pair_state="finished")

    async def _rank(
        self, asked: ChatRequest, asker: Asker, count: int
    ) -> AsyncGenerator[View, None]:
        lineup = await self._chat.rank(asked, asker.person, count)
        yield View(state=Conversation(lineup.turns[0].conversation, ranking=lineup.id))
        shown = ("",) * count
        async with aclosing(pictures(lineup.turns, asker.stop)) as pieces:
            async for texts in pieces:
                shown = tuple(markdown(text) for text in texts)
                yield View(ranking=Ranked(texts=shown, state="writing"))
        yield View(mode="choose", ranking=Ranked(texts=shown, state="finished"))

    async def choose(
        self, outcome: Outcome, state: Conversation, person: Person, words: ChatWords
    ) -> View:
        """Record which answer a person found better, then say who was who."""
        if state.comparison is None:
            return View()
        nothing = replace(state, comparison=None)
        try:
            decided = await self._recorder.choose(
                state.comparison, person.id, outcome, interface="page"
            )
        except FeedbackError:
            return replace(_CLOSED, state=nothing, notice=notice("bad", words.gone))
        except StorageFailed:
            return View(notice=notice("bad", words.not_saved))
        sides = (decided.left_id, decided.right_id)
        left, right = [await asyncio.to_thread(self._store.completion, side) for side in sides]
        who = (_maker(left), _maker(right))
        return View(
            state=nothing, mode="idle", typed="", pair_state="revealed", makers=who,
            pair=(markdown(left.text if left else ""), markdown(right.text if right else "")),
            outcome=decided.outcome, notice=messages.revealed(outcome, *who, words),
        )  # fmt: skip

    async def rank(
        self, places: Sequence[int | None], state: Conversation, person: Person, words: ChatWords
    ) -> View:
        """Record the order of the answers, then say who was who.

        Args:
            places: Each answer's place, in the order that they are shown in; None: not yet given.
            state: What waits for the order.
            person: Who gives it.
            words: To say so in.
        """
        here = COMPARE_WORDS[words.language]
        if state.ranking is None:
            return View()
        waiting = await asyncio.to_thread(self._rankings.get, state.ranking)
        answers = waiting.answers if waiting else ()
        given = [place for place in places[: len(answers)] if place is not None]
        if len(given) < len(answers):
            return View(notice=notice("wait", here.place_missing))
        order = order_of(answers, given)
        try:
            done = await self._recorder.order(state.ranking, person.id, order, interface="page")
        except FeedbackError:
            line = notice("bad", words.gone)
            return replace(_CLOSED, state=replace(state, ranking=None), notice=line)
        except StorageFailed:
            return View(notice=notice("bad", words.not_saved))
        made = [await asyncio.to_thread(self._store.completion, answer) for answer in done.answers]
        shown = Ranked(
            texts=tuple(markdown(answer.text) if answer else "" for answer in made),
            state="revealed",
            places=places_of(done),
            makers=tuple(_maker(answer) for answer in made),
        )
        return View(
            state=replace(state, ranking=None), mode="idle", typed="", ranking=shown,
            notice=notice("good", ranked(shown, here)),
        )  # fmt: skip

    def skip(self, state: Conversation, words: ChatWords) -> View:
        """Leave the answers unordered; who wrote them stays hidden."""
        if state.ranking is None:
            return View()
        line = notice("plain", COMPARE_WORDS[words.language].skipped)
        return replace(_CLOSED, state=replace(state, ranking=None), typed="", notice=line)


def _empty(count: int) -> View:
    """Return the view of answers that nothing is written of yet."""
    if count == PAIR:
        return View(pair=("", ""), pair_state="writing", ranking="closed")
    return View(pair_state="closed", ranking=Ranked(texts=("",) * count, state="writing"))


def _maker(side: Completion | None) -> str:
    return side.responder if side else "–"
