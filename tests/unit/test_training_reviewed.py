"""Operators' rulings reach the rows: left out with a reason, corrected, or taken without doubts."""

from feedback.consent import REFUSED, Consents
from feedback.database import Database
from feedback.reviews import Reviews
from feedback.store import FeedbackStore
from feedback.types import Comparison, Completion
from tests.feedback_kit import Clock, serve
from training.curation import curate
from training.fates import fates
from training.preferences import Preferences
from training.reviewed import EXCLUDED, read_reviewed


def opened(database: Database) -> tuple[FeedbackStore, Reviews]:
    store = FeedbackStore(database, Clock())
    serve(store, "a", "b", "c", responder="base")
    for id_ in ("a", "b", "c"):
        store.record_vote(id_, "ada", id_ != "b")
    return store, Reviews(database, store.clock)


def texts(preferences: Preferences) -> list[tuple[str, bool, bool]]:
    return [(row.completion[0]["content"], row.label, row.accepted) for row in preferences.unpaired]


def test_what_is_excluded_gives_no_row_and_says_why(database: Database) -> None:
    store, reviews = opened(database)
    asked = ({"role": "user", "content": "Which?"},)
    serve(store, "l", "r", responder="base", purpose="pair", conversation="p", messages=asked)
    store.open_comparison(Comparison("p", "ada", "l", "r"))
    store.record_outcome("p", "ada", "left")
    assert len(read_reviewed(store).pairs) == 1
    reviews.record("a", "kim", "exclude")
    reviews.record("r", "kim", "exclude")
    found = read_reviewed(store)
    assert texts(found) == [
        ("text b", False, False), ("text c", True, False), ("text l", True, False)
    ]  # fmt: skip
    assert found.pairs == ()
    assert found.left_out == {EXCLUDED: 2}
    assert found.reasons["vote", "a"] == found.reasons["comparison", "r"] == EXCLUDED


def test_a_fix_counts_like_a_correction_and_against_who_liked_it(database: Database) -> None:
    store, reviews = opened(database)
    reviews.record("a", "kim", "fix", "a fixed")
    reviews.record("b", "kim", "fix", "b fixed")
    found = read_reviewed(store)
    assert texts(found) == [
        ("text b", False, False), ("text c", True, False),
        ("text a", False, True), ("a fixed", True, True),
        ("text b", False, True), ("b fixed", True, True),
    ]  # fmt: skip
    assert {row.person for row in found.unpaired} == {"ada"}
    assert [(p.chosen[0]["content"], p.rejected[0]["content"]) for p in found.pairs] == [
        ("a fixed", "text a"), ("b fixed", "text b")
    ]  # fmt: skip
    assert found.reasons == {("vote", "a"): EXCLUDED}


def test_a_persons_own_correction_stays_beside_the_operators(database: Database) -> None:
    store, reviews = opened(database)
    store.record_correction("b", "ada", "b by ada")
    reviews.record("b", "kim", "fix", "b by kim")
    liked = [text for text, label, _ in texts(read_reviewed(store)) if label]
    assert liked == ["text a", "text c", "b by ada", "b by kim"]


def test_only_what_had_been_said_is_accepted(database: Database) -> None:
    store, reviews = opened(database)
    reviews.record("a", "kim", "accept")
    reviews.record("b", "kim", "accept")
    store.record_vote("b", "ada", True)
    assert texts(read_reviewed(store)) == [
        ("text a", True, True), ("text b", True, False), ("text c", True, False)
    ]  # fmt: skip


def test_a_round_goes_by_what_was_ruled_up_to_its_cutoff(database: Database) -> None:
    store, reviews = opened(database)
    before = reviews.record("a", "kim", "exclude").at
    reviews.record("a", "kim", None)
    assert [text for text, *_ in texts(read_reviewed(store, until=before))] == ["text b", "text c"]
    assert len(read_reviewed(store).unpaired) == 3


def test_a_question_whose_person_said_no_is_not_taught_by_a_fix_either(database: Database) -> None:
    store, reviews = opened(database)
    reviews.record("a", "kim", "fix", "a fixed")
    Consents(database, store.clock).put("ada", agreed=False, version="1")
    found = read_reviewed(store)
    assert (found.unpaired, found.pairs) == ((), ())
    assert found.left_out == {REFUSED: 4}


def hasty(store: FeedbackStore, people: int, each: int) -> None:
    """Votes that come faster than anybody reads."""
    for number in range(people * each):
        id_, person = f"h{number}", f"person-{number % people}"
        store.open_completion(
            Completion(
                id=id_,
                conversation=id_,
                person=person,
                responder="base",
                sampling={},
                messages=({"role": "user", "content": f"What of question number {number}?"},),
                text=f"{number} " + "long " * 500,
                status="complete",
                interface="page",
            )
        )
        store.record_vote(id_, person, number % 3 == 0)


def test_what_is_accepted_is_not_set_aside_and_its_person_is_told(database: Database) -> None:
    store = FeedbackStore(database, Clock())
    hasty(store, people=10, each=6)
    before = curate(read_reviewed(store), method="kto", seed=1)
    aside = {said for said, why in before.reasons.items() if why == "voted faster than reading"}
    assert len(aside) > 10
    reviews = Reviews(database, store.clock)
    kept, out = sorted(aside)[:2]
    reviews.record(kept[1], "kim", "accept")
    after = curate(read_reviewed(store), method="kto", seed=1)
    hasty_rows = "voted faster than reading"
    assert before.left_out[hasty_rows] - 1 == after.left_out[hasty_rows]
    assert after.reasons.get(kept) != hasty_rows
    reviews.record(out[1], "kim", "exclude")
    last = curate(read_reviewed(store), method="kto", seed=1)
    told = {fate.completion_id: fate for fate in fates(last)}
    assert (told[out[1]].role, told[out[1]].reason) == ("left_out", "excluded")
