"""A person is forgotten to the end on PostgreSQL, whose pages are its own (docs/operations.md)."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ratchet.forget import forget_everywhere
from ratchet.leading import mark_leader
from ratchet.lease import Lease
from ratchet.wiring import Parts
from tests.forget_kit import ADA, litter, open_home, speak, traces, turn
from tests.integration.test_forget import (  # noqa: F401
    test_a_cycle_that_ends_for_a_person_tidies_up_and_asks_for_another,
    test_a_running_cycle_ends_before_it_makes_an_adapter,
    test_an_adapter_that_learned_from_who_is_gone_is_never_registered,
    test_the_same_words_of_others_are_theirs,
    test_what_learned_from_the_person_is_listed_and_trained_anew,
)


@pytest.fixture
def parts(tmp_path: Path, new_url: Callable[[], str]) -> Iterator[Parts]:
    """The home of the other tests, over a server's database, with the worker that leads."""
    made = open_home(tmp_path / "home", new_url())
    lease = Lease(made.database, "host/1/1.0")
    assert lease.acquire()
    mark_leader(made.settings.home, lease.holder)
    speak(made)
    turn(made)
    litter(made.settings.home)
    yield made
    made.database.dispose()


def test_nothing_is_left_in_any_file_and_the_servers_pages_are_said(parts: Parts) -> None:
    proof = forget_everywhere(parts.settings, ADA)
    assert traces(parts.settings.home) == []
    assert (proof["check"]["named"], proof["check"]["quoted"]) == ({}, {})
    assert any("VACUUM" in each["do"] for each in proof["remains"])
