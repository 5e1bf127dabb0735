"""Comparing on purpose: a question, two blind answers, a choice, and then who was who.

Each question stands alone. Invariant: as in `arena.py`, nothing about the makers reaches the
browser before the outcome is committed.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from feedback.store import FeedbackStore
from feedback.types import Completion, FeedbackError, Message, Outcome
from serving.chat import ChatRequest, ChatService
from serving.errors import (
    BadRequest,
    EngineRejected,
    EngineUnavailable,
    TooManyRequests,
    Unavailable,
)
from serving.identity import Person
from serving.ui import messages
from serving.ui.asking import LONGEST_QUESTION, Asker, explained
from serving.ui.messages import Conversation, notice
from serving.ui.safe import markdown
from serving.ui.streaming import pictures
from serving.ui.text import ChatWords
from serving.ui.view import View


class Comparing:
    """Gets questions answered twice, and records which answer was better."""

    def __init__(self, chat: ChatService, store: FeedbackStore) -> None:
        self._chat, self._store = chat, store

    async def ask(self, text: str, asker: Asker) -> AsyncGenerator[View, None]:
        """Answer a question by two responders side by side."""
        text, words = text.strip(), asker.words
        if not text or len(text) > LONGEST_QUESTION:
            too_long = words.too_long.format(length=len(text), limit=LONGEST_QUESTION)
            yield View(notice=notice("wait", too_long if text else words.nothing_to_send))
            return
        yield View(
            asked=text, mode="busy", typed="", notice="", pair=("", ""), pair_state="writing"
        )
        asked = (Message(role="user", content=text),)
        try:
            pair = await self._chat.pair(
                ChatRequest(messages=asked, interface="page"), asker.person
            )
            yield View(state=Conversation(pair.left.conversation, comparison=pair.id))
            async with aclosing(pictures([pair.left, pair.right], asker.stop)) as texts:
                async for left, right in texts:
                    yield View(pair=(markdown(left), markdown(right)))
        except (EngineUnavailable, Unavailable, TooManyRequests, EngineRejected, BadRequest) as err:
            trouble = notice("bad", explained(err, words))
            yield View(asked="", mode="idle", typed=text, notice=trouble, pair_state="closed")
            return
        yield View(mode="choose", pair_state="finished")

    async def choose(
        self, outcome: Outcome, state: Conversation, person: Person, words: ChatWords
    ) -> View:
        """Record which answer a person found better, then say who was who."""
        if state.comparison is None:
            return View()
        nothing = replace(state, comparison=None)
        try:
            decided = await asyncio.to_thread(
                self._store.record_outcome, state.comparison, person.id, outcome
            )
        except FeedbackError:
            line = notice("bad", words.gone)
            return View(state=nothing, mode="idle", pair_state="closed", asked="", notice=line)
        sides = (decided.left_id, decided.right_id)
        left, right = [await asyncio.to_thread(self._store.completion, side) for side in sides]
        who = (_maker(left), _maker(right))
        return View(
            state=nothing, mode="idle", typed="", pair_state="revealed", makers=who,
            pair=(markdown(left.text if left else ""), markdown(right.text if right else "")),
            outcome=decided.outcome, notice=messages.revealed(outcome, *who, words),
        )  # fmt: skip


def _maker(side: Completion | None) -> str:
    return side.responder if side else "–"
