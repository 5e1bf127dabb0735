"""From a question to what the page shows while it is answered: once, again, edited, or in a pair.

What the page shows of finished turns is read from the store, so people see, vote on and continue
what was recorded. Invariant: a question that got no answer is given back to whoever typed it.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from feedback.conversations import Conversations
from feedback.store import FeedbackStore
from feedback.threads import Turn
from feedback.types import Completion, UnknownConversation
from serving.chat import ChatRequest, ChatService, Step
from serving.errors import (
    BadRequest,
    EngineRejected,
    EngineUnavailable,
    ServingError,
    TooManyRequests,
    Unavailable,
)
from serving.identity import Person
from serving.ui import messages
from serving.ui.messages import Conversation, notice
from serving.ui.safe import markdown
from serving.ui.streaming import pictures
from serving.ui.text import ChatWords
from serving.ui.view import View

LONGEST_QUESTION = 4000


@dataclass(frozen=True)
class Asker:
    """Who asks, in which language they read, and how they stop."""

    person: Person
    words: ChatWords
    stop: asyncio.Event


class Asking:
    """Gets questions answered and says what to show meanwhile."""

    def __init__(
        self, chat: ChatService, store: FeedbackStore, conversations: Conversations,
        pair_rate: float, is_starting: Callable[[], bool] = lambda: False,
    ) -> None:  # fmt: skip
        self._chat, self._store, self._pair_rate = chat, store, pair_rate
        self._conversations, self._is_starting = conversations, is_starting

    async def turns(self, state: Conversation, person: Person) -> list[Completion]:
        """Return the conversation's turns as recorded; nobody is shown another person's."""
        found = [await asyncio.to_thread(self._store.completion, turn) for turn in state.turns]
        return [turn for turn in found if turn is not None and turn.person == person.id]

    async def sides(self, pair: str, person: Person) -> tuple[Completion, Completion] | None:
        """Return a pair's answers as recorded; None where it is not this person's."""
        comparison = await asyncio.to_thread(self._store.comparison, pair)
        if comparison is None or comparison.person != person.id:
            return None
        left = await asyncio.to_thread(self._store.completion, comparison.left_id)
        right = await asyncio.to_thread(self._store.completion, comparison.right_id)
        return (left, right) if left and right else None

    async def settled(
        self, turns: Sequence[Completion], asker_words: ChatWords, person: Person
    ) -> View:
        """Return the view of turns at rest, with this person's thumbs and what else was there."""
        placed = await asyncio.to_thread(self._placed, turns, person)
        shown = messages.history(turns, asker_words, placed)
        votes = {
            turn.id: vote.liked
            for turn in turns
            if (vote := await asyncio.to_thread(self._store.vote, turn.id, person.id))
        }
        return View(chat=shown, thumbs=messages.thumbs(shown, votes), mode="idle")

    def _placed(self, turns: Sequence[Completion], person: Person) -> dict[str, Turn]:
        if not turns:
            return {}
        chosen = [turn.id for turn in turns]
        try:
            found = self._conversations.turns(turns[-1].conversation, person.id, chosen)
        except UnknownConversation:
            return {}
        return {turn.completion.id: turn for turn in found}

    async def ask(
        self, text: str, state: Conversation, asker: Asker,
        otherwise: Sequence[Completion] | None = None,
    ) -> AsyncGenerator[View, None]:  # fmt: skip
        """Answer a new question, now and then by two responders side by side.

        `otherwise` are the turns to show where no answer comes, if not those so far.
        """
        text, words = text.strip(), asker.words
        if not text or len(text) > LONGEST_QUESTION:
            too_long = words.too_long.format(length=len(text), limit=LONGEST_QUESTION)
            yield View(notice=notice("wait", too_long if text else words.nothing_to_send))
            return
        before = await self.turns(state, asker.person)
        paired = self._chat.wants_pair(self._pair_rate)
        otherwise = before if otherwise is None else otherwise
        async with aclosing(
            self._answer(text, before, state, asker, None, paired, otherwise)
        ) as views:
            async for view in views:
                yield view

    async def again(self, state: Conversation, asker: Asker) -> AsyncGenerator[View, None]:
        """Answer the last question once more; the first answer and its votes stay recorded."""
        turns = await self.turns(state, asker.person)
        if not turns:
            return
        *before, last = turns
        async with aclosing(self._answer("", before, state, asker, last, False, turns)) as views:
            async for view in views:
                yield view

    async def edited(
        self, edited: str | None, text: str, state: Conversation, asker: Asker
    ) -> AsyncGenerator[View, None]:
        """Ask the question of turn `edited` differently; the conversation goes on from there."""
        turns = await self.turns(state, asker.person)
        ids = [turn.id for turn in turns]
        if edited not in ids or not text.strip():
            yield await self.settled(turns, asker.words, asker.person)
            return
        kept = turns[: ids.index(edited)]
        state = replace(state, turns=tuple(turn.id for turn in kept))
        async with aclosing(self.ask(text, state, asker, turns)) as views:
            async for view in views:
                yield view

    async def _answer(
        self, text: str, before: list[Completion], state: Conversation, asker: Asker,
        parent: Completion | None, paired: bool, otherwise: Sequence[Completion],
    ) -> AsyncGenerator[View, None]:  # fmt: skip
        ask = ChatRequest(
            messages=parent.messages if parent else messages.next_messages(before, text),
            conversation=state.id,
            interface="page",
            parent=parent.id if parent else None,
        )
        shown = messages.history(before, asker.words)
        asked = [*shown, *messages.question("", ask.messages[-1]["content"])]
        yield View(
            chat=[*asked, *messages.waiting(asker.words)],
            mode="busy",
            typed=None if parent else "",
            notice="",
            rating="closed",
        )
        run = self._pair if paired else self._single
        try:
            async with aclosing(run(ask, before, shown, state, asker)) as views:
                async for view in views:
                    yield view
        except (EngineUnavailable, Unavailable, TooManyRequests, EngineRejected, BadRequest) as err:
            settled = await self.settled(otherwise, asker.words, asker.person)
            trouble = notice("bad", explained(err, asker.words, starting=self._is_starting()))
            yield replace(settled, notice=trouble, typed=None if parent else text)

    async def _single(
        self, ask: ChatRequest, before: list[Completion], shown: list[messages.Shown],
        state: Conversation, asker: Asker,
    ) -> AsyncGenerator[View, None]:  # fmt: skip
        turn = await self._chat.start(ask, asker.person)
        ids = (*(completion.id for completion in before), turn.id)
        asked = [*shown, *messages.question(turn.id, ask.messages[-1]["content"])]
        yield View(
            state=replace(state, id=turn.conversation, turns=ids, rated=None),
            chat=[*asked, *messages.waiting(asker.words)],
        )
        text, steps = "", list[Step]()
        async with aclosing(pictures([turn], asker.stop, steps=steps)) as texts:
            async for (text,) in texts:
                searched = messages.searched(turn.id, steps, asker.words)
                said = messages.answer(turn.id, markdown(text))
                last = said if text else messages.waiting(asker.words, steps)
                yield View(chat=[*asked, *searched, *last])
        done = await asyncio.to_thread(self._store.completion, turn.id)
        if done is not None and done.status == "streaming":
            # A stopped answer is closed soon after, by a write that nobody waits for.
            done = replace(done, text=text, status="cut")
        turns = [*before, done] if done else before
        yield await self.settled(turns, asker.words, asker.person)

    async def _pair(
        self, ask: ChatRequest, before: list[Completion], shown: list[messages.Shown],
        state: Conversation, asker: Asker,
    ) -> AsyncGenerator[View, None]:  # fmt: skip
        pair = await self._chat.pair(ask, asker.person)
        kept = tuple(completion.id for completion in before)
        state = replace(state, id=pair.left.conversation, turns=kept, comparison=pair.id)
        asked = [*shown, *messages.question(pair.left.id, ask.messages[-1]["content"])]
        yield View(state=state, chat=asked, pair=("", ""), pair_state="writing")
        sides = ("", "")
        async with aclosing(pictures([pair.left, pair.right], asker.stop)) as texts:
            async for left, right in texts:
                sides = (markdown(left), markdown(right))
                yield View(pair=sides)
        yield View(mode="choose", pair=sides, pair_state="finished")


def explained(error: ServingError, words: ChatWords, *, starting: bool = False) -> str:
    """Return what went wrong in words for the one who asked; `starting`: no engine was up yet."""
    if isinstance(error, EngineUnavailable | Unavailable):
        said = words.starting if starting else words.unavailable
        return said.format(seconds=error.retry_after)
    if isinstance(error, TooManyRequests):
        return words.busy.format(seconds=error.retry_after)
    return words.rejected.format(reason=error.message)
