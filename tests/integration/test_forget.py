"""A person is forgotten to the end: in rows, bytes, datasets, jobs, logs, exports and backups."""

import json
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from feedback.database import Database
from feedback.erasures import ledger, unfinished
from feedback.exchange import export_feedback
from feedback.privacy import PersonForgotten, forget
from ratchet import learn
from ratchet.archive import write_backup
from ratchet.cycle import Ending
from ratchet.forget import finish_all, forget_everywhere
from ratchet.leading import leads, mark_leader
from ratchet.lease import Lease
from ratchet.leftovers import Removed, remove_leftovers
from ratchet.restore import read_backup
from ratchet.settings import Settings
from ratchet.sought import Sought
from ratchet.stages import build_loop, forgotten
from ratchet.traces import Found, search
from ratchet.wiring import Parts
from serving.records import AdapterRecord
from tests.forget_kit import ADA, answer, begin, litter, open_home, speak, traces, turn
from training.dataset import DatasetError, read_manifest, verify
from training.erased import datasets

ROOT = Path(__file__).parents[2]


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Parts]:
    """A service's home in which Ada has spoken and an adapter is live that learned from it."""
    made = open_home(tmp_path / "home")
    speak(made)
    turn(made)
    litter(made.settings.home)
    yield made
    made.database.dispose()


def test_nothing_of_the_person_is_left_in_any_file(parts: Parts, tmp_path: Path) -> None:
    home = parts.settings.home
    before = traces(home)
    assert {"ratchet.db", "logs/web.log", "jobs/1/kto/log.txt", ".restore-x/train.jsonl"} < {
        name.removesuffix("-wal") for name in before
    }
    proof = forget_everywhere(parts.settings, ADA)
    assert traces(home) == []
    assert (home / "logs" / "web.log").read_text(encoding="utf-8").splitlines()[::2] == [
        "INFO all is well",
        "INFO on",
    ]
    assert proof["check"]["named"] == {}
    assert proof["check"]["quoted"] == {}
    assert (
        proof["rows"] | {"completions": 13, "votes": 12, "evaluation answers": 1} == (proof["rows"])
    )
    (tmp_path / "out").mkdir()
    for form in ("raw", "kto", "dpo", "sft"):
        export_feedback(parts.store, form, tmp_path / "out" / f"{form}.jsonl")  # type: ignore[arg-type]
    assert traces(tmp_path / "out") == []
    write_backup(parts.settings, tmp_path / "later" / "backup.tar")
    assert traces(tmp_path / "later") == []


def test_what_learned_from_the_person_is_listed_and_trained_anew(parts: Parts) -> None:
    home = parts.settings.home
    [dataset] = datasets(home)
    people = read_manifest(dataset)["counts"]
    proof = forget_everywhere(parts.settings, ADA)
    [knew] = proof["adapters"]
    assert (knew["name"], knew["is"], knew["dataset"]) == ("ratchet-0001", ["live"], dataset.name)
    assert sum(knew["rows"].values()) > 5
    assert parts.status.status()["knew_forgotten"] == ["ratchet-0001"]
    request = parts.cycles.next_request()
    assert request is not None
    assert (request.id, request.actor) == (proof["retrain"]["request"], proof["id"])
    with pytest.raises(DatasetError, match="forgotten"):
        verify(dataset)
    assert read_manifest(dataset)["counts"] == people
    assert not {"c3", "c13"} & set(json.dumps(read_manifest(dataset)["sources"]).split('"'))
    turn(parts, "ratchet-0002")
    [fresh] = set(datasets(home)) - {dataset}
    sources = json.dumps(read_manifest(fresh)["sources"])
    assert not any(f'"c{n}"' in sources for n in range(3, 120, 10))
    assert parts.status.status()["knew_forgotten"] == ["ratchet-0001"], "a rollback goes there"
    turn(parts, "ratchet-0003")
    assert parts.status.status()["knew_forgotten"] == []


def test_a_second_person_still_finds_the_adapters_that_knew_them(parts: Parts) -> None:
    forget_everywhere(parts.settings, ADA)
    proof = forget_everywhere(parts.settings, "person-4")
    assert [knew["name"] for knew in proof["adapters"]] == ["ratchet-0001"]


def test_the_same_words_of_others_are_theirs(parts: Parts) -> None:
    answer(parts, "same", "bob", "How long is the wait for zqask in policy 3?", "Who knows.")
    proof = forget_everywhere(parts.settings, ADA)
    assert "completions.messages" in proof["check"]["same_words_of_others"]
    assert proof["check"]["quoted"] == {}
    assert parts.store.completion("same") is not None


