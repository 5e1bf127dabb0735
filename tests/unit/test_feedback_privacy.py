"""A person can be forgotten; what is left is counted right."""

import threading
from pathlib import Path

import pytest

from feedback import theirs
from feedback.database import Database
from feedback.erasures import finish, ledger, unfinished
from feedback.fingerprints import Fingerprints, take
from feedback.privacy import carry_out, forget, prepare
from feedback.store import FeedbackStore
from feedback.summary import summarise
from feedback.tables import erasures, metadata
from feedback.types import Comparison, Completion, Counts, UnknownCompletion


@pytest.fixture
def store(database: Database) -> FeedbackStore:
    return FeedbackStore(database)


def speak(store: FeedbackStore, person: str, secret: str) -> None:
    """Say everything that can be said, with the secret in all that is free text."""
    for side in ("left", "right"):
        store.open_completion(
            Completion(
                id=f"{person}-{side}",
                conversation=f"{secret} talk",
                person=person,
                messages=({"role": "user", "content": f"{secret} asked"},),
                text=f"{secret} answered",
                steps=({"tool": "search", "query": f"{secret} searched", "passages": []},),
                responder="rag",
                sampling={},
                status="complete",
            )
        )
    store.record_vote(f"{person}-left", person, True, (f"{secret} reason",), f"{secret} comment")
    store.record_vote(f"{person}-left", person, False)
    store.record_correction(f"{person}-left", person, f"{secret} corrected")
    store.record_correction(f"{person}-left", person, f"{secret} corrected again")
    store.open_comparison(Comparison(f"{person}-pair", person, f"{person}-left", f"{person}-right"))
    store.record_outcome(f"{person}-pair", person, "left")


def test_a_forgotten_persons_words_are_on_no_page_of_sqlite(
    store: FeedbackStore, tmp_path: Path
) -> None:
    speak(store, "ada", "xyzzy")
    speak(store, "bob", "plugh")
    forget(store.database, "ada")
    files = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert [name for name, content in files.items() if b"xyzzy" in content] == []
    assert any(b"plugh" in content for content in files.values())


def test_a_forgotten_person_is_in_no_table(store: FeedbackStore) -> None:
    speak(store, "ada", "xyzzy")
    speak(store, "bob", "plugh")
    counts = forget(store.database, "ada").counts
    assert {table: count for table, count in counts.items() if count} == {
        "comparison_events": 1,
        "comparisons": 1,
        "completions": 2,
        "conversations": 1,
        "correction_events": 2,
        "corrections": 1,
        "vote_events": 2,
        "votes": 1,
    }
    [entry] = unfinished(store.database)
    finish(store.database, entry.id, ["ratchet-0001"], 5.0)
    assert unfinished(store.database) == []
    [entry] = ledger(store.database)
    assert (entry.left, entry.done, entry.adapters) == ({}, 5.0, ("ratchet-0001",))
    assert entry.means("ada")
    assert not entry.means("bob")
    with store.database.read() as connection:
        for table in set(metadata.sorted_tables) - {erasures}:
            assert "ada" not in str(connection.execute(table.select()).all()), table.name
    assert store.counts() == Counts(votes=1, comparisons=1, corrections=1, completions=2)


def test_forgetting_again_finds_nothing_and_late_words_find_no_answer(
    store: FeedbackStore,
) -> None:
    speak(store, "ada", "xyzzy")
    first = forget(store.database, "ada")
    assert forget(store.database, "ada").id == first.id
    assert [entry.id for entry in ledger(store.database)] == [first.id]
    with pytest.raises(UnknownCompletion):
        store.record_vote("ada-left", "ada", True)
    with pytest.raises(UnknownCompletion):
        store.close_completion("ada-left", text="late", status="complete")


def test_inside_the_write_only_what_is_new_is_read(
    store: FeedbackStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside: list[str] = []

    def watched(key: bytes, text: str) -> frozenset[str]:
        if threading.current_thread().name.startswith("writer"):
            inside.append(text)
        return take(key, text)

    monkeypatch.setattr(theirs, "take", watched)
    speak(store, "ada", "xyzzy from the north")
    begun = prepare(store.database, "ada")
    store.record_vote("ada-left", "ada", True, (), "and this came in between")
    left = carry_out(store.database, begun)
    assert set(inside) == {"and this came in between"}
    texts = Fingerprints.from_json(left.key, left.left["texts"])
    for said in ("xyzzy from the north asked", "and this came in between"):
        assert texts.quoted(said) == 1, said


def test_an_entry_with_nothing_to_find_is_done(store: FeedbackStore) -> None:
    assert forget(store.database, "nobody").done is not None
    assert unfinished(store.database) == []


def test_what_was_asked_before_and_answered_after_is_dropped(store: FeedbackStore) -> None:
    def asked(id_: str, at: float, person: str = "ada") -> bool:
        store.open_completion(
            Completion(
                id=id_, conversation=id_, person=person, text="late",
                messages=({"role": "user", "content": "?"},), responder="rag", sampling={},
                status="complete", created=at,
            )
        )  # fmt: skip
        return store.completion(id_) is not None

    first = forget(store.database, "ada", clock=lambda: 10.0)
    assert [asked("a", 9.0), asked("b", 9.0, "bob"), asked("c", 11.0)] == [False, True, True]
    forget(store.database, "ada", clock=lambda: 20.0)
    again = forget(store.database, "ada", clock=lambda: 30.0)  # finds nothing; one is on its way
    assert (again.id != first.id, asked("d", 25.0), asked("e", 31.0)) == (True, False, True)


def test_the_summary_tells_simulated_and_named_votes_apart(store: FeedbackStore) -> None:
    for person, responder, named, liked in (
        ("ada", "rag", False, True),
        ("simulated-01", "rag", False, True),
        ("simulated-02", "rag", True, False),
        ("simulated%3", "base", False, None),
    ):
        store.open_completion(
            Completion(
                id=person,
                conversation="c",
                person=person,
                messages=({"role": "user", "content": "?"},),
                responder=responder,
                named=named,
                sampling={},
            )
        )
        if liked is not None:
            store.record_vote(person, person, liked)
    rag, base = summarise(store.database)
    assert (rag.responder, rag.liked, rag.total, rag.people) == ("rag", 2, 3, 3)
    assert (rag.simulated, rag.named, rag.served) == (2, 1, 3)
    assert rag.rate == pytest.approx(2 / 3)
    assert (base.total, base.served, base.rate) == (0, 1, None)
