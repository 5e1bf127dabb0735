"""Old texts that nobody judged go; whatever somebody reads, counts or trains on stays."""

from pathlib import Path
from typing import Any

import pytest

from feedback import retention
from feedback.conversations import Conversations
from feedback.database import Database
from feedback.exchange import export_feedback
from feedback.implied import iter_implied
from feedback.rankings import Rankings
from feedback.retention import BATCH, REMOVED, remove_texts
from feedback.store import FeedbackStore
from feedback.summary import summarise
from feedback.types import Comparison, Completion, Ranking
from feedback.uses import Uses
from training.preferences import read_preferences

OLD, BEFORE = 100.0, 1_000.0
SECRET = "xyzzy"


class Clock:
    now = OLD

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def store(database: Database) -> FeedbackStore:
    return FeedbackStore(database, Clock())


def serve(store: FeedbackStore, id_: str, **changes: Any) -> None:
    fields: dict[str, Any] = {
        "id": id_,
        "conversation": f"talk {id_}",
        "person": "ada",
        "messages": ({"role": "user", "content": f"{SECRET} {id_}?"},),
        "text": f"{SECRET} answer {id_}",
        "passages": ({"id": "p", "text": SECRET},),
        "steps": ({"tool": "search_documents", "query": SECRET, "passages": ["p"]},),
        "responder": "rag",
        "sampling": {"stop": SECRET},
        "status": "complete",
        "interface": "page",
        "created": OLD,
        "updated": OLD,
    }
    store.open_completion(Completion(**(fields | changes)))


def remove(store: FeedbackStore, **changes: Any) -> int:
    return remove_texts(store.database, BEFORE, pause=0, **changes)


def kept(store: FeedbackStore, *ids: str) -> list[bool]:
    found = [store.completion(id_) for id_ in ids]
    return [SECRET in repr(completion) for completion in found]


def test_what_was_asked_answered_and_found_goes_and_the_row_stays(store: FeedbackStore) -> None:
    serve(store, "a")
    serve(store, "young", created=BEFORE + 1)
    before = store.completion("a")
    assert before is not None
    assert remove(store) == 1
    assert remove(store) == 0
    after = store.completion("a")
    assert after is not None
    assert (after.messages, after.text, after.passages, after.sampling) == ((), REMOVED, (), {})
    rest = ("id", "person", "responder", "status", "created", "updated", "purpose", "conversation")
    assert [getattr(after, name) for name in rest] == [getattr(before, name) for name in rest]
    assert kept(store, "a", "young") == [False, True]


def test_whatever_somebody_said_of_an_answer_keeps_it(store: FeedbackStore) -> None:
    rankings = Rankings(store.database, store.clock)
    for id_ in ("voted", "back", "fixed"):
        serve(store, id_)
    for id_ in ("left", "right", "open-left", "open-right"):
        serve(store, id_, purpose="pair")
    for id_ in ("r1", "r2", "r3", "r", "o1", "o2", "o3"):
        serve(store, id_, purpose="pair", conversation="ranked")
    store.record_vote("voted", "ada", False)
    store.record_vote("back", "ada", True)
    store.record_vote("back", "ada", None)
    store.record_correction("fixed", "ada", "better")
    store.open_comparison(Comparison("pair", "ada", "left", "right"))
    store.record_outcome("pair", "ada", "tie")
    store.open_comparison(Comparison("open", "ada", "open-left", "open-right"))
    rankings.open(Ranking("rank", "ada", ("r1", "r2", "r3")))
    rankings.record("rank", "ada", (("r3",), ("r1", "r2")))
    rankings.open(Ranking("unranked", "ada", ("o1", "o2", "o3")))
    said = list(store.iter_votes()), list(store.iter_comparisons()), list(rankings.iter())
    assert remove(store) == 7
    assert kept(store, "voted", "fixed", "left", "right", "r1", "r2", "r3") == [True] * 7
    assert kept(store, "back", "open-left", "open-right", "r", "o1", "o2", "o3") == [False] * 7
    # What a cycle reads is what it was.
    assert said == (
        list(store.iter_votes()),
        list(store.iter_comparisons()),
        list(rankings.iter()),
    )


def test_what_is_counted_stays_as_it_was(store: FeedbackStore) -> None:
    for id_ in ("a", "b"):
        serve(store, id_)
    serve(store, "empty", text="")
    serve(store, "exam", purpose="evaluation", conversation="exam")
    before = store.counts(), summarise(store.database)
    assert remove(store) == 4
    assert (store.counts(), summarise(store.database)) == before
    empty = store.completion("empty")
    assert empty is not None
    assert empty.text == ""


