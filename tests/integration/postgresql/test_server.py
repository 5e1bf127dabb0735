"""What only a server can do wrong: restart, refuse, hold a lock, keep what a file would keep."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from psycopg import sql
from sqlalchemy import Connection, select, text
from sqlalchemy.exc import OperationalError

from feedback.conversations import Conversations
from feedback.database import Database
from feedback.engines import WRITE_LOCK
from feedback.store import FeedbackStore
from feedback.tables import votes
from feedback.types import Completion, FeedbackError
from ratchet.lease import Lease
from ratchet.worker import take_turns
from serving.storage_errors import storage_failed
from tests.postgresql_kit import PostgresServer
from tests.serving_kit import service

ROOT = Path(__file__).parents[3]
SECRET = "not-for-the-log"


def answer(id_: str, question: str = "?", said: str = "", **changes: str) -> Completion:
    row = {"id": id_, "conversation": id_, "person": "ada", "interface": "page", **changes}
    asked = ({"role": "user", "content": question},)
    return Completion(messages=asked, text=said, responder="rag", sampling={}, **row)  # type: ignore[arg-type]


@pytest.fixture
def store(database: Database) -> FeedbackStore:
    return FeedbackStore(database)


@pytest.fixture
def own_server(postgresql: PostgresServer) -> Iterator[PostgresServer]:
    """The server of all tests, for one that stops it: it runs again afterwards."""
    yield postgresql
    postgresql.stop()
    postgresql.start()


def setting(database: Database, name: str) -> str:
    with database.write() as connection:
        return str(connection.execute(text(f"SHOW {name}")).scalar_one())


def test_a_write_waits_for_the_disk_although_the_server_was_told_not_to(
    postgresql: PostgresServer, new_url: Callable[[], str]
) -> None:
    url = new_url()
    name = sql.Identifier(url.partition("?")[0].rpartition("/")[2])
    for careless in ("synchronous_commit = off", "default_transaction_isolation = serializable"):
        postgresql.execute(sql.SQL("ALTER DATABASE {} SET " + careless).format(name))
    database = Database(url)
    assert setting(database, "synchronous_commit") == "on"
    assert setting(database, "transaction_isolation") == "read committed"
    assert setting(database, "lock_timeout") == "1min"
    database.dispose()


def test_the_short_form_of_the_address_means_the_same_driver(new_url: Callable[[], str]) -> None:
    database = Database(new_url().replace("+psycopg", ""))
    database.check()
    database.dispose()


def test_what_sqlite_keeps_postgresql_keeps(store: FeedbackStore) -> None:
    """Letters in two cases are two ids, and no text comes back changed."""
    odd = "한국어 ✈ 👩‍🚀 'quoted' \"twice\" \\ % _ \n\t\x01"
    store.open_completion(answer("Case", odd, odd))
    store.open_completion(answer("case"))
    store.record_vote("Case", "ada", True, (odd,), odd)
    kept = store.completion("Case")
    vote = store.vote("Case", "ada")
    assert kept is not None
    assert vote is not None
    assert (kept.text, kept.messages[0]["content"]) == (odd, odd)
    assert (vote.reasons, vote.comment) == ((odd,), odd)
    assert store.vote("case", "ada") is None


def test_a_nul_in_a_request_is_the_callers_mistake(
    tmp_path: Path, new_url: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = new_url()
    monkeypatch.setattr("tests.serving_kit.default_url", lambda _: url)
    with service(tmp_path) as made:
        answered = made.chat()
        assert answered.status_code == 200
        vote = made.http.put(f"/v1/feedback/votes/{answered.json()['id']}", json={"liked": True})
        refused = [
            made.http.put("/v1/feedback/votes/a%00b", json={"liked": True}),
            made.http.get("/v1/conversations/%00"),
            made.http.get("/v1/conversations", params={"query": "\0"}),
            made.chat("\0"),
            made.chat(conversation="a\0"),
        ]
        counted = made.store.counts()
    assert vote.status_code == 200
    said = [(answer.status_code, answer.json()["error"]["type"]) for answer in refused]
    assert said == [(404, "not_found_error")] * 2 + [(400, "invalid_request_error")] * 3
    assert (counted.votes, counted.completions) == (1, 1)


@pytest.mark.parametrize(
    ("said", "sought"),
    [
        ("Wie weit? Straße", "STRASSE"[:4]),
        ("여행자 보험", "여행자"),
        ("ΣΊΣΥΦΟΣ", "σίσυφοσ"),
        ("ΣΊΣΥΦΟΣ", "ΣΊΣΥΦΟΣ"),
        ("100 % sure_ly", "% SURE_"),
        ("ÀÉÎ", "àéî"),
    ],
)
def test_words_are_found_in_capitals_or_not(
    store: FeedbackStore, database: Database, said: str, sought: str
) -> None:
    store.open_completion(answer("a", "?", said))
    store.open_completion(answer("b", "?", "else"))
    assert [c.id for c in Conversations(database).list("ada", sought)] == ["a"]


def test_after_a_restart_the_next_write_and_the_next_read_reconnect(
    own_server: PostgresServer, store: FeedbackStore
) -> None:
    store.open_completion(answer("a"))
    before = store.database.data_version()
    own_server.stop()
    with pytest.raises(OperationalError):
        store.record_vote("a", "ada", True)
    with pytest.raises(OperationalError):
        store.database.data_version()
    own_server.start()
    assert store.record_vote("a", "ada", False) is not None
    assert store.counts().votes == 1
    assert store.database.data_version() != before


def test_a_worker_outlives_a_restart(
    own_server: PostgresServer, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    led, stop = threading.Event(), threading.Event()
    monkeypatch.setattr("ratchet.worker.LOOK_FOR_LEASE", 0.05)
    monkeypatch.setattr("ratchet.worker.lead", lambda *_: led.set())
    own_server.stop()
    lease = Lease(database, "elsewhere/1/1.00")
    worker = threading.Thread(target=take_turns, args=(None, lease, stop))
    worker.start()
    try:
        assert not led.wait(0.5)
        assert worker.is_alive()
        own_server.start()
        assert led.wait(20)
    finally:
        stop.set()
        worker.join()


def test_a_connection_that_is_lost_in_a_write_acknowledges_nothing_of_it(
    postgresql: PostgresServer, store: FeedbackStore
) -> None:
    store.open_completion(answer("a"))

    def lose(connection: Connection) -> None:
        vote = {"completion_id": "a", "person": "ada", "liked": True, "reasons": []}
        connection.execute(votes.insert(), {**vote, "comment": "", "created": 1.0, "updated": 1.0})
        mine = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
        postgresql.execute(sql.SQL("SELECT pg_terminate_backend({})").format(mine))
        connection.execute(select(votes))

    lost = store.database.submit(lose).exception()
    assert isinstance(lost, OperationalError)
    assert "does not answer" in str(storage_failed(lost))
    assert store.counts().votes == 0
    assert store.record_vote("a", "ada", True) is not None


def test_a_lock_that_somebody_holds_is_said_in_words(
    store: FeedbackStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("feedback.engines.WRITER_SETTINGS", ("SET lock_timeout = '200ms'",))
    other, hasty = store.database, Database(store.database.url)
    with other.write(), pytest.raises(OperationalError) as refused, hasty.write():
        pass
    assert "another program holds" in str(storage_failed(refused.value))
    hasty.dispose()


def test_two_processes_writers_never_overlap(store: FeedbackStore) -> None:
    with store.database.write() as connection:
        connection.execute(text("CREATE TABLE counter (n INTEGER)"))
        connection.execute(text("INSERT INTO counter VALUES (0)"))
    several = [Database(store.database.url) for _ in range(4)]

    def count(database: Database) -> None:
        for _ in range(25):
            with database.write() as connection:
                n = connection.execute(text("SELECT n FROM counter")).scalar_one()
                connection.execute(text("UPDATE counter SET n = :n"), {"n": n + 1})

    threads = [threading.Thread(target=count, args=(database,)) for database in several]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for database in several:
        database.dispose()
    with store.database.read() as connection:
        held = connection.execute(
            text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = :lock"),
            {"lock": WRITE_LOCK},
        )
        assert held.scalar_one() == 0
        assert connection.execute(text("SELECT n FROM counter")).scalar_one() == 100


def test_a_database_that_cannot_hold_every_text_is_refused(postgresql: PostgresServer) -> None:
    url = postgresql.url("narrow")
    postgresql.execute(
        sql.SQL("CREATE DATABASE narrow ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0")
    )
    database = Database(url)
    with pytest.raises(FeedbackError, match="SQL_ASCII"):
        database.check()
    database.dispose()
    postgresql.drop(url)


def command(url: str, *words: str, code: str = "from ratchet.cli import main; main()") -> str:
    """Run a command that must fail, and return all that it says."""
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
        env={**os.environ, "RATCHET_DATABASE_URL": url},
    )
    assert done.returncode == 1, done
    return done.stdout + done.stderr


@pytest.mark.parametrize("words", [("worker",), ("feedback", "forget", "ada"), ("doctor",)])
def test_a_server_that_is_gone_is_one_sentence_without_the_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.setenv("RATCHET_HOME", str(tmp_path))
    url = f"postgresql+psycopg://ada:{SECRET}@127.0.0.1:1/ratchet?password={SECRET}"
    said = command(url, *words)
    assert "127.0.0.1:1/ratchet does not answer" in said
    assert "Traceback" not in said
    assert SECRET not in said


def test_a_database_that_is_not_there_is_named(
    postgresql: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RATCHET_HOME", str(tmp_path))
    said = command(postgresql.url("nowhere"), "feedback", "forget", "ada")
    assert 'database "nowhere" does not exist' in said
    assert "Traceback" not in said


def test_a_driver_that_is_missing_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RATCHET_HOME", str(tmp_path))
    code = "import sys; sys.modules['psycopg'] = None\nfrom ratchet.cli import main; main()"
    url = f"postgresql+psycopg://ada:{SECRET}@db.example/ratchet"
    said = command(url, "feedback", "forget", "ada", code=code)
    assert "pip install 'psycopg[binary]'" in said
    assert "Traceback" not in said
    assert SECRET not in said


@pytest.mark.parametrize(
    "url", [f"postgresql:/ada:{SECRET}@host", f"postgresql+asyncpg://ada:{SECRET}@host/x"]
)
def test_an_address_that_is_wrong_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(FeedbackError, match=r"postgresql\+psycopg://") as refused:
        Database(url)
    assert SECRET not in str(refused.value)
