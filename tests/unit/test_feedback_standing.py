"""What operators say of voters is kept, and the next round goes by it."""

import pytest

from feedback.database import Database
from feedback.privacy import forget
from feedback.standing import Standings
from feedback.store import FeedbackStore
from feedback.types import Completion, InvalidFeedback, UnknownPerson
from tests.curation_kit import people, rounds, row
from training.trust import TrustRules, doubts


@pytest.fixture
def standings(database: Database) -> Standings:
    ticks = iter(range(1, 1000))
    store = FeedbackStore(database)
    asked = ({"role": "user", "content": "?"},)
    for person in ("ada", "bob"):
        store.open_completion(
            Completion(
                id=person, conversation="c", person=person, messages=asked,  # type: ignore[arg-type]
                responder="rag", sampling={},
            )
        )  # fmt: skip
    return Standings(database, lambda: float(next(ticks)))


def test_the_last_decision_counts_and_all_are_kept(standings: Standings) -> None:
    standings.decide("ada", "block", "votes down whatever is new", "operator")
    standings.decide("bob", "block", "a bot", "operator")
    standings.decide("ada", "comment", "says it was a child", "command line")
    assert standings.people("block") == {"ada", "bob"}
    standings.decide("ada", "restore", " an honest mistake ", "operator")
    assert standings.people("block") == {"bob"}
    assert standings.people("restore") == {"ada"}
    said = [(d.action, d.comment, d.actor, d.at) for d in standings.history("ada")]
    assert said == [
        ("block", "votes down whatever is new", "operator", 1.0),
        ("comment", "says it was a child", "command line", 3.0),
        ("restore", "an honest mistake", "operator", 4.0),
    ]
    assert len(standings.history()) == 4


def test_what_cannot_be_decided_is_refused_in_words(standings: Standings) -> None:
    with pytest.raises(UnknownPerson, match="'eve' was ever answered"):
        standings.decide("eve", "block", "why", "operator")
    with pytest.raises(InvalidFeedback, match="say why"):
        standings.decide("ada", "block", "  ", "operator")
    with pytest.raises(InvalidFeedback, match="none of block, restore, comment"):
        standings.decide("ada", "praise", "why", "operator")  # type: ignore[arg-type]
    assert standings.history() == []


def test_nothing_is_left_of_who_is_forgotten(standings: Standings) -> None:
    standings.decide("ada", "block", "why", "operator")
    forget(standings.database, "ada")
    assert standings.history() == []


def test_a_blocked_person_is_in_no_part_and_their_rows_are_counted() -> None:
    for seed in range(6):
        found = rounds(people(25, 12), seed=seed, blocked={"person-3", "person-7"})
        rows = [*(f.row for f in (*found.train, *found.heldout)), *found.judge, *found.check]
        assert not {"person-3", "person-7"} & {r.person for r in rows}
        assert found.left_out["blocked by an operator"] == 24


def test_a_restored_person_is_believed_whatever_the_rules_say() -> None:
    fan = [row(900 + n, "fan", True) for n in range(15)]
    rows = [*people(20, 12), *fan]
    assert doubts(rows, TrustRules()).about(fan[0]) == "votes all one way"
    restored = doubts(rows, TrustRules(), {"fan"})
    assert restored.about(fan[0]) is None
    assert restored.weight("fan") == 1.0
    burst = [row(n, "bot", n % 2 == 0, created=n * 0.1, on_page=True) for n in range(40)]
    assert doubts(burst, TrustRules(), {"bot"}).about(burst[0]) is None