def test_a_conversation_that_goes_on_keeps_all_of_it(store: FeedbackStore) -> None:
    serve(store, "first", conversation="long")
    serve(store, "later", conversation="long", created=BEFORE + 1)
    serve(store, "namesake", conversation="long", person="bob")
    serve(store, "streams", status="streaming")
    assert remove(store) == 1
    assert kept(store, "first", "later", "namesake", "streams") == [True, True, False, True]


def test_a_conversation_leaves_the_list_when_nothing_of_it_is_left(store: FeedbackStore) -> None:
    serve(store, "a", conversation="gone")
    serve(store, "b", conversation="part")
    serve(store, "c", conversation="part", messages=(
        {"role": "user", "content": "b?"},
        {"role": "assistant", "content": "answer b"},
        {"role": "user", "content": f"{SECRET} c?"},
    ))  # fmt: skip
    store.record_vote("c", "ada", True)
    remove(store)
    conversations = Conversations(store.database)
    assert [each.id for each in conversations.list("ada")] == ["part"]
    assert conversations.list("ada", REMOVED) == []
    assert [turn.completion.id for turn in conversations.turns("part", "ada")] == ["c"]
    assert [each.id for each in store.conversation("part", "ada")] == ["c"]
    assert store.conversation("gone", "ada") == []


def test_a_conversation_that_goes_on_after_all_is_listed_anew(store: FeedbackStore) -> None:
    conversations = Conversations(store.database)
    serve(store, "a", conversation="mine", interface="api")
    serve(store, "b", conversation="deleted")
    conversations.delete("deleted", "ada")
    remove(store)
    assert conversations.list("ada") == []
    again = ({"role": "user", "content": "Back?"},)
    for id_, talk in (("c", "mine"), ("d", "deleted")):
        serve(store, id_, conversation=talk, interface="api", created=BEFORE + 1, messages=again)
    assert [(each.id, each.title) for each in conversations.list("ada")] == [("mine", "Back?")]
    assert [each.id for each in store.conversation("mine", "ada")] == ["c"]
    assert store.conversation("deleted", "ada") == []


def test_what_was_asked_and_removed_is_not_told_with_a_late_vote(store: FeedbackStore) -> None:
    serve(store, "a")
    remove(store)
    store.record_vote("a", "ada", True)
    [use] = Uses(store.database).of("ada")
    assert (use.conversation, use.question) == (None, "")


def test_a_removed_answer_tells_nothing_by_having_been_regenerated(store: FeedbackStore) -> None:
    serve(store, "a", conversation="talk")
    serve(store, "b", conversation="talk", parent="a")
    assert [(one.id, two.id) for one, two in iter_implied(store.database)] == [("a", "b")]
    store.record_vote("b", "ada", True)
    remove(store)
    assert list(iter_implied(store.database)) == []


def test_a_vote_that_comes_too_late_is_counted_and_is_nothing_to_learn_from(
    store: FeedbackStore, tmp_path: Path
) -> None:
    serve(store, "a")
    remove(store)
    assert store.record_vote("a", "ada", True) is not None
    store.record_correction("a", "ada", "better")
    assert store.counts().votes == 1
    assert export_feedback(store, "sft", tmp_path / "out.jsonl").rows == 0
    report = export_feedback(store, "kto", tmp_path / "out.jsonl")
    assert (report.rows, report.left_out) == (0, {"the answer's texts were removed": 2})
    read = read_preferences(store)
    assert (read.unpaired, read.pairs) == ((), ())


def test_it_goes_by_small_batches_and_stops_when_told(store: FeedbackStore) -> None:
    for number in range(2 * BATCH + 5):
        serve(store, f"a{number:03d}")
    asked: list[int] = []

    def after_one() -> bool:
        asked.append(1)
        return len(asked) > 1

    assert remove(store, stopped=after_one) == BATCH
    assert remove(store) == BATCH + 5
    assert len(list(store.completions())) == 2 * BATCH + 5


def test_who_votes_while_a_batch_is_being_found_keeps_the_answer(
    store: FeedbackStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(store, "a")
    serve(store, "b")
    find = retention._next

    def find_and_be_late(*arguments: Any) -> list[retention.Key]:
        found = find(*arguments)
        store.record_vote("b", "ada", True)
        return found

    monkeypatch.setattr(retention, "_next", find_and_be_late)
    assert remove(store) == 1
    assert kept(store, "a", "b") == [False, True]
