"""An archive brings everything back, or says what is wrong and changes nothing."""

import io
import json
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from feedback.database import Database, metadata
from feedback.history import history
from feedback.store import FeedbackStore
from feedback.types import Comparison, Completion
from ratchet import restore
from ratchet.archive import ArchiveError, write_backup
from ratchet.cycles import CycleStore
from ratchet.home_lock import shared
from ratchet.migrations import migrate
from ratchet.restore import read_backup
from ratchet.settings import Settings
from serving.records import AdapterRecord
from serving.registry import Registry

ODD = "한국어 ✈ 'quoted' \\ \n"


def fill(url: str, home: Path) -> None:
    """Put a row into every table that people and the loop fill, and a file into every folder."""
    database = Database(url)
    migrate(database)
    store = FeedbackStore(database)
    for id_ in ("a", "b"):
        asked = ({"role": "user", "content": ODD},)
        row = {"id": id_, "conversation": "talk", "person": "ada", "interface": "page"}
        store.open_completion(Completion(messages=asked, responder="rag", sampling={"n": 1}, **row))  # type: ignore[arg-type]
    store.close_completion("b", text=ODD, status="complete", ttft_ms=1.25)
    store.record_vote("a", "ada", True, (ODD,), ODD)
    store.record_vote("a", "ada", None)
    store.record_vote("b", "ada", False)
    store.record_correction("b", "ada", ODD)
    store.open_comparison(Comparison("pair", "ada", "a", "b"))
    store.record_outcome("pair", "ada", "right")
    registry = Registry(database, "hash")
    name = registry.next_adapter_name()
    folder = home / "adapters" / name
    registry.add_adapter(AdapterRecord(name, str(folder), "f", "hash", "kto", "d", "1"))
    registry.live()
    registry.promote(name, reason="better", actor="cycle", force=True)
    registry.rollback(reason="worse", actor="watch")
    CycleStore(database).request("auto", "tester")
    database.dispose()
    for path in (folder / "adapter_config.json", home / "documents" / "terms.md"):
        path.parent.mkdir(parents=True)
        path.write_text(f"{{}} {path.name}", encoding="utf-8")
    (home / "adapters" / ".draft").mkdir()
    (home / "adapters" / ".draft" / "half").write_text("half", encoding="utf-8")
    (home / "index").mkdir()
    for secret in ("cookie.key", "operator.token"):
        (home / secret).write_text(secret, encoding="utf-8")


def rows(url: str) -> dict[str, list[tuple[Any, ...]]]:
    database = Database(url)
    with database.read() as db:
        found = {
            table.name: sorted((tuple(row) for row in db.execute(select(table))), key=repr)
            for table in metadata.sorted_tables
        }
    database.dispose()
    return found


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    settings = Settings(home=tmp_path / "home")
    settings.home.mkdir()
    return settings


@pytest.fixture
def filled(home: Settings, new_url: Callable[[], str]) -> Settings:
    settings = home.model_copy(update={"database_url": new_url()})
    fill(settings.database, settings.home)
    return settings


@pytest.fixture
def archive(filled: Settings, tmp_path: Path) -> Path:
    file = tmp_path / "archive.tar"
    write_backup(filled, file)
    return file


@pytest.fixture
def empty(tmp_path: Path, new_url: Callable[[], str]) -> Settings:
    return Settings(home=tmp_path / "empty", database_url=new_url())


def test_every_row_and_every_published_file_comes_back(
    filled: Settings, archive: Path, empty: Settings
) -> None:
    found = read_backup(empty, archive)
    before, after = rows(filled.database), rows(empty.database)
    assert after.pop("adapters")[0][1] == str((empty.home / "adapters" / "ratchet-0001").resolve())
    assert before.pop("adapters")
    assert after == before
    assert sum(len(table) > 0 for table in before.values()) >= 10
    files = {str(p.relative_to(empty.home)) for p in empty.home.rglob("*") if p.is_file()}
    assert {name for name in files if not name.startswith("ratchet.db")} == {
        "adapters/ratchet-0001/adapter_config.json",
        "documents/terms.md",
        "cookie.key",
        "run/home.lock",
    }
    assert found["checked"]
    assert found["aside"] is None
    assert found["rows"]["votes"] == 2


def test_what_comes_back_goes_on(archive: Path, empty: Settings) -> None:
    read_backup(empty, archive)
    database = Database(empty.database)
    store, registry = FeedbackStore(database), Registry(database, "hash")
    assert store.record_vote("b", "ada", True) is not None
    assert [event.value for event in history(store.database, "vote", "b", "ada")] == [False, True]
    assert registry.next_adapter_name() == "ratchet-0002"
    assert registry.live() == "rag"
    again = registry.promote("ratchet-0001", reason="again", actor="op")
    assert again.id == 4
    assert CycleStore(database).request("kto", "tester") == 2
    database.dispose()


def test_an_archive_goes_from_either_kind_of_database_to_sqlite(
    filled: Settings, archive: Path, tmp_path: Path
) -> None:
    there = Settings(home=tmp_path / "there")
    read_backup(there, archive)
    assert rows(there.database)["votes"] == rows(filled.database)["votes"]
    assert (there.home / "ratchet.db").stat().st_mode & 0o777 == 0o600


