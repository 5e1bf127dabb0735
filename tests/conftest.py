"""What every test lives under: no network but loopback, no hub, no settings from outside."""

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from feedback.database import Database, default_url

os.environ.update(
    HF_HUB_OFFLINE="1",
    HF_HUB_DISABLE_TELEMETRY="1",
    DO_NOT_TRACK="1",
    VLLM_NO_USAGE_STATS="1",
    GRADIO_ANALYTICS_ENABLED="False",
    ANONYMIZED_TELEMETRY="False",
)

# Thousands of short writes, each of which waits for the disk: in memory they wait for nothing, and
# what is written is the same. (pytest's own variable for where its temporary folders lie.)
if os.access("/dev/shm", os.W_OK):
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", "/dev/shm")

LOOPBACK = ("127.", "::1", "localhost")


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's RATCHET_* variables must not change what a test means."""
    for name in list(os.environ):
        if name.startswith("RATCHET_"):
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True, scope="session")
def _loopback_only() -> Iterator[None]:
    """Refuse every connection that leaves the machine, and say which test wanted it."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        host = address[0] if isinstance(address, tuple) else ""
        if self.family in (socket.AF_INET, socket.AF_INET6) and not str(host).startswith(LOOPBACK):
            test = os.environ.get("PYTEST_CURRENT_TEST", "a test")
            raise OSError(f"{test} tried to reach {address!r}: tests may use loopback only")
        connect(self, address)  # type: ignore[arg-type]

    socket.socket.connect = guarded  # type: ignore[method-assign, assignment]
    yield
    socket.socket.connect = connect  # type: ignore[method-assign]


@pytest.fixture
def new_url(tmp_path: Path) -> Callable[[], str]:
    """Give the address of an empty database with each call; another folder may override where."""
    folders = iter([tmp_path, *(tmp_path / f"database-{n}" for n in range(2, 10))])
    return lambda: default_url(next(folders))


@pytest.fixture
def new_database(new_url: Callable[[], str]) -> Iterator[Callable[[], Database]]:
    """Give a database of its own, with its tables, with each call."""
    opened: list[Database] = []

    def new() -> Database:
        opened.append(Database(new_url()))
        opened[-1].create_tables()
        return opened[-1]

    yield new
    for database in opened:
        database.dispose()


@pytest.fixture
def database(new_database: Callable[[], Database]) -> Database:
    """A database of its own, with its tables."""
    return new_database()