def test_without_the_schedule_training_is_left_to_people(parts: Parts) -> None:
    settings = parts.settings.model_copy(
        update={"schedule": parts.settings.schedule.model_copy(update={"enabled": False})}
    )
    proof = forget_everywhere(settings, ADA)
    assert proof["retrain"]["state"] == "by hand"
    assert "ratchet cycle" in proof["retrain"]["why"]
    assert parts.cycles.next_request() is None


def test_a_running_cycle_ends_before_it_makes_an_adapter(parts: Parts) -> None:
    run = begin(parts)
    learn.curate_window(parts, run)
    assert forgotten(parts, run) is None
    forget(parts.database, ADA)  # by another process, which has not come to the files yet
    ending = forgotten(parts, run)
    assert ending is not None
    assert ending.outcome == "skipped"
    finish_all(parts.settings, parts.database)
    assert forgotten(parts, run) == ending
    assert [file.name for file in Path(run.work["dataset_path"]).iterdir()] == ["manifest.json"]


def test_a_dataset_that_was_read_before_and_written_after_is_found(parts: Parts) -> None:
    run = begin(parts)
    rows = learn.curated(parts, run.cycle.cutoff, "kto")
    # A draft in a cycle that curates may be its own.
    shutil.rmtree(parts.settings.home / "datasets" / ".draft-x")
    forget_everywhere(parts.settings, ADA)
    dataset = learn.write_dataset(parts.settings.home, rows, {"late": True})
    run.keep(dataset_path=str(dataset.path))
    assert forgotten(parts, run) is not None
    assert traces(parts.settings.home) == []


def test_an_adapter_that_learned_from_who_is_gone_is_never_registered(parts: Parts) -> None:
    record = AdapterRecord("ratchet-0009", "/x", "f", "hash", "kto", "d", "1")
    forget(parts.database, ADA)
    with pytest.raises(PersonForgotten, match="1 of the answers"):
        parts.registry.add_adapter(record, {"c3", "c4"})
    assert parts.registry.adapter("ratchet-0009") is None


def test_a_cycle_that_ends_for_a_person_tidies_up_and_asks_for_another(parts: Parts) -> None:
    run, loop = begin(parts), build_loop(parts)
    assert isinstance(loop.stages["curate"](run), str)
    run.keep(name="ratchet-0002")
    left = [
        parts.settings.home / "jobs" / str(run.id) / "kto",
        parts.settings.home / "adapters" / "ratchet-0002",
    ]
    for folder in left:
        folder.mkdir(parents=True)
    forget(parts.database, ADA)
    ending = loop.stages["train"](run)
    assert isinstance(ending, Ending)
    loop.leave(run, ending)
    assert [folder.exists() for folder in left] == [False, False]
    request = parts.cycles.next_request()
    assert request is not None
    assert request.actor == f"cycle {run.id}"
    loop.leave(run, ending)  # again, after a crash
    parts.cycles.start(request, "me")
    assert parts.cycles.next_request() is None


def test_an_older_backup_comes_back_without_the_person(parts: Parts, tmp_path: Path) -> None:
    archive = tmp_path / "archive.tar"
    write_backup(parts.settings, archive)
    first = forget_everywhere(parts.settings, ADA)
    parts.database.dispose()
    found = read_backup(parts.settings, archive, replace=True)
    assert found["forgotten"] == 1
    shutil.rmtree(found["aside"])  # a full copy of what was there, which the output says
    home = parts.settings.home
    assert traces(home) == []
    again = sorted((home / "erasures").glob("*.json"))
    assert len(again) == 2
    assert {json.loads(file.read_text())["by"] for file in again} == {"command line", "restore"}
    restored = open_home(home)
    assert {entry.digest for entry in ledger(restored.database)} == {first["person"]["digest"]}
    assert restored.status.status()["knew_forgotten"] == ["ratchet-0001"]
    assert restored.store.counts().votes == 108
    restored.database.dispose()


def test_a_backup_knows_who_was_forgotten_before_it(parts: Parts, tmp_path: Path) -> None:
    forget_everywhere(parts.settings, ADA)
    answer(parts, "later", ADA, "Is hail covered?", "Yes.")  # whoever comes back is a new person
    archive, other = tmp_path / "archive.tar", Settings(home=tmp_path / "other")
    write_backup(parts.settings, archive)
    shutil.copytree(parts.settings.home / "erasures", other.home / "erasures")
    assert read_backup(other, archive)["forgotten"] == 0
    restored = open_home(other.home)
    assert restored.store.completion("later") is not None
    restored.database.dispose()


