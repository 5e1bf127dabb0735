"""Running answers, paced for a browser, and the button that stops them.

Invariant: however a stream ends (finished, stopped, the tab closed), every turn in it is closed, so
that its row says how it ended and the engine works for nobody any more.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import contextmanager

from serving.chat import Delta, Step, Turn
from serving.errors import ServingError

PACE = 0.06
"""Seconds between two pictures of an answer: smooth to read, light for Gradio."""
COST = 0.008
"""Seconds a picture, so that many pages together leave half of a core to everything else."""


class Pace:
    """How often answers are redrawn: the more run at once, the less often each."""

    def __init__(self) -> None:
        self._running = 0

    @property
    def seconds(self) -> float:
        """The time between two pictures of one answer."""
        return max(PACE, COST * self._running)

    @contextmanager
    def joined(self) -> Iterator[None]:
        """Count one more answer."""
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1


_TOGETHER = Pace()


class Stops:
    """Which browser tabs have an answer running, and which of them asked to stop it."""

    def __init__(self) -> None:
        self._running: dict[str, asyncio.Event] = {}

    def running(self, tab: str) -> bool:
        """Say whether this tab has an answer running."""
        return tab in self._running

    def start(self, tab: str) -> asyncio.Event:
        """Register an answer; the event is set when the person stops it."""
        self._running[tab] = asyncio.Event()
        return self._running[tab]

    def finish(self, tab: str) -> None:
        """Forget an answer that ended."""
        self._running.pop(tab, None)

    def stop(self, tab: str) -> None:
        """Stop this tab's answer, if one runs."""
        if tab in self._running:
            self._running[tab].set()


async def pictures(
    turns: Sequence[Turn],
    stop: asyncio.Event,
    pace: Pace = _TOGETHER,
    steps: list[Step] | None = None,
) -> AsyncGenerator[tuple[str, ...], None]:
    """Yield the texts of all `turns` so far, no faster than `pace`, until all ended or `stop`.

    What agents do on the way is added to `steps`, and is a new picture as well.

    An engine that goes away while it answers ends the stream: the row says so, and the page shows
    what the row says.
    """
    texts, steps = [""] * len(turns), [] if steps is None else steps
    readers = [asyncio.create_task(_read(turn, texts, i, steps)) for i, turn in enumerate(turns)]
    stopped = asyncio.create_task(stop.wait())
    shown: tuple[tuple[str, ...], int] = ((), 0)
    try:
        with pace.joined():
            while not (stop.is_set() or all(reader.done() for reader in readers)):
                await asyncio.wait(
                    [stopped, *(r for r in readers if not r.done())],
                    timeout=pace.seconds,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                if (tuple(texts), len(steps)) != shown:
                    shown = (tuple(texts), len(steps))
                    yield shown[0]
        for reader in readers:
            if reader.done():
                reader.result()
    finally:
        stopped.cancel()
        for reader in readers:
            reader.cancel()
        await asyncio.gather(stopped, *readers, return_exceptions=True)
        await asyncio.gather(*(turn.aclose() for turn in turns))


async def _read(turn: Turn, texts: list[str], place: int, steps: list[Step]) -> None:
    try:
        async for event in turn:
            if isinstance(event, Delta):
                texts[place] += event.text
            elif isinstance(event, Step):
                steps.append(event)
    except ServingError:
        # ChatService has recorded it in the completion's row, which the page shows at the end.
        return
