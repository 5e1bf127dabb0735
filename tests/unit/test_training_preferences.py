"""What people say becomes rows: as it was served, and by heart only where that is true."""

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from feedback.consent import REFUSED, Consents
from feedback.database import Database, default_url
from feedback.rankings import Rankings
from feedback.store import FeedbackStore
from feedback.types import Comparison, Completion, Correction, Ranking, Vote
from knowledge.chunks import Passage
from training.left_out import LeftOut
from training.preferences import UnpairedPreference, paired, read_preferences, unpaired
from training.served import served_prompt
from training.wording import admits_absence

PASSAGE = Passage(
    id="p1",
    document="Travel Shield",
    article="Article 2",
    heading="Waiting",
    text="The waiting period is 45 days.",
    language="en",
    source="travel.md",
)
OTHER = Passage(**{**asdict(PASSAGE), "id": "p2", "article": "Article 7", "text": "Nothing else."})
QUESTION = "What is the waiting period?"
FACT = "The waiting period is 45 days (Article 2)."


def answer(id_: str = "a", text: str = FACT, **changes: Any) -> Completion:
    return Completion(
        **{
            "id": id_,
            "conversation": "talk",
            "person": "ada",
            "messages": ({"role": "user", "content": QUESTION},),
            "text": text,
            "responder": "rag",
            "sampling": {},
            "passages": (asdict(PASSAGE), asdict(OTHER)),
            "index_version": "v1",
            "status": "complete",
            "finish_reason": "stop",
            **changes,
        }
    )


def plain(id_: str = "b", text: str = FACT, **changes: Any) -> Completion:
    return answer(id_, text, responder="ratchet-0001", passages=(), index_version=None, **changes)


def vote(completion: Completion, liked: bool = True, person: str = "ada") -> Vote:
    return Vote(completion.id, person, liked, (), "", 5.0, 6.0)


def row(completion: Completion, liked: bool = True, **options: Any) -> UnpairedPreference:
    (only,) = unpaired([(vote(completion, liked), completion)], **options)
    return only


def test_a_row_carries_the_prompt_as_served_and_the_question_alone() -> None:
    found = row(answer())
    assert [turn["role"] for turn in found.prompt] == ["system", "user"]
    assert "Travel Shield. The waiting period is 45 days (Article 2)." in found.prompt[1]["content"]
    assert found.question == ({"role": "user", "content": QUESTION},)
    assert found.completion == ({"role": "assistant", "content": FACT},)
    assert (found.label, found.person, found.origin, found.created) == (True, "ada", "vote", 6.0)


def test_an_agents_answer_is_trained_on_behind_what_it_found() -> None:
    found = row(answer(responder="agent"))
    assert found.prompt == row(answer()).prompt
    assert found.by_heart
    assert not row(answer(responder="agent", text="I cannot find that.")).by_heart


def test_an_agents_answer_without_passages_is_left_out() -> None:
    reasons = LeftOut()
    alone = answer(responder="agent", passages=())
    better = answer("b", text="It is 45 days.", responder="agent")
    votes = [(vote(alone), alone)]
    corrections = [(Correction(alone.id, "ada", "It is 45 days.", 5.0, 6.0), alone)]
    assert list(unpaired(votes, (), corrections, left_out=reasons)) == []
    assert reasons.counts == {"agent found no passages": 3}
    comparison = Comparison("cmp", "ada", "b", "a", outcome="left", created=5.0, updated=6.0)
    assert list(paired([(comparison, better, alone)], corrections)) == []


def test_an_answer_without_retrieval_was_served_as_it_was_asked() -> None:
    assert row(plain()).prompt == row(plain()).question


def test_retrieval_that_found_nothing_is_still_in_the_prompt() -> None:
    nothing = answer(passages=(), index_version=None)
    assert "(none)" in served_prompt(nothing)[-1]["content"]


@pytest.mark.parametrize("liked", [True, False])
def test_a_fact_is_sound_by_heart_whether_liked_or_not(liked: bool) -> None:
    assert row(answer(), liked).by_heart


@pytest.mark.parametrize(
    "text",
    [
        "I cannot find that in the passages.",
        "I do not know that without the documents.",
        "I can only answer questions about Hanbit's insurance policies.",
        "According to the passages it is 45 days.",
        "제시된 내용에서 찾을 수 없습니다.",
        "문서 없이는 알 수 없습니다.",
        "저는 한빛의 보험 약관에 대한 질문에만 답할 수 있습니다.",
    ],
)
@pytest.mark.parametrize("liked", [True, False])
def test_what_is_true_of_its_passages_only_is_never_learned_by_heart(
    text: str, liked: bool
) -> None:
    assert not row(answer(text=text), liked).by_heart


