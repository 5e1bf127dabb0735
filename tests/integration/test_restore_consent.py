"""An older backup comes back with the answers that people have given about training since."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from feedback.consent import Consents, Rule
from feedback.privacy import forget
from ratchet.archive import write_backup
from ratchet.restore import read_backup
from ratchet.wiring import Parts
from tests.forget_kit import ADA, answer, open_home


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Parts]:
    made = open_home(tmp_path / "home")
    for name, person in (("c1", "ann"), ("c2", "bob"), ("c3", "eve"), ("c4", ADA)):
        answer(made, name, person, "Is hail covered?", "Yes.")
        made.store.record_vote(name, person, True)
    yield made
    made.database.dispose()


def restored(parts: Parts, archive: Path) -> tuple[dict[str, object], Parts]:
    parts.database.dispose()
    found = read_backup(parts.settings, archive, replace=True)
    return found, open_home(parts.settings.home)


def test_a_no_since_the_backup_stays_a_no(parts: Parts, tmp_path: Path) -> None:
    consents = Consents(parts.database)
    consents.put("bob", True, "1")
    consents.put("eve", False, "1")
    archive = tmp_path / "archive.tar"
    write_backup(parts.settings, archive)
    consents.put("ann", False, "1", "page")
    consents.put("bob", False, "1")
    consents.put("bob", None, "2")  # lifts nothing
    given = consents.history("ann"), consents.history("bob"), consents.all()
    found, again = restored(parts, archive)
    back = Consents(again.database)
    refusal = back.refusing(Rule())
    try:
        assert [bool(refusal(person)) for person in ("ann", "bob", "eve", ADA)] == [True] * 3 + [
            False
        ]
        assert (back.history("ann"), back.history("bob"), back.all()) == given
        assert found["answered"] == 2
        assert again.store.counts().votes == 4
    finally:
        again.database.dispose()


def test_an_answer_that_is_older_than_the_backups_changes_nothing(
    parts: Parts, tmp_path: Path
) -> None:
    consents, archive = Consents(parts.database), tmp_path / "archive.tar"
    consents.put("ann", True, "1")
    old = tmp_path / "old.tar"
    write_backup(parts.settings, old)
    consents.put("ann", False, "1")
    write_backup(parts.settings, archive)
    found, again = restored(parts, archive)
    again.database.dispose()
    assert found["answered"] == 0
    found, again = restored(parts, old)
    try:
        last = Consents(again.database).of("ann")
        assert last is not None
        assert last.agreed is False
    finally:
        again.database.dispose()


def test_who_was_forgotten_does_not_come_back_by_an_answer(parts: Parts, tmp_path: Path) -> None:
    archive = tmp_path / "archive.tar"
    write_backup(parts.settings, archive)
    consents = Consents(parts.database)
    consents.put(ADA, False, "1")
    forget(parts.database, ADA)
    found, again = restored(parts, archive)
    try:
        assert Consents(again.database).of(ADA) is None
        assert (found["answered"], found["forgotten"]) == (0, 1)
    finally:
        again.database.dispose()
