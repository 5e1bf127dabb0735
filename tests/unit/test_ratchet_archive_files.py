"""What happens to a backup when files vanish under it, or have several names."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from feedback.database import Database
from ratchet import archive
from ratchet.archive import ArchiveError, write_backup
from ratchet.migrations import migrate
from ratchet.restore import read_backup
from ratchet.settings import Settings
from serving.records import AdapterRecord
from serving.registry import Registry


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A home with an adapter, which the database names, and two documents."""
    settings = Settings(home=tmp_path / "home")
    for name in ("adapters/ratchet-0001/weights", "documents/a.md", "documents/b.md"):
        path = settings.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name, encoding="utf-8")
    database = Database(settings.database)
    migrate(database)
    folder = str(settings.home / "adapters" / "ratchet-0001")
    record = AdapterRecord("ratchet-0001", folder, "f", "hash", "kto", "d", "1")
    Registry(database, "hash").add_adapter(record)
    database.dispose()
    return settings


@pytest.fixture
def vanish(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Let a file vanish after it was listed and before it is read."""
    listed = archive._published

    def later(name: str) -> None:
        def list_and_remove(home: Path) -> Iterator[tuple[str, Path]]:
            found = list(listed(home))
            (home / name).unlink()
            return iter(found)

        monkeypatch.setattr(archive, "_published", list_and_remove)

    return later


def test_a_document_that_vanishes_is_left_out(
    settings: Settings, vanish: Callable[[str], None], tmp_path: Path
) -> None:
    vanish("documents/a.md")
    write_backup(settings, tmp_path / "archive.tar")
    there = Settings(home=tmp_path / "there")
    assert read_backup(there, tmp_path / "archive.tar")["checked"]
    assert [path.name for path in (there.home / "documents").iterdir()] == ["b.md"]


def test_an_adapter_that_vanishes_is_missed(
    settings: Settings, vanish: Callable[[str], None], tmp_path: Path
) -> None:
    vanish("adapters/ratchet-0001/weights")
    with pytest.raises(ArchiveError, match="has vanished"):
        write_backup(settings, tmp_path / "archive.tar")
    assert not (tmp_path / "archive.tar").exists()


def test_a_file_with_two_names_comes_back_under_both(settings: Settings, tmp_path: Path) -> None:
    documents = settings.home / "documents"
    os.link(documents / "a.md", documents / "c.md")
    write_backup(settings, tmp_path / "archive.tar")
    there = Settings(home=tmp_path / "there")
    read_backup(there, tmp_path / "archive.tar")
    texts = {path.name: path.read_text() for path in (there.home / "documents").iterdir()}
    assert texts["c.md"] == texts["a.md"] == "documents/a.md"
