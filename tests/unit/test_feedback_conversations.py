"""A person's conversations are listed, found, renamed and deleted, and are nobody else's."""

import unicodedata
from collections.abc import Callable
from typing import Any

import pytest

from feedback.conversations import TITLE_CHARACTERS, Conversations
from feedback.database import Database
from feedback.privacy import forget
from feedback.store import FeedbackStore
from feedback.types import Comparison, Completion, InvalidFeedback, UnknownConversation
from tests.feedback_kit import Clock

Say = Callable[..., Completion]


@pytest.fixture
def store(database: Database) -> FeedbackStore:
    return FeedbackStore(database, Clock())


@pytest.fixture
def kept(store: FeedbackStore) -> Conversations:
    return Conversations(store.database, store.clock)


@pytest.fixture
def say(store: FeedbackStore) -> Say:
    def record(id_: str, question: str = "Hi", **changes: Any) -> Completion:
        completion = Completion(
            **{
                "id": id_,
                "conversation": "talk",
                "person": "ada",
                "messages": ({"role": "user", "content": question},),
                "text": f"answer {id_}",
                "responder": "rag",
                "sampling": {},
                "status": "complete",
                "interface": "page",
                **changes,
            }
        )
        store.open_completion(completion)
        return completion

    return record


def test_a_conversation_begins_with_its_first_answer_and_moves_up_with_each(
    kept: Conversations, say: Say
) -> None:
    say("a", "  What is\ncovered? ", conversation="one", created=10.0)
    say("b", "And abroad?", conversation="two", created=20.0)
    say("c", "Something else?", conversation="one", created=30.0)
    first, second = kept.list("ada")
    assert (first.id, first.title, first.created, first.updated) == (
        "one", "What is covered?", 10.0, 30.0,
    )  # fmt: skip
    assert (second.id, second.title) == ("two", "And abroad?")
    assert kept.get("one", "ada") == first


def test_a_long_first_question_is_cut_to_a_title(kept: Conversations, say: Say) -> None:
    say("a", "word " * 50)
    (only,) = kept.list("ada")
    assert len(only.title) <= TITLE_CHARACTERS
    assert only.title.endswith("word…")


def test_single_questions_over_the_api_are_no_conversations(kept: Conversations, say: Say) -> None:
    say("chatcmpl-1", conversation="chatcmpl-1", interface="api")
    say("chatcmpl-2-0", conversation="chatcmpl-2", interface="api")
    say("chatcmpl-3-left", conversation="chatcmpl-3", interface="api", purpose="pair")
    say("chatcmpl-4", conversation="given", interface="api", purpose="evaluation")
    say("imported-1", conversation="x", interface="import")
    assert kept.list("ada") == []
    say("chatcmpl-5", "First?", conversation="chat", interface="api")
    followed = ({"role": "user", "content": "Once?"}, {"role": "assistant", "content": "Yes."})
    say(
        "chatcmpl-6", conversation="chatcmpl-1", interface="api",
        messages=(*followed, {"role": "user", "content": "Twice?"}),
    )  # fmt: skip
    assert [(c.id, c.title) for c in kept.list("ada")] == [
        ("chatcmpl-1", "Once?"), ("chat", "First?"),
    ]  # fmt: skip


def test_the_list_is_read_in_pages(kept: Conversations, say: Say) -> None:
    for number in range(5):
        say(str(number), conversation=f"c{number}", created=10.0 + number)
    first = kept.list("ada", limit=2)
    second = kept.list("ada", limit=2, before=first[-1].updated)
    assert [c.id for c in (*first, *second)] == ["c4", "c3", "c2", "c1"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", {"one", "two"}),
        ("BAGGAGE", {"one"}),
        ("baggage ÜBERSEE", {"one"}),  # one in the question, one in the answer
        ("baggage 여행자", set()),  # each in another conversation
        ("여행자 보험", {"two"}),
        (unicodedata.normalize("NFD", "여행자"), {"two"}),
        ("decomposed 서울", {"two"}),  # recorded decomposed
        ("100%", {"one"}),
        ("1%0", set()),  # taken literally
        ("_aggage", set()),
        ("role", set()),  # a word of the format, not of the people
        ("my trip", {"two"}),  # the title that it was given
    ],
)
def test_every_word_must_occur_in_title_question_or_answer(
    kept: Conversations, say: Say, query: str, found: set[str]
) -> None:
    say("a", "Is my BAGGAGE insured?", conversation="one", text="Ja, auch in Übersee, zu 100%.")
    decomposed = unicodedata.normalize("NFD", "서울")
    say("b", "여행자 보험은 어디까지?", conversation="two", text=f"decomposed {decomposed}")
    kept.rename("two", "ada", "My Trip")
    assert {c.id for c in kept.list("ada", query)} == found


