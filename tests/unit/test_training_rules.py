"""Any order and repetition of what people say gives the rows that docs/datasets.md promises.

The table is written out a second time here, in the plainest way: what counts now of each thing
said, then a row for each. Four people say the same things over and over of the same few answers.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from feedback.database import Database, default_url, metadata
from feedback.rankings import Rankings
from feedback.store import FeedbackStore
from feedback.types import Comparison, Ranking
from tests.feedback_kit import Clock, serve
from training.curation import Rules, curate
from training.preferences import PreferencePair, UnpairedPreference, read_preferences
from training.shares import ShareRules

PEOPLE = ("ada", "bob", "cyd", "dan")
ALONE, SIDES, PLACES = ("a0", "a1", "cut"), ("left", "right"), ("r0", "r1", "r2")
ANSWERS = (*ALONE, *SIDES, *PLACES)
Said = tuple[str, str, str, Any]
"""Person, kind, the answer's place, and what was said."""


def text_of(place: str) -> str:
    """Return an answer's text: everybody is given the same answers to the same questions."""
    return f"text {place}"


def question_of(place: str) -> str:
    """Return the question: the sides of a pair, and of a ranking, answer one."""
    return {"left": "pair", "right": "pair"}.get(place, "order" if place in PLACES else place)


_order = st.permutations(PLACES).flatmap(
    lambda ids: st.sampled_from(
        [tuple((i,) for i in ids), (tuple(ids[:2]), (ids[2],)), ((ids[0],), tuple(ids[1:])),
         (tuple(ids),), None]
    )
)  # fmt: skip
SAID: st.SearchStrategy[list[Said]] = st.lists(
    st.sampled_from(PEOPLE).flatmap(
        lambda person: st.one_of(
            st.tuples(
                st.just(person), st.just("vote"), st.sampled_from(ANSWERS),
                st.sampled_from([True, False, None]),
            ),
            st.tuples(
                st.just(person), st.just("comparison"), st.just("left"),
                st.sampled_from(["left", "right", "tie", "both_bad", None]),
            ),
            st.tuples(st.just(person), st.just("ranking"), st.just("r0"), _order),
            st.tuples(
                st.just(person), st.just("correction"), st.sampled_from(ANSWERS),
                st.sampled_from(["better", "best"]),
            ),
            st.tuples(st.just(person), st.just("again"), st.sampled_from(ALONE), st.none()),
        )
    ),
    max_size=24,
)  # fmt: skip


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FeedbackStore]:
    database = Database(default_url(Path(tmp_path_factory.mktemp("rules"))))
    database.create_tables()
    yield FeedbackStore(database, Clock())
    database.dispose()


def begin(store: FeedbackStore) -> None:
    """Give everybody the same answers in an empty store."""
    with store.database.write() as connection:
        for table in reversed(metadata.sorted_tables):
            if table.name in _FEEDBACK:
                connection.execute(delete(table))
    for person in PEOPLE:
        for place in ANSWERS:
            asked = ({"role": "user", "content": f"What about {question_of(place)}?"},)
            status = "cut" if place == "cut" else "complete"
            serve(
                store, f"{person}-{place}", person=person, messages=asked, text=text_of(place),
                status=status, responder="base", interface="api",
            )  # fmt: skip
        ids = tuple(f"{person}-{place}" for place in (*SIDES, *PLACES))
        store.open_comparison(Comparison(f"{person}-pair", person, *ids[:2]))
        Rankings(store.database, store.clock).open(Ranking(f"{person}-order", person, ids[2:]))


_FEEDBACK = {
    "completions", "conversations", "votes", "vote_events", "comparisons", "comparison_events",
    "rankings", "ranking_events", "corrections", "correction_events",
}  # fmt: skip


def say(store: FeedbackStore, said: Said, number: int) -> None:
    person, kind, place, value = said
    id_ = f"{person}-{place}"
    if kind == "vote":
        store.record_vote(id_, person, value)
    elif kind == "comparison":
        store.record_outcome(f"{person}-pair", person, value)
    elif kind == "ranking":
        order = value and tuple(tuple(f"{person}-{p}" for p in equals) for equals in value)
        Rankings(store.database, store.clock).record(f"{person}-order", person, order)
    elif kind == "correction":
        store.record_correction(id_, person, f"{value} {place}")
    else:
        serve(store, f"{id_}-{number}", person=person, parent=id_, text="once more")


