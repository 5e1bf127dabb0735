"""Who may touch a home: web, worker and `up` share it, a restore has it to itself.

The kernel keeps the lock and takes it back when its holder dies, however that happens. Invariant:
nothing of the service runs on a home while it is exchanged, and nothing starts meanwhile.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOCK = "home.lock"


class HomeTaken(Exception):
    """The home cannot be had now; the message says who has it and what to do."""


@contextmanager
def shared(home: Path) -> Iterator[None]:
    """Use a home beside others who do.

    Raises:
        HomeTaken: a restore is at work in it.
    """
    with _held(home, fcntl.LOCK_SH, "a restore is at work in {home}: wait until it has ended."):
        yield


@contextmanager
def alone(home: Path) -> Iterator[None]:
    """Have a home to oneself.

    Raises:
        HomeTaken: web, a worker, `up` or another restore runs in it.
    """
    with _held(home, fcntl.LOCK_EX, "a service runs in {home}: stop it first."):
        yield


@contextmanager
def _held(home: Path, kind: int, refusal: str) -> Iterator[None]:
    folder = home / "run"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("w", encoding="utf-8") as file:
        try:
            fcntl.flock(file, kind | fcntl.LOCK_NB)
        except BlockingIOError as err:
            raise HomeTaken(refusal.format(home=home)) from err
        yield