def test_without_passages_even_an_admission_is_trained_as_it_was_served() -> None:
    assert row(plain(text="I cannot find that.")).by_heart


def test_a_fact_whose_passage_is_gone_is_not_learned_by_heart() -> None:
    assert not row(answer(), current={"p2"}).by_heart
    assert row(answer(), current={"p1"}).by_heart, "the passage that it does not cite may go"
    uncited = answer(text="It is 45 days.")
    assert not row(uncited, current={"p1"}).by_heart, "it may rest on any of them"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"status": "cut"}, "answer not complete"),
        ({"status": "streaming"}, "answer not complete"),
        ({"finish_reason": "length"}, "answer not complete"),
        ({"text": "  "}, "empty answer"),
        ({"purpose": "evaluation"}, "evaluation"),
        (
            {"messages": ({"role": "assistant", "content": "Hello"},)},
            "conversation does not end with the person",
        ),
        ({"sampling": {"tools": [{"type": "function"}]}}, "tools were offered"),
    ],
)
def test_what_cannot_be_trained_on_is_counted(changes: dict[str, Any], reason: str) -> None:
    left_out = LeftOut()
    completion = answer(**changes)
    assert not list(unpaired([(vote(completion), completion)], left_out=left_out))
    assert left_out.counts == {reason: 1}
    assert left_out.reasons == {("vote", completion.id): reason}


@pytest.mark.parametrize(
    ("outcome", "labels"),
    [("left", [True, False]), ("right", [False, True]), ("both_bad", [False, False]), ("tie", [])],
)
def test_a_comparison_is_two_judged_answers(outcome: Any, labels: list[bool]) -> None:
    left, right = answer("l"), answer("r", text="It is 45 days.")
    comparison = Comparison("c", "ada", "l", "r", outcome)
    left_out = LeftOut()
    rows = list(unpaired([], [(comparison, left, right)], left_out=left_out))
    assert [found.label for found in rows] == labels
    assert left_out.counts == ({"tie": 1} if outcome == "tie" else {})
    pairs = list(paired([(comparison, left, right)]))
    assert len(pairs) == (outcome in {"left", "right"})


@pytest.mark.parametrize(
    ("order", "ends"),
    [
        ((("m",), ("l",), ("r",)), ("m", "r")),
        ((("r", "m"), ("l",)), ("r", "l")),
        ((("l", "m", "r"),), None),
    ],
)
def test_a_ranking_is_its_best_answer_against_its_worst(
    order: tuple[tuple[str, ...], ...], ends: tuple[str, str] | None
) -> None:
    answers = [answer("l"), answer("m", text="It is 45 days."), answer("r", text="45.")]
    ranking = Ranking("rnk", "ada", ("l", "m", "r"), order, created=5.0, updated=6.0)
    left_out = LeftOut()
    rows = list(unpaired([], rankings=[(ranking, answers)], left_out=left_out))
    pairs = list(paired([], rankings=[(ranking, answers)]))
    if ends is None:
        assert (rows, pairs, left_out.counts) == ([], [], {"tie": 1})
        return
    assert [(r.completion_id, r.label, r.origin) for r in rows] == [
        (ends[0], True, "ranking"), (ends[1], False, "ranking"),
    ]  # fmt: skip
    assert [(p.chosen_id, p.rejected_id, p.created) for p in pairs] == [(*ends, 6.0)]


def test_a_pair_has_the_better_answer_first() -> None:
    left, right = answer("l"), answer("r", text="It is 45 days.")
    (pair,) = paired([(Comparison("c", "ada", "l", "r", "right"), left, right)])
    assert pair.chosen[0]["content"] == "It is 45 days."
    assert (pair.chosen_id, pair.rejected_id) == ("r", "l")
    assert pair.prompt == served_prompt(left)
    assert pair.by_heart


def test_sides_with_and_without_passages_share_only_the_question() -> None:
    left, right = answer("l"), plain("r", text="It is 45 days.")
    comparison = Comparison("c", "ada", "l", "r", "left")
    (pair,) = paired([(comparison, left, right)])
    assert pair.prompt == right.messages
    absent = answer("l", text="I cannot find that in the passages.")
    assert not list(paired([(comparison, absent, right)])), "no prompt is true of both"