@dataclass
class Table:
    """What counts now, and the rows that the documented table makes of it."""

    votes: dict[tuple[str, str], bool | None] = field(default_factory=dict)
    outcomes: dict[str, str] = field(default_factory=dict)
    orders: dict[str, Any] = field(default_factory=dict)
    corrections: dict[tuple[str, str], str] = field(default_factory=dict)

    def take(self, said: Said) -> None:
        person, kind, place, value = said
        if kind == "vote":
            self.votes[person, place] = value
        elif kind == "comparison" and value is not None:
            self.outcomes.setdefault(person, value)
        elif kind == "ranking" and value is not None:
            self.orders.setdefault(person, value)
        elif kind == "correction":
            self.corrections[person, place] = f"{value} {place}"

    def answers(self) -> Iterator[tuple[str, str, str, str, bool]]:
        """Yield kind, person, place, text and label of every KTO row."""
        for (person, place), liked in self.votes.items():
            if liked is not None and place != "cut":
                yield "vote", person, place, text_of(place), liked
        for person, outcome in self.outcomes.items():
            if outcome != "tie":
                for place in SIDES:
                    yield "comparison", person, place, text_of(place), place == outcome
        for person, order in self.orders.items():
            if len(order) > 1:
                best, worst = order[0][0], order[-1][-1]
                yield "ranking", person, best, text_of(best), True
                yield "ranking", person, worst, text_of(worst), False
        for (person, place), text in self.corrections.items():
            yield "correction", person, place, text, True
            if place != "cut":
                yield "correction", person, place, text_of(place), False

    def pairs(self) -> Iterator[tuple[str, str, str, str]]:
        """Yield kind, person, chosen and rejected text of every DPO pair."""
        for person, outcome in self.outcomes.items():
            if outcome in SIDES:
                other = SIDES[outcome == "left"]
                yield "comparison", person, text_of(outcome), text_of(other)
        for person, order in self.orders.items():
            if len(order) > 1:
                yield "ranking", person, text_of(order[0][0]), text_of(order[-1][-1])
        for (person, place), text in self.corrections.items():
            if place != "cut":
                yield "correction", person, text, text_of(place)

    def learned(self) -> dict[tuple[str, str], bool]:
        """Return what is learned of each answer: everybody's most direct word, the majority's."""
        direct = {"vote": 0, "correction": 1, "comparison": 2, "ranking": 2}
        best: dict[tuple[str, str, str], tuple[int, bool]] = {}
        for kind, person, place, text, label in self.answers():
            key = (person, place, text)
            best[key] = min(best.get(key, (9, label)), (direct[kind], label), key=lambda v: v[0])
        tally: dict[tuple[str, str], Counter[bool]] = {}
        for (_, place, text), (_, label) in best.items():
            tally.setdefault((question_of(place), text), Counter())[label] += 1
        return {key: n[True] > n[False] for key, n in tally.items() if n[True] != n[False]}


def row_of(row: UnpairedPreference) -> tuple[str, str, str, str, bool]:
    place = row.completion_id.removeprefix(f"{row.person}-")
    return row.origin, row.person, place, row.completion[0]["content"], row.label


def pair_of(pair: PreferencePair) -> tuple[str, str, str, str]:
    return pair.origin, pair.person, pair.chosen[0]["content"], pair.rejected[0]["content"]


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(said=SAID, data=st.data())
def test_whatever_is_said_in_whatever_order_gives_the_documented_rows(
    store: FeedbackStore, said: list[Said], data: st.DataObject
) -> None:
    again = data.draw(st.lists(st.sampled_from(said), max_size=6)) if said else []
    table = Table()
    begin(store)
    for number, each in enumerate([*said, *again]):
        say(store, each, number)
        table.take(each)
        if number % 2:
            say(store, each, 1_000 + number)  # said twice is said once
    found = read_preferences(store)
    assert Counter(map(row_of, found.unpaired)) == Counter(table.answers())
    assert Counter(map(pair_of, found.pairs)) == Counter(table.pairs())

    rules = Rules(shares=(1, 0, 0), most=ShareRules(1, 1, 1), heldout=0.0)
    rows = curate(found, method="kto", seed=1, rules=rules)
    learned = {
        (question_of_row(form.row), form.row.completion[0]["content"]): form.row.label
        for form in rows.train
        if isinstance(form.row, UnpairedPreference)
    }
    assert len(learned) == len(rows.train), "one row an answer"
    expected = table.learned()
    alone = rows.left_out.get("alone in the last batch", 0)
    assert learned.items() <= expected.items()
    assert len(learned) == len(expected) - alone


def question_of_row(row: Any) -> str:
    return str(row.question[0]["content"]).removeprefix("What about ").removesuffix("?")


@settings(max_examples=40, deadline=None)
@given(said=SAID, seed=st.randoms(use_true_random=False))
def test_people_do_not_wait_for_each_other(
    store: FeedbackStore, said: list[Said], seed: Any
) -> None:
    """However the people's words fall among each other's, the rows are the same."""
    found = []
    queues = {person: [each for each in said if each[0] == person] for person in PEOPLE}
    turns = [each[0] for each in said]
    for order in (list(turns), seed.sample(turns, len(turns))):
        begin(store)
        waiting = {person: iter(queue) for person, queue in queues.items()}
        for number, person in enumerate(order):
            say(store, next(waiting[person]), number)
        rows = read_preferences(store)
        found.append((Counter(map(row_of, rows.unpaired)), Counter(map(pair_of, rows.pairs))))
    assert found[0] == found[1]