@pytest.mark.parametrize("query", ["x" * 201, "nul \0", "half \ud800"])
def test_what_cannot_be_searched_for_is_refused(kept: Conversations, query: str) -> None:
    with pytest.raises(InvalidFeedback, match="query"):
        kept.list("ada", query)


def test_a_new_title_is_one_line_and_stays(kept: Conversations, say: Say) -> None:
    say("a", conversation="one")
    before = kept.get("one", "ada")
    renamed = kept.rename("one", "ada", "  My\n trip ")
    say("b", "Another?", conversation="one")
    assert before is not None
    assert (renamed.title, renamed.updated) == ("My trip", before.updated)
    assert kept.list("ada")[0].title == "My trip"
    for title in (" ", "x" * 201, "nul \0"):
        with pytest.raises(InvalidFeedback, match="title"):
            kept.rename("one", "ada", title)


def test_nobody_sees_or_changes_what_is_not_theirs(kept: Conversations, say: Say) -> None:
    say("a", "Ada's secret", conversation="one")
    say("b", "Bob's own", conversation="one", person="bob")
    assert [c.title for c in kept.list("bob")] == ["Bob's own"]
    assert kept.list("bob", "secret") == []
    kept.delete("one", "bob")
    assert kept.get("one", "ada") is not None
    for person in ("bob", "eve"):
        assert kept.get("one", person) is None
        with pytest.raises(UnknownConversation):
            kept.rename("one", person, "mine")
        with pytest.raises(UnknownConversation):
            kept.delete("one", person)
        with pytest.raises(UnknownConversation):
            kept.turns("one", person)


def test_a_deleted_conversation_is_read_no_more_and_what_was_said_stays_evidence(
    kept: Conversations, store: FeedbackStore, say: Say
) -> None:
    say("a", conversation="one")
    store.record_vote("a", "ada", True)
    kept.delete("one", "ada")
    say("b", "From a tab left open", conversation="one")
    assert kept.list("ada") == []
    assert kept.list("ada", "tab") == []
    assert kept.get("one", "ada") is None
    assert store.conversation("one", "ada") == []
    for gone in (kept.delete, kept.turns):
        with pytest.raises(UnknownConversation):
            gone("one", "ada")
    assert [completion.text for _, completion in store.iter_votes()] == ["answer a"]


def test_a_forgotten_person_has_no_conversations(
    kept: Conversations, store: FeedbackStore, say: Say
) -> None:
    say("a", conversation="one")
    say("b", conversation="two")
    kept.delete("two", "ada")
    forget(store.database, "ada", clock=store.clock)
    say("c", conversation="two")  # the same name again, by somebody who starts anew
    assert [c.id for c in kept.list("ada")] == ["two"]


def test_a_conversation_goes_on_with_the_side_that_was_chosen(
    kept: Conversations, store: FeedbackStore, say: Say
) -> None:
    for side in ("left", "right"):
        say(f"chatcmpl-1-{side}", conversation="chatcmpl-1", purpose="pair")
    store.open_comparison(Comparison("cmp-1", "ada", "chatcmpl-1-left", "chatcmpl-1-right"))
    (turn,) = kept.turns("chatcmpl-1", "ada")
    assert (turn.completion.id, turn.siblings, turn.blind) == (
        "chatcmpl-1-left", ("chatcmpl-1-left",), True,
    )  # fmt: skip
    store.record_outcome("cmp-1", "ada", "right")
    (turn,) = kept.turns("chatcmpl-1", "ada")
    assert (turn.completion.id, turn.blind) == ("chatcmpl-1-right", False)
    store.record_outcome("cmp-1", "ada", "left")  # unblinded: the evidence is the first choice
    (turn,) = kept.turns("chatcmpl-1", "ada")
    assert turn.completion.id == "chatcmpl-1-right"
