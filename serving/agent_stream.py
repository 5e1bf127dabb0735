"""An answer that is worked out in several calls of the engine, read like one of its own streams.

The work runs in a task of its own and says what goes out; whoever listens reads it from a queue, so
the work never waits for a slow reader and ends with `abort`.
Invariant: `batches` ends behind the last thing said, by an error if the work ended in one.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing
from typing import Any

from serving.engine import EngineChunk
from serving.errors import EngineCut
from serving.turns import Step


class AgentStream:
    """An agent's answer as it is worked out."""

    def __init__(self, work: Callable[["AgentStream"], Coroutine[Any, Any, None]]) -> None:
        self._said: asyncio.Queue[EngineChunk | None] = asyncio.Queue()
        self._begun = asyncio.Event()
        self._work = asyncio.create_task(work(self))
        self._work.add_done_callback(self._worked)

    # For whoever reads

    async def begun(self) -> None:
        """Return once the engine has accepted the first question.

        Raises:
            ServingError: it did not; nothing was generated.
        """
        begun = asyncio.create_task(self._begun.wait())
        try:
            await asyncio.wait({begun, self._work}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            self.abort()
            raise
        finally:
            begun.cancel()
        if self._work.done():
            self._work.result()

    async def batches(self) -> AsyncGenerator[list[EngineChunk], None]:
        """Give the chunks as they come.

        Raises:
            EngineCut: the engine went away, or the answer was aborted.
            SearchFailed: the documents cannot be searched.
        """
        while (chunk := await self._said.get()) is not None:
            yield [chunk]
        if self._work.cancelled():
            raise EngineCut("the answer was stopped")
        self._work.result()

    async def whole(self) -> EngineChunk:
        """Return the answer in the form in which the engine gives a whole one.

        Raises:
            ServingError: as `batches`.
        """
        texts, scores, steps = list[str](), list[Any](), list[object]()
        last: dict[str, Any] = {}
        usage = None
        try:
            async with aclosing(self.batches()) as batches:
                async for (chunk,) in batches:
                    steps += chunk.get("steps", ())
                    usage = chunk.get("usage") or usage
                    for last in chunk["choices"]:
                        texts.append(last["delta"].get("content") or "")
                        scores += (last["logprobs"] or {}).get("content") or ()
        finally:
            self.abort()
        message = {"role": "assistant", "content": "".join(texts)}
        choice = {**last, "message": message, "logprobs": {"content": scores} if scores else None}
        return {"choices": [choice], "usage": usage, "steps": steps}

    def abort(self) -> None:
        """Stop working; nothing happens behind the end."""
        self._work.cancel()

    # For the work

    def begin(self) -> None:
        """Say that the engine has accepted the question."""
        if not self._begun.is_set():
            self.say({"role": "assistant", "content": ""})
            self._begun.set()

    def say(
        self, delta: dict[str, str], finish_reason: str | None = None, logprobs: Any = None
    ) -> None:
        """Let a piece of the answer go out."""
        choice = {"index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": finish_reason}
        self._said.put_nowait({"choices": [choice]})

    def show(self, step: Step) -> None:
        """Let a step go out."""
        self._said.put_nowait({"choices": [], "steps": [step]})

    def count(self, usage: dict[str, int]) -> None:
        """Let the number of tokens go out; the last thing that is said."""
        self._said.put_nowait({"choices": [], "usage": usage})

    def _worked(self, work: "asyncio.Task[None]") -> None:
        # Where nobody reads on, nobody fetches the error either.
        if not work.cancelled():
            work.exception()
        self._said.put_nowait(None)
