"""The drawer: people list, open, rename and delete their conversations, and nobody else's."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from feedback.conversations import Conversations
from feedback.database import Database, default_url
from feedback.store import FeedbackStore
from feedback.types import Comparison, Completion
from serving.identity import Person
from serving.recording import Recorder
from serving.ui.asking import Asking
from serving.ui.drawer import DAY, Keeping, listed
from serving.ui.drawer_text import ENGLISH
from serving.ui.messages import Conversation, completion_id
from serving.ui.view import Listing, View

ANN, BOB = Person("web-ann"), Person("web-bob")
NOW = 1_000_000.0


class Site:
    """A store with a clock of its own, and what keeps conversations over it."""

    def __init__(self, database: Database) -> None:
        self.now = NOW
        self.store = FeedbackStore(database, lambda: self.now)
        self.conversations = Conversations(database, lambda: self.now)
        asking = Asking(None, self.store, self.conversations, 0.0)  # type: ignore[arg-type]
        self.keeping = Keeping(self.conversations, asking, Recorder(self.store))
        self._ids = itertools.count(1)

    def answer(
        self, question: str, conversation: str | None = None, person: Person = ANN, **changes: Any
    ) -> str:
        self.now += 1
        name = changes.pop("id", f"chatcmpl-{next(self._ids)}")
        earlier = changes.pop("after", ())
        row = Completion(
            id=name, conversation=conversation or name, person=person.id, responder="rag",
            messages=(*earlier, {"role": "user", "content": question}), sampling={},
            interface="page", passages=({"document": "D", "text": "secret source"},), **changes,
        )  # fmt: skip
        self.store.open_completion(row)
        self.store.close_completion(name, text=f"answer to {question}", status="complete")
        return name


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    database = Database(default_url(tmp_path))
    database.create_tables()
    yield Site(database)
    database.dispose()


def contents(view: View | None) -> list[str]:
    assert view is not None
    assert view.chat is not None
    return [m["content"] for m in view.chat if "/" not in (m["metadata"].get("id") or "")]


async def test_a_conversation_opens_where_it_ended_with_its_votes(site: Site) -> None:
    one = site.answer("One")
    first = ({"role": "user", "content": "One"}, {"role": "assistant", "content": "answer to One"})
    two = site.answer("Two", one, after=first)
    site.store.record_vote(one, ANN.id, True)
    view = await site.keeping.open(one, ANN, "en")
    assert contents(view) == ["answer to One", "answer to Two"]
    assert view is not None
    assert view.state == Conversation(one, (one, two))
    assert view.thumbs == ["Like", None]


@pytest.mark.parametrize("wanted", ["chatcmpl-1", "chatcmpl-999", ""])
async def test_nobody_opens_renames_or_deletes_anothers_conversation(
    site: Site, wanted: str
) -> None:
    site.answer("Mine")
    assert await site.keeping.open(wanted, BOB, "en") is None
    assert await site.keeping.rename(wanted, "Stolen", BOB, "en") == ENGLISH.gone
    assert await site.keeping.delete(wanted, BOB, "en") == ENGLISH.gone
    view = await site.keeping.listing(ANN, None)
    assert view.listing is not None
    assert [c.title for c in view.listing.found] == ["Mine"]
    others = await site.keeping.listing(BOB, None)
    assert others.listing is not None
    assert others.listing.found == ()


async def test_a_deleted_conversation_is_gone(site: Site) -> None:
    one = site.answer("One")
    assert await site.keeping.delete(one, ANN, "en") == ""
    assert await site.keeping.open(one, ANN, "en") is None
    assert await site.keeping.delete(one, ANN, "en") == ENGLISH.gone


@pytest.mark.parametrize("title", ["", "   ", "x" * 201])
async def test_a_title_that_is_none_is_refused_in_words(site: Site, title: str) -> None:
    one = site.answer("One")
    assert await site.keeping.rename(one, title, ANN, "en") == ENGLISH.wrong_title
    assert await site.keeping.rename(one, " New\nname ", ANN, "en") == ""
    kept = site.conversations.get(one, ANN.id)
    assert kept is not None
    assert kept.title == "New name"


async def test_searching_finds_what_was_said_and_survives_any_query(site: Site) -> None:
    site.answer("Waiting period")
    site.answer("Claim deadline")
    found = (await site.keeping.listing(ANN, None, "waiting")).listing
    assert found is not None
    assert [c.title for c in found.found] == ["Waiting period"]
    for query in ("%", "\0", "'", "x" * 5000):
        assert (await site.keeping.listing(ANN, None, query)).listing is not None


async def test_leafing_shows_the_other_answer_and_what_followed_it(site: Site) -> None:
    one = site.answer("One")
    again = site.answer("One", one, parent=one)
    view = await site.keeping.open(one, ANN, "en")
    assert view is not None
    assert view.state is not None
    assert view.state.turns == (again,)
    back = await site.keeping.leaf(one, view.state, ANN, "en")
    assert back is not None
    assert back.state == Conversation(one, (one,))
    assert back.typed is None
    assert {completion_id(m) for m in back.chat or []} == {one}
    assert await site.keeping.leaf(one, Conversation(), ANN, "en") is None
    assert await site.keeping.leaf(one, view.state, BOB, "en") is None


async def test_an_undecided_pair_waits_for_its_choice_again_and_stays_blind(site: Site) -> None:
    left = site.answer("Who?", "chatcmpl-p", id="chatcmpl-p-left", purpose="pair")
    right = site.answer("Who?", "chatcmpl-p", id="chatcmpl-p-right", purpose="pair")
    site.store.open_comparison(Comparison("cmp-p", ANN.id, left, right))
    view = await site.keeping.open("chatcmpl-p", ANN, "en")
    assert view is not None
    assert view.state == Conversation("chatcmpl-p", (), "cmp-p")
    assert (view.mode, view.pair_state) == ("choose", "finished")
    assert view.pair == ("answer to Who?", "answer to Who?")
    assert "secret source" not in repr(view)
    assert "rag" not in repr(view)
    site.store.record_outcome("cmp-p", ANN.id, "right")
    decided = await site.keeping.open("chatcmpl-p", ANN, "en")
    assert decided is not None
    assert decided.state == Conversation("chatcmpl-p", (right,))


async def test_the_list_is_escaped_marks_the_open_one_and_says_how_old(site: Site) -> None:
    old = site.answer("<script>alert(1)</script>")
    site.now += 2 * DAY
    new = site.answer('"><img src=x>')
    view = await site.keeping.listing(ANN, new)
    assert view.listing is not None
    html = listed(view.listing, ENGLISH)
    assert "<script" not in html
    assert "<img" not in html
    assert html.index(ENGLISH.day) < html.index(ENGLISH.week)
    assert f'href="?c={new}" aria-current="page"' in html
    assert html.count("aria-current") == 1
    assert f'data-id="{old}"' in html


def test_an_empty_list_says_why() -> None:
    assert ENGLISH.none_yet in listed(Listing((), NOW), ENGLISH)
    assert ENGLISH.none_found in listed(Listing((), NOW, "x"), ENGLISH)
