"""What a start needs: secrets, a port, the base model, and a doctor who names what is missing."""

import json
import os
import socket
import stat
import threading
from pathlib import Path

import psutil
import pytest

from demo.conversation import TEMPLATE
from feedback.database import Database
from feedback.store import FeedbackStore
from ratchet.base_model import base_hash, base_path
from ratchet.client import run_file, service_url
from ratchet.console import Waiting
from ratchet.credentials import FILES, write_secrets
from ratchet.doctor import examine, pins
from ratchet.migrations import migrate
from ratchet.settings import Settings, SettingsError
from ratchet.supervisor import _only_one, free_port
from ratchet.web import listen, say_where
from ratchet.wiring import open_database, serving_config, tool_parser


def settings(home: Path, **given: object) -> Settings:
    return Settings(home=home, base_model=str(home / "model"), **given)  # type: ignore[arg-type]


def model(home: Path) -> Path:
    folder = home / "model"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}", encoding="utf-8")
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


def test_secrets_are_written_once_and_only_their_owner_may_read_them(tmp_path: Path) -> None:
    mine = settings(tmp_path / "home")
    threads = [threading.Thread(target=write_secrets, args=(mine,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    first = {name: mine.secret(name) for name in FILES}
    write_secrets(mine)
    assert {name: mine.secret(name) for name in FILES} == first
    assert len(set(first.values())) == len(FILES)
    assert min(map(len, first.values())) >= 40
    modes = {stat.S_IMODE((mine.home / name).stat().st_mode) for name in FILES}
    assert modes == {0o600}
    assert sorted(p.name for p in mine.home.iterdir()) == sorted(FILES)


def test_only_a_base_that_calls_tools_is_started_with_a_parser(tmp_path: Path) -> None:
    base = model(tmp_path)
    assert tool_parser(settings(tmp_path), base) == ""
    (base / "chat_template.jinja").write_text(TEMPLATE, encoding="utf-8")
    assert tool_parser(settings(tmp_path), base) == "hermes"
    assert tool_parser(settings(tmp_path, engine={"tool_parser": "none"}), base) == ""
    assert tool_parser(settings(tmp_path, engine={"tool_parser": "qwen3_xml"}), base) == "qwen3_xml"
    elsewhere = settings(tmp_path, engine_url="http://10.0.0.2:8000")
    assert tool_parser(elsewhere, base) == ""


def test_a_baseline_that_searches_needs_a_parser(tmp_path: Path) -> None:
    base = model(tmp_path)
    searching = settings(tmp_path, promotion={"baseline": "agent"})
    with pytest.raises(SettingsError, match=r"engine\.tool_parser"):
        tool_parser(searching, base)
    both = settings(tmp_path, promotion={"baseline": "agent"}, engine={"tool_parser": "hermes"})
    config = serving_config(both, base, "hash")
    assert (config.baseline, config.tool_parser) == ("agent", "hermes")


def test_a_secret_that_was_given_is_not_written(tmp_path: Path) -> None:
    mine = settings(tmp_path / "home", operator_token="given", internal_key="given too")
    write_secrets(mine)
    assert [p.name for p in mine.home.iterdir()] == ["cookie.key"]


def test_a_taken_port_is_named_with_the_way_out(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(SettingsError, match=f"port = {port} .*RATCHET_PORT"):
            listen("127.0.0.1", port)
        with Waiting() as waiting, pytest.raises(SettingsError, match="RATCHET_PORT"):
            free_port(settings(tmp_path, port=port), waiting)


def test_port_0_is_any_free_one(tmp_path: Path) -> None:
    with Waiting() as waiting:
        port = free_port(settings(tmp_path, port=0), waiting)
    assert port > 1024


def test_a_second_service_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    with (
        _only_one(tmp_path),
        pytest.raises(SettingsError, match="already runs"),
        _only_one(tmp_path),
    ):
        pass
    with _only_one(tmp_path):
        pass


def test_the_service_is_found_where_it_said_it_is(tmp_path: Path) -> None:
    mine = settings(tmp_path, port=1234)
    assert service_url(mine) == "http://127.0.0.1:1234"
    say_where(mine, 4321)
    assert service_url(mine) == "http://127.0.0.1:4321"
    said = json.loads(run_file(tmp_path).read_text(encoding="utf-8"))
    assert said["pid"] == os.getpid()
    # Left behind by a killed service: its port may be somebody else's by now.
    stale = said | {"started": psutil.Process().create_time() - 100}
    run_file(tmp_path).write_text(json.dumps(stale), encoding="utf-8")
    assert service_url(mine) == "http://127.0.0.1:1234"
    assert service_url(settings(tmp_path, web_url="http://there:1/")) == "http://there:1"


def test_the_base_is_what_its_files_say_wherever_they_lie(tmp_path: Path) -> None:
    here, there = model(tmp_path / "a"), model(tmp_path / "b")
    cache = tmp_path / "run" / "base-hash.json"
    first = base_hash(here, cache)
    assert base_hash(here, cache) == first == base_hash(there, tmp_path / "other.json")
    (here / "model.safetensors").write_bytes(b"others!")
    os.utime(here / "model.safetensors", (1, 1))
    assert base_hash(here, cache) != first


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    with pytest.raises(SettingsError, match=r"holds no config\.json"):
        base_path(settings(tmp_path))


def test_a_name_that_is_no_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="RATCHET_BASE_MODEL"):
        base_path(Settings(home=tmp_path, base_model="nobody/nothing"))


def test_the_doctor_finds_nothing_wrong_where_nothing_is(tmp_path: Path) -> None:
    model(tmp_path)
    findings = {f.name: f for f in examine(settings(tmp_path, port=0))}
    wrong = [f for f in findings.values() if not f.ok]
    assert not wrong
    assert {"python", "packages", "database", "base model", "engine", "port"} <= findings.keys()


def test_the_doctor_names_what_is_wrong_and_the_fix(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        broken = settings(tmp_path, port=port, engine_url="http://127.0.0.1:1")
        Database(broken.database).create_tables()  # tables that no migration made
        findings = {f.name: f for f in examine(broken)}
    for name in ("database", "base model", "engine", "port"):
        assert not findings[name].ok, findings[name]
        assert findings[name].fix
    database = Database(broken.database)
    database.dispose()


def test_the_doctor_knows_a_migrated_database(tmp_path: Path) -> None:
    mine = settings(tmp_path, port=0)
    database = Database(mine.database)
    migrate(database)
    database.dispose()
    (found,) = [f for f in examine(mine) if f.name == "database"]
    assert found.ok, found


def test_pins_are_read_from_the_requirements(tmp_path: Path) -> None:
    file = tmp_path / "cpu.txt"
    text = '# a comment\ntorch==2.13.0\naudioop-lts==0.2.2 ; python_version >= "3.13"\n'
    file.write_text(text, encoding="utf-8")
    assert pins(file) == {"torch": "2.13.0", "audioop-lts": "0.2.2"}


def test_a_command_before_the_first_start_finds_empty_tables(tmp_path: Path) -> None:
    database = open_database(settings(tmp_path))
    assert FeedbackStore(database).counts().votes == 0
    database.dispose()