def test_nothing_is_written_over_unless_told_and_then_it_is_set_aside(
    filled: Settings, archive: Path
) -> None:
    with pytest.raises(ArchiveError, match="--replace"):
        read_backup(filled, archive)
    database = Database(filled.database)
    FeedbackStore(database).record_vote("a", "ada", True)
    database.dispose()
    (filled.home / "documents" / "terms.md").write_text("newer", encoding="utf-8")
    found = read_backup(filled, archive, replace=True)
    aside = Path(found["aside"])
    assert (aside / "documents" / "terms.md").read_text(encoding="utf-8") == "newer"
    assert (filled.home / "documents" / "terms.md").read_text(encoding="utf-8") == "{} terms.md"
    assert (aside / "index").is_dir()
    liked = {row[0]: row[2] for row in rows(filled.database)["votes"]}
    assert liked == {"a": None, "b": False}


def test_a_database_that_holds_rows_is_not_written_over(
    filled: Settings, archive: Path, tmp_path: Path
) -> None:
    elsewhere = filled.model_copy(update={"home": tmp_path / "elsewhere"})
    before = rows(filled.database)
    with pytest.raises(ArchiveError, match="--replace"):
        read_backup(elsewhere, archive)
    assert rows(filled.database) == before


def test_a_home_that_is_in_use_is_left_alone(filled: Settings, archive: Path) -> None:
    taken = pytest.raises(ArchiveError, match="stop it first")
    with shared(filled.home), shared(filled.home), taken:
        read_backup(filled, archive, replace=True)
    assert read_backup(filled, archive, replace=True)["aside"]


def test_nothing_starts_until_a_restore_has_ended(
    empty: Settings, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def last() -> None:
        with shared(empty.home):
            pytest.fail("something could start")

    monkeypatch.setattr(restore.os, "sync", last)
    with pytest.raises(ArchiveError, match="until it has ended"):
        read_backup(empty, archive)


@pytest.mark.parametrize("broken", ["last step", "migration"])
def test_a_restore_that_fails_leaves_the_home_as_it_was(
    filled: Settings, archive: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    (filled.home / "documents" / "terms.md").write_text("newer", encoding="utf-8")
    before = rows(filled.database), files_in(filled.home)

    def fail(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    if broken == "migration":
        monkeypatch.setattr(restore, "migrate", fail)
    elif filled.database.startswith("sqlite"):
        exchanged = restore._exchanged

        @contextmanager
        def exchange_and_fail(*arguments: Any) -> Iterator[Path | None]:
            with exchanged(*arguments) as aside:
                assert aside is not None
                assert (filled.home / "documents" / "terms.md").read_text() != "newer"
                fail()
                yield aside

        monkeypatch.setattr(restore, "_exchanged", exchange_and_fail)
    else:
        monkeypatch.setattr(restore, "copy_rows", fail)
    with pytest.raises((ArchiveError, OSError), match="No space left") as caught:
        read_backup(filled, archive, replace=True)
    assert broken == "migration" or str(filled.home) in str(caught.value)
    assert (rows(filled.database), files_in(filled.home)) == before
    monkeypatch.undo()
    assert read_backup(filled, archive, replace=True)["aside"]


def files_in(home: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(home)): path.read_bytes()
        for path in home.rglob("*")
        if path.is_file() and "ratchet.db" not in path.name and path.parent.name != "run"
    }


def test_an_archive_from_before_the_manifest_comes_back_unchecked(
    filled: Settings, archive: Path, empty: Settings
) -> None:
    content = members(archive)
    del content["manifest.json"]
    rewrite(archive, content)
    found = read_backup(empty, archive)
    assert (found["checked"], found["files"]) == (False, len(content))
    assert rows(empty.database)["votes"] == rows(filled.database)["votes"]


def members(archive: Path) -> dict[str, bytes]:
    with tarfile.open(archive) as tar:
        opened = {info.name: tar.extractfile(info) for info in tar.getmembers()}
        return {name: file.read() for name, file in opened.items() if file is not None}


def rewrite(archive: Path, content: dict[str, bytes]) -> None:
    with tarfile.open(archive, "w") as tar:
        for name, data in content.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


def test_an_archive_lists_its_files_and_is_the_owners_only(archive: Path) -> None:
    content = members(archive)
    manifest = json.loads(content.pop("manifest.json"))
    assert manifest["files"].keys() == content.keys()
    assert archive.stat().st_mode & 0o777 == 0o600
    assert "operator.token" not in content
    assert b"cookie.key" in content["cookie.key"]
    assert [path.name for path in archive.parent.glob(".*")] == []


@pytest.mark.parametrize("harm", ["changed", "missing", "added", "manifest cut off", "cut"])
def test_a_damaged_archive_is_refused_before_anything_is_touched(
    archive: Path, empty: Settings, harm: str
) -> None:
    content = members(archive)
    if harm == "changed":
        content["documents/terms.md"] = b"{} terms.mD"
    elif harm == "missing":
        del content["cookie.key"]
    elif harm == "added":
        content["adapters/evil"] = b"x"
    rewrite(archive, content)
    if harm == "manifest cut off":
        with tarfile.open(archive) as tar:
            end = tar.getmember("manifest.json").offset
        archive.write_bytes(archive.read_bytes()[:end])
    if harm == "cut":
        archive.write_bytes(archive.read_bytes()[:2000])
    with pytest.raises(ArchiveError, match=r"damaged|cannot be read"):
        read_backup(empty, archive)
    assert [path.name for path in empty.home.iterdir()] == ["run"]


def test_a_database_that_the_service_never_made_is_no_backup(
    home: Settings, new_database: Callable[[], Database], tmp_path: Path
) -> None:
    settings = home.model_copy(update={"database_url": new_database().url})
    with pytest.raises(ArchiveError, match="revision None"):
        write_backup(settings, tmp_path / "archive.tar")
    assert list(tmp_path.glob("*archive*")) == []
