"""The worker removes old texts where a setting says so, and none where it does not."""

from pathlib import Path

import pytest

from feedback.database import Database
from feedback.retention import REMOVED
from feedback.store import FeedbackStore
from feedback.types import Completion
from ratchet.cycles import CycleStore
from ratchet.settings import Settings, SettingsError, load_settings
from ratchet.wiring import Parts
from ratchet.worker import DAY, tidying
from serving.registry import Registry

NOW = 100 * DAY


@pytest.fixture
def store(database: Database) -> FeedbackStore:
    store = FeedbackStore(database)
    for age in (1, 29, 31, 90):
        asked = ({"role": "user", "content": "?"},)
        row = {"id": f"{age} days", "conversation": f"{age}", "person": "ada", "text": "said"}
        at = NOW - age * DAY
        store.open_completion(
            Completion(
                messages=asked, responder="rag", sampling={}, status="complete",
                created=at, updated=at, **row,
            )  # type: ignore[arg-type]
        )  # fmt: skip
    return store


def parts(store: FeedbackStore, home: Path, days: float) -> Parts:
    settings = load_settings(home=home, retention={"text_days": days})
    cycles = CycleStore(store.database, lambda: NOW)
    registry = Registry(store.database, "hash")
    return Parts(settings, store.database, store, registry, cycles, home, "hash")


def test_what_is_older_than_the_days_goes(store: FeedbackStore, tmp_path: Path) -> None:
    tidy = tidying(parts(store, tmp_path, 30), lambda: False)
    assert tidy is not None
    tidy()
    texts = {completion.id: completion.text for completion in store.completions()}
    assert [texts[f"{age} days"] for age in (1, 29, 31, 90)] == ["said", "said", REMOVED, REMOVED]


def test_it_is_off_unless_set(store: FeedbackStore, tmp_path: Path) -> None:
    assert Settings(home=tmp_path).retention.text_days == 0
    assert tidying(parts(store, tmp_path, 0), lambda: False) is None


def test_a_worker_that_is_to_stop_removes_nothing_more(
    store: FeedbackStore, tmp_path: Path
) -> None:
    tidy = tidying(parts(store, tmp_path, 30), lambda: True)
    assert tidy is not None
    tidy()
    assert all(completion.text == "said" for completion in store.completions())


def test_days_before_today_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"retention\.text_days"):
        load_settings(home=tmp_path, retention={"text_days": -1})