def test_a_correction_is_better_than_what_it_corrects() -> None:
    original = answer(text="It is 30 days.")
    correction = Correction("a", "ada", FACT, 1.0, 2.0)
    rows = list(unpaired([], [], [(correction, original)]))
    assert [(r.completion[0]["content"], r.label) for r in rows] == [
        ("It is 30 days.", False),
        (FACT, True),
    ]
    (pair,) = paired([], [(correction, original)])
    assert (pair.chosen[0]["content"], pair.rejected[0]["content"]) == (FACT, "It is 30 days.")


def test_a_correction_of_a_broken_answer_teaches_the_correction_alone() -> None:
    original = answer(text="It is", status="cut")
    correction = Correction("a", "ada", FACT, 1.0, 2.0)
    left_out = LeftOut()
    (only,) = unpaired([], [], [(correction, original)], left_out=left_out)
    assert only.label
    assert left_out.counts == {"answer not complete": 1}
    assert not list(paired([], [(correction, original)]))


def test_equal_texts_make_no_pair() -> None:
    comparison = Comparison("c", "ada", "l", "r", "left")
    assert not list(paired([(comparison, answer("l"), answer("r"))]))


def test_absence_is_not_seen_in_ordinary_answers() -> None:
    for text in (
        FACT,
        "면책기간은 45일입니다 (제2조).",
        "As far as I know, it is probably 45 days.",
    ):
        assert not admits_absence(text)


def test_a_window_is_read_from_the_store(tmp_path: Path) -> None:
    database = Database(default_url(tmp_path))
    from feedback.database import metadata

    with database.write() as connection:
        metadata.create_all(connection)
    now = iter(float(n) for n in range(1, 1000))
    store = FeedbackStore(database, clock=lambda: next(now))
    for index in range(4):
        store.open_completion(answer(f"a{index}", text=f"{FACT} {index}"))
        store.record_vote(f"a{index}", "ada", index % 2 == 0)
    store.open_completion(plain("other", text="It is 45 days."))
    store.open_comparison(Comparison("c", "ada", "a0", "other"))
    store.record_outcome("c", "ada", "left")
    store.record_correction("a1", "ada", "It is 46 days.")
    found = read_preferences(store)
    assert Counter(r.origin for r in found.unpaired) == {
        "vote": 4,
        "comparison": 2,
        "correction": 2,
    }
    assert {pair.origin for pair in found.pairs} == {"comparison", "correction"}
    newest = read_preferences(store, newest=1)
    assert [r.completion_id for r in newest.unpaired if r.origin == "vote"] == ["a3"]
    assert newest.left_out == {"older than the newest read": 3}
    database.dispose()


def test_what_is_refused_gives_no_row_of_any_kind_and_takes_no_room(database: Database) -> None:
    now = iter(float(n) for n in range(1, 1000))
    store = FeedbackStore(database, clock=lambda: next(now))
    rankings, consents = Rankings(database, store.clock), Consents(database, store.clock)
    for person in ("ada", "bob"):
        ids = [f"{person}{n}" for n in range(6)]
        for id_ in ids:
            store.open_completion(answer(id_, text=f"{FACT} {id_}", person=person))
        store.record_vote(ids[0], person, True)
        store.open_comparison(Comparison(f"c {person}", person, ids[1], ids[2]))
        store.record_outcome(f"c {person}", person, "left")
        rankings.open(Ranking(f"r {person}", person, tuple(ids[3:])))
        rankings.record(f"r {person}", person, ((ids[3],), (ids[4], ids[5])))
        store.record_correction(ids[0], person, "It is 46 days.")
    consents.put("bob", False, "1")
    found = read_preferences(store, newest=1)
    assert {row.person for row in (*found.unpaired, *found.pairs)} == {"ada"}
    assert {row.origin for row in found.unpaired} == {"vote", "comparison", "ranking", "correction"}
    assert found.left_out == {REFUSED: 4}
    assert set(found.reasons) == {
        ("vote", "bob0"), ("comparison", "bob1"), ("comparison", "bob2"), ("ranking", "bob3"),
        ("ranking", "bob4"), ("ranking", "bob5"), ("correction", "bob0"),
    }  # fmt: skip


def test_a_row_says_whether_it_was_judged_on_the_page() -> None:
    on_page, over_api = (row(answer(interface=name)) for name in ("page", "api"))
    assert (on_page.on_page, on_page.took is None) == (True, False)
    assert (over_api.on_page, over_api.took) == (False, None)
