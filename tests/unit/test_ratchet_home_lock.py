"""Whatever runs on a home shares it, and none of it starts while a restore has it alone."""

import signal
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path

import pytest

from ratchet.home_lock import HomeTaken, alone, shared
from ratchet.settings import Settings
from ratchet.supervisor import run_service
from ratchet.web import run_web
from ratchet.worker import work

STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def up(settings: Settings) -> None:
    run_service(settings, StringIO())


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """Put the signals' handlers back: a start takes them before it asks for the home."""
    kept = {number: signal.getsignal(number) for number in STOPS}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


def test_many_may_share_a_home_and_one_may_have_it_alone(tmp_path: Path) -> None:
    refused = pytest.raises(HomeTaken, match="stop it first")
    with shared(tmp_path), shared(tmp_path), refused, alone(tmp_path):
        pass
    with alone(tmp_path), pytest.raises(HomeTaken, match="stop it first"), alone(tmp_path):
        pass
    with shared(tmp_path):
        pass


@pytest.mark.parametrize("start", [run_web, work, up])
def test_nothing_starts_beside_a_restore(tmp_path: Path, start: Callable[[Settings], None]) -> None:
    settings = Settings(home=tmp_path)
    with alone(tmp_path), pytest.raises(HomeTaken, match="until it has ended"):
        start(settings)
    assert not (tmp_path / "ratchet.db").exists()


@pytest.mark.parametrize(
    ("start", "first"),
    [(run_web, "ratchet.web.write_secrets"), (work, "ratchet.worker.open_parts")],
)
def test_web_and_worker_share_the_home_while_they_run(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    start: Callable[[Settings], None],
    first: str,
) -> None:
    def look(settings: Settings) -> None:
        with pytest.raises(HomeTaken, match="stop it first"), alone(settings.home):
            pass
        raise InterruptedError

    monkeypatch.setattr(first, look)
    with pytest.raises(InterruptedError):
        start(Settings(home=tmp_path))
