"""The command line: one JSON object, exit codes, and what a failure says."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from sqlalchemy import insert

import ratchet.tables  # noqa: F401
from feedback.database import Database, default_url
from feedback.tables import completions
from ratchet.cli import main
from ratchet.migrations import migrate

ROOT = Path(__file__).parents[2]

CYCLE: dict[str, Any] = {
    "id": 3, "request": 7, "state": "done", "outcome": "rejected", "reason": "liked less.",
    "adapter": "ratchet-0003", "promoted": None, "dataset": {"hash": "ab"}, "gate": None,
    "stages": [{"name": "collect", "state": "done", "seconds": 1, "progress": 1.0, "detail": ""}],
}  # fmt: skip


class Answers(BaseHTTPRequestHandler):
    """A service that knows its lines."""

    asked: ClassVar[list[tuple[str, str, Any, str]]] = []
    looks: ClassVar[list[list[dict[str, Any]]]] = []

    def do_GET(self) -> None:
        self._note(None)
        if self.path.startswith("/v1/cycles"):
            shown = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
            self._answer(200, {"cycles": shown})
        else:
            self._answer(200, {"live": "rag"})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._note(body)
        if self.path == "/v1/cycles":
            self._answer(200, {"request": 7})
        elif self.path == "/v1/rollback":
            message = "nothing lies below"
            self._answer(409, {"error": {"message": message, "type": "t", "code": "c"}})
        else:
            self._answer(200, {"live": "base", "previous": "rag"})

    def _note(self, body: object) -> None:
        self.asked.append((self.command, self.path, body, self.headers.get("Authorization", "")))

    def _answer(self, status: int, body: object) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Keep quiet."""


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Answers]]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    (tmp_path / "operator.token").write_text("secret\n", encoding="utf-8")
    monkeypatch.setenv("RATCHET_HOME", str(tmp_path))
    monkeypatch.setenv("RATCHET_WEB_URL", f"http://127.0.0.1:{server.server_port}")
    Answers.asked.clear()
    Answers.looks[:] = [[CYCLE]]
    yield Answers
    server.shutdown()
    server.server_close()
    thread.join()


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["ratchet", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_status_prints_one_object_and_sends_the_operators_token(
    service: type[Answers], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "status", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"live": "rag"}
    assert service.asked == [("GET", "/v1/status", None, "Bearer secret")]


def test_a_cycle_that_promotes_nothing_is_no_failure(
    service: type[Answers], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    running = {**CYCLE, "state": "running", "outcome": None}
    other = {**CYCLE, "request": 6}
    service.looks[:] = [[other], [running, other], [CYCLE, other]]
    monkeypatch.setattr("ratchet.follow.LOOK_EVERY", 0.0)
    assert run(monkeypatch, "cycle", "--json", "--method", "kto") == 0
    said = capsys.readouterr()
    assert json.loads(said.out) == CYCLE
    assert "collect" in said.err
    assert service.asked[0][:3] == ("POST", "/v1/cycles", {"method": "kto"})


def test_a_failed_cycle_is_a_failure(
    service: type[Answers], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    service.looks[:] = [[{**CYCLE, "outcome": "failed", "reason": "train failed: no"}]]
    assert run(monkeypatch, "cycle") == 1
    assert "failed: train failed: no" in capsys.readouterr().out


def test_a_request_that_nobody_takes_is_said(
    service: type[Answers], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    service.looks[:] = [[]]
    monkeypatch.setattr("ratchet.follow.PICKED_UP_WITHIN", 0.0)
    assert run(monkeypatch, "cycle", "--json") == 1
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "NoWorker"


def test_what_the_service_refuses_is_passed_on(
    service: type[Answers], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "rollback", "--reason", "worse") == 1
    assert "nothing lies below" in capsys.readouterr().err
    assert run(monkeypatch, "promote", "base", "--reason", "cheap") == 0
    assert "{" not in capsys.readouterr().out, "a sentence for people, not the object"
    assert run(monkeypatch, "promote", "base", "--reason", "cheap", "--json") == 0
    assert json.loads(capsys.readouterr().out)["live"] == "base"


@pytest.mark.parametrize(
    "words",
    [
        ("promote",),
        ("rollback",),
        ("cycle", "--method", "ppo"),
        ("nonsense",),
        ("feedback", "export"),
        ("demo", "vote", "--noise", "2"),
    ],
)
def test_wrong_usage_is_exit_code_2(
    monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    assert run(monkeypatch, *words) == 2


@pytest.mark.parametrize("words", [("status",), ("cycle",), ("hold", "--reason", "x")])
def test_without_a_service_the_way_to_start_one_is_said(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
) -> None:
    monkeypatch.setenv("RATCHET_HOME", str(tmp_path))
    monkeypatch.setenv("RATCHET_PORT", "1")  # nobody may listen there
    assert run(monkeypatch, *words) == 1
    assert "ratchet up" in capsys.readouterr().err


def test_a_refused_setting_is_no_trace(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RATCHET_PORT", "abc")
    assert run(monkeypatch, "status", "--json") == 1
    said = capsys.readouterr()
    assert json.loads(said.out)["error"]["code"] == "SettingsError"
    assert "RATCHET_PORT" in said.err


def test_feedback_goes_out_and_is_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RATCHET_HOME", str(tmp_path))
    database = Database(default_url(tmp_path))
    migrate(database)
    row: dict[str, Any] = dict.fromkeys(completions.columns.keys())
    row |= {"id": "c1", "conversation": "c", "person": "ann", "purpose": "chat", "messages": []}
    row |= {"text": "hi", "responder": "rag", "named": False, "passages": [], "sampling": {}}
    row |= {"status": "complete", "interface": "api", "created": 1.0, "updated": 1.0}
    with database.write() as db:
        db.execute(insert(completions).values(row))
    database.dispose()
    out = tmp_path / "out.jsonl"
    words = ("feedback", "export", "--format", "raw", "--out", str(out), "--json")
    assert run(monkeypatch, *words) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == 0
    assert run(monkeypatch, "feedback", "block", "ann", "--reason", "a bot", "--json") == 0
    assert json.loads(capsys.readouterr().out)["action"] == "block"
    assert run(monkeypatch, "feedback", "restore", "eve", "--reason", "why", "--json") == 1
    assert "'eve' was ever answered" in capsys.readouterr().err
    assert run(monkeypatch, "feedback", "forget", "ann", "--json") == 0
    assert json.loads(capsys.readouterr().out)["completions"] == 1


def test_feedback_comes_in_and_each_row_is_accounted_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RATCHET_HOME", str(tmp_path))
    database = Database(default_url(tmp_path))
    migrate(database)
    database.dispose()
    file, report = tmp_path / "in.jsonl", tmp_path / "report.jsonl"
    file.write_text('{"prompt": "q", "completion": "a", "label": true}\nbroken\n', "utf-8")
    words = ("feedback", "import", "--in", str(file), "--report", str(report))
    assert run(monkeypatch, *words, "--dry-run") == 0
    assert "1 would be added, 0 unchanged, 1 refused\nline 2: no JSON" in capsys.readouterr().out
    assert run(monkeypatch, *words, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["format"], found["added"], found["refused_rows"]) == ("kto", 1, 1)
    assert len(report.read_text(encoding="utf-8").splitlines()) == 2
    file.write_text("what is this", encoding="utf-8")
    assert run(monkeypatch, *words) == 1
    assert "name one of kto, dpo" in capsys.readouterr().err
    folder = tmp_path / "out"
    words = ("feedback", "export", "--format", "llamafactory", "--out", str(folder))
    assert run(monkeypatch, *words) == 0
    assert "left out: 1 dpo: vote" in capsys.readouterr().out
    assert run(monkeypatch, *words) == 1
    assert "name a folder that is not there yet" in capsys.readouterr().err


def test_backup_and_restore_bring_everything_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home, other, file = tmp_path / "home", tmp_path / "other", tmp_path / "b.tar"
    monkeypatch.setenv("RATCHET_HOME", str(home))
    database = Database(default_url(home))
    migrate(database)
    database.dispose()
    (home / "adapters" / "ratchet-0001").mkdir(parents=True)
    (home / "adapters" / "ratchet-0001" / "adapter_config.json").write_text("{}", encoding="utf-8")
    (home / "adapters" / ".draft").mkdir()
    assert run(monkeypatch, "backup", str(file), "--json") == 0
    assert file.stat().st_mode & 0o777 == 0o600
    assert run(monkeypatch, "restore", str(file)) == 1  # there is state already
    monkeypatch.setenv("RATCHET_HOME", str(other))
    capsys.readouterr()
    assert run(monkeypatch, "restore", str(file), "--json") == 0
    assert json.loads(capsys.readouterr().out)["home"] == str(other)
    assert (other / "adapters" / "ratchet-0001" / "adapter_config.json").read_text() == "{}"
    assert not (other / "adapters" / ".draft").exists()
    assert (other / "ratchet.db").is_file()


def test_python_m_ratchet_is_ratchet() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ratchet", "--help"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0
    assert "ratchet" in done.stdout


def test_a_path_that_cannot_be_used_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("RATCHET_HOME", str(tmp_path))
    out = tmp_path / "missing" / "votes.jsonl"
    assert run(monkeypatch, "feedback", "export", "--format", "kto", "--out", str(out)) == 1
    said = capsys.readouterr().err
    assert "missing" in said
    assert "check that it exists" in said
