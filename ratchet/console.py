"""How commands speak: results on standard output, everything else on standard error.

Invariant: with `--json` standard output gets exactly one JSON object, for a failure too.
"""

import json
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

LINE_EVERY = 5.0
"""Seconds between two lines of a wait that is not watched on a terminal."""


def result(value: Mapping[str, Any], as_json: bool, text: Callable[[], str] | None = None) -> None:
    """Write a command's result: the object, or `text` for people."""
    if as_json or text is None:
        sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=None if as_json else 2))
    else:
        sys.stdout.write(text().rstrip())
    sys.stdout.write("\n")
    sys.stdout.flush()


def note(text: str) -> None:
    """Write a line for people to standard error."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def failure(err: Exception, as_json: bool) -> None:
    """Write what went wrong, in the service's own shape when JSON was asked for."""
    if as_json:
        code = type(err).__name__
        error = {"message": str(err), "type": "command_failed", "code": code}
        result({"error": error}, as_json=True)
    note(f"error: {err}")


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a plain table."""
    drawn = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        drawn.add_row(*("" if cell is None else str(cell) for cell in row))
    console = Console(width=160 if not sys.stdout.isatty() else None)
    with console.capture() as captured:
        console.print(drawn)
    lines = [line.rstrip() for line in captured.get().splitlines()]
    return "\n".join(lines) if drawn.row_count else "(none)"


class Waiting:
    """What is being waited for: a spinner on a terminal, else a line every few seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._console = clock, Console(stderr=True)
        self._status = self._console.status("") if self._console.is_terminal else None
        self._since = self._said = clock()
        self._text = ""

    def __enter__(self) -> Self:
        if self._status:
            self._status.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._status:
            self._status.stop()

    def on(self, text: str) -> None:
        """Say what is waited for now, with the seconds since the start; call it often."""
        now = self._clock()
        line = f"[{now - self._since:4.0f} s] {text}"
        if self._status:
            self._status.update(line)
        elif text != self._text or now - self._said >= LINE_EVERY:
            note(line)
            self._said = now
        self._text = text

    def done(self, text: str) -> None:
        """Leave a line about something that is finished."""
        self._console.print(f"[{self._clock() - self._since:4.0f} s] {text}", markup=False)


class Bar:
    """A progress bar on standard error."""

    def __init__(self) -> None:
        self._progress = Progress(
            TextColumn("{task.description:<10}"),
            BarColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[detail]}", markup=False),
            console=Console(stderr=True),
        )
        self._tasks: dict[str, TaskID] = {}
        self._live = self._progress.console.is_terminal
        self._said: dict[str, str] = {}

    def __enter__(self) -> Self:
        if self._live:
            self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live:
            self._progress.stop()

    def show(self, name: str, fraction: float | None, detail: str, state: str = "running") -> None:
        """Show how far `name` is; without a terminal only when it starts and ends."""
        if not self._live:
            if self._said.get(name) != state:
                note(f"{name}: {detail if state != 'running' else '...'}")
            self._said[name] = state
            return
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(name, total=None, detail="")
        total = 1.0 if fraction is not None else None
        if state != "running" and name in self._said:
            return
        self._progress.update(
            self._tasks[name], total=total, completed=fraction or 0, detail=detail
        )
        if state != "running":
            self._said[name] = state
            self._progress.update(self._tasks[name], total=1.0, completed=1.0)
            self._progress.stop_task(self._tasks[name])