def test_a_dataset_that_a_killed_curation_left_is_found(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(parts.settings.home / "datasets" / ".draft-x")
    run, loop, write = begin(parts), build_loop(parts), learn.write_dataset

    class Killed(BaseException):
        pass

    def killed(*given: Any) -> None:
        forget_everywhere(parts.settings, ADA)  # proven before the dataset is there
        write(*given)
        raise Killed

    monkeypatch.setattr(learn, "write_dataset", killed)
    with pytest.raises(Killed):
        loop.stages["curate"](run)
    monkeypatch.setattr(learn, "write_dataset", write)
    draft = parts.settings.home / "datasets" / ".draft-y"
    draft.mkdir()
    (draft / "train.jsonl").write_text("zqask", encoding="utf-8")
    assert traces(parts.settings.home) != []
    run.begin("curate")
    assert isinstance(loop.stages["curate"](run), str)
    assert traces(parts.settings.home) == []


def test_a_broken_file_keeps_nobody_from_being_forgotten(parts: Parts) -> None:
    home = parts.settings.home
    job = home / "jobs" / "9" / "kto" / "job.json"
    job.parent.mkdir(parents=True)
    job.write_text("", encoding="utf-8")
    adapter = home / "adapters" / "broken" / "manifest.json"
    adapter.parent.mkdir()
    adapter.write_text("[", encoding="utf-8")
    proof = forget_everywhere(parts.settings, ADA)
    assert "9" in proof["jobs"]
    assert not job.exists()
    whys = {each["what"]: each["why"] for each in proof["remains"]}
    assert whys["adapters/broken/manifest.json"] == "not read: it is no manifest"
    assert unfinished(parts.database) == []


def test_one_that_fails_keeps_no_other_from_being_finished(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = forget(parts.database, ADA)
    second = forget(parts.database, "person-4")

    def broken(database: Database, home: Path, sought: Sought) -> Removed:
        if sought.erasure.id == first.id:
            raise OSError("the disk is broken")
        return remove_leftovers(database, home, sought)

    monkeypatch.setattr("ratchet.forget.remove_leftovers", broken)
    assert finish_all(parts.settings, parts.database) == [second.id]
    assert [entry.id for entry in unfinished(parts.database)] == [first.id]


def test_what_cannot_be_read_is_said(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    closed, opened = parts.settings.home / "logs" / "web.log", Path.open

    def refuse(path: Path, *given: Any, **named: Any) -> Any:
        if path == closed:
            raise PermissionError(13, "Permission denied")
        return opened(path, *given, **named)

    monkeypatch.setattr(Path, "open", refuse)
    proof = forget_everywhere(parts.settings, ADA)
    whys = {each["what"]: each["why"] for each in proof["remains"]}
    assert whys["logs/web.log"] == "not read: Permission denied"


def test_while_a_reader_holds_the_log_nothing_is_proven(parts: Parts) -> None:
    path = parts.settings.home / "ratchet.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM votes").fetchone()
        proof = forget_everywhere(parts.settings, ADA)
        assert "SQLite's log, ratchet.db-wal" in [each["what"] for each in proof["remains"]]
        assert finish_all(parts.settings, parts.database) == []
        assert [entry.id for entry in unfinished(parts.database)] == [proof["id"]]
        reader.execute("COMMIT")
    assert finish_all(parts.settings, parts.database) == [proof["id"]]
    assert traces(parts.settings.home) == []
    said = (parts.settings.home / "erasures" / f"{proof['id']}.txt").read_text(encoding="utf-8")
    assert "ratchet.db-wal" not in said


@pytest.mark.parametrize("name", ["Kim Minsu", "user:ada", "sim=1", "a,b", "org(ada)", "(x) [y]"])
def test_a_name_of_any_signs_is_found_in_logs_and_files(parts: Parts, name: str) -> None:
    home = parts.settings.home
    answer(parts, "short", name, "my phone is 01012345678", "Thank you, noted down")
    log = home / "logs" / "engine.log"
    lines = [f"INFO refused {name} at once", "INFO on", "ERROR: my phone is 01012345678 took 9 s"]
    log.write_text("\n".join([*lines, ""]), encoding="utf-8")
    (home / "notes.txt").write_text(f"call '{name}' back\n", encoding="utf-8")
    proof = forget_everywhere(parts.settings, name)
    blanked = log.read_text(encoding="utf-8").splitlines()
    assert (set(blanked[0]), blanked[1], set(blanked[2])) == ({"."}, "INFO on", {"."})
    assert proof["check"]["named"] == {"notes.txt": 1}


def test_many_erasures_share_one_search_and_empty_ones_need_none(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched: list[int] = []

    def counted(settings: Settings, database: Database, sought: Sequence[Sought]) -> list[Found]:
        searched.append(len(sought))
        return search(settings, database, sought)

    monkeypatch.setattr("ratchet.traces.search", counted)
    for n in range(5):
        forget(parts.database, f"nobody-{n}")
    finish_all(parts.settings, parts.database)
    assert searched == []
    for person in (ADA, "person-4", "person-5"):
        forget(parts.database, person)
    finish_all(parts.settings, parts.database)
    assert searched == [3]


def test_only_the_home_of_the_worker_that_leads_finishes(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'shared.db'}"
    worker, web = open_home(tmp_path / "worker", url), open_home(tmp_path / "web", url)
    speak(worker)
    turn(worker)
    said = forget_everywhere(web.settings, ADA)
    assert (said["completions"], said["proof"]) == (13, None)
    assert [entry.id for entry in unfinished(web.database)] == [said["erasure"]]
    assert traces(tmp_path / "worker") != []
    lease = Lease(worker.database, "host/1/1.0")
    assert lease.acquire()
    mark_leader(worker.settings.home, lease.holder)
    assert not leads(web.settings, web.database)
    assert forget_everywhere(worker.settings, ADA)["id"] == said["erasure"]
    assert unfinished(web.database) == []
    assert traces(tmp_path / "worker") == []
    for parts in (worker, web):
        parts.database.dispose()


KILLED = """
import os, signal, sys
from sqlalchemy import event
from sqlalchemy.engine import Engine
from ratchet.forget import forget_everywhere
from ratchet.settings import Settings
last, steps = int(sys.argv[2]), 0
def step(*_):
    global steps
    steps += 1
    if steps == last:
        os.kill(os.getpid(), signal.SIGKILL)
event.listen(Engine, "before_cursor_execute", step)
event.listen(Engine, "commit", step)
WATCHED = {"os.rename", "os.remove", "os.rmdir", "shutil.rmtree", "open"}
sys.addaudithook(lambda name, _: step() if name in WATCHED else None)
forget_everywhere(Settings(home=sys.argv[1]), sys.argv[3])
print(steps)
"""


def run_forget(home: Path, last: int) -> subprocess.CompletedProcess[str]:
    """Forget Ada in a process that is killed before its `last` step; 0: never."""
    return subprocess.run(
        [sys.executable, "-c", KILLED, str(home), str(last), ADA],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("kills", [6, pytest.param(60, marks=pytest.mark.slow)])
def test_wherever_it_is_killed_the_next_run_ends_the_same(
    parts: Parts, tmp_path: Path, kills: int
) -> None:
    parts.database.dispose()
    original = parts.settings.home
    whole = tmp_path / "whole"
    shutil.copytree(original, whole)
    done = run_forget(whole, 0)
    assert done.returncode == 0, done.stderr
    steps, expected = int(done.stdout.split()[-1]), outcome(whole)
    draw = random.Random(7)
    for number, last in enumerate(sorted(draw.sample(range(20, steps), kills))):
        home = tmp_path / f"killed-{number}"
        shutil.copytree(original, home)
        assert run_forget(home, last).returncode == -signal.SIGKILL
        assert run_forget(home, draw.randrange(20, steps)).returncode in {0, -signal.SIGKILL}
        assert run_forget(home, 0).returncode == 0
        assert (last, outcome(home)) == (last, expected)
        shutil.rmtree(home)


def outcome(home: Path) -> object:
    """What must be the same, however often it took."""
    left = open_home(home)
    try:
        assert unfinished(left.database) == []
        [entry] = ledger(left.database)
        proof = json.loads((home / "erasures" / f"{entry.id}.json").read_text(encoding="utf-8"))
        assert (home / "erasures" / f"{entry.id}.txt").is_file()
        assert traces(home) == []
        same = {key: proof[key] for key in ("rows", "datasets", "jobs", "adapters", "retrain")}
        files = {str(path.relative_to(home)) for path in home.rglob("*") if path.is_file()}
        return same, {f for f in files if not f.startswith(("erasures/", "ratchet.db"))}
    finally:
        left.database.dispose()
