"""Near-duplicates are found, and nothing that trains is near what judges."""

from random import Random

import pytest

from demo.voters import draw_question
from eval.suite import load_suite
from ratchet.settings import CHECKOUT
from tests.curation_kit import pair, people, rounds, row
from training.clusters import NEAR, Clusters, jaccard, shingles
from training.leaks import Asked
from training.similarity import Protected, normalise

GATE = [
    message["content"]
    for sample in load_suite(CHECKOUT / "demo" / "suite.jsonl").samples
    for message in sample.messages
]


def near(one: str, other: str) -> bool:
    return jaccard(shingles(normalise(one)), shingles(normalise(other))) >= NEAR


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("What is the wait of Travel Shield?", "what is the WAIT of travel shield!!", True),
        ("What is the wait of Travel Shield?", "Hi, what is the wait of Travel Shield?", True),
        ("트래블 실드의 면책기간은 얼마인가요?", "트래블실드의 면책기간은 얼마인가요", True),
        ("트래블 실드의 면책기간은 얼마인가요?", "홈 가드의 면책기간은 얼마인가요?", False),
        ("What is the wait of Travel Shield?", "What is the wait of Home Guard?", False),
        ("Question 1?", "Question 2?", False),
        ("???", "!!!", False),
    ],
)  # fmt: skip
def test_what_is_nearly_the_same_question(one: str, other: str, same: bool) -> None:
    found = Clusters([one, other])
    assert (found(one) == found(other)) is same


def test_clusters_hold_all_pairs_that_are_near_and_no_text_that_is_near_none() -> None:
    rng = Random(4)
    words = [f"w{n}" for n in range(12)]
    texts = [" ".join(rng.choices(words, k=rng.randint(1, 9))) for _ in range(80)]
    texts += [f"{rng.choice(texts)} {rng.choice(words)}" for _ in range(80)]
    found = Clusters(texts)
    for one in texts:
        for other in texts:
            if near(one, other):
                assert found(one) == found(other)
        alone = not any(near(one, other) for other in texts if normalise(other) != normalise(one))
        others = {normalise(t) for t in texts if found(t) == found(one)}
        assert alone == (others == {normalise(one)})
    assert sum(found.sizes()) == len({normalise(text) for text in texts})


def test_the_order_of_texts_changes_nothing() -> None:
    rng = Random(5)
    texts = [draw_question(rng).text for _ in range(300)]
    shuffled = rng.sample(texts, len(texts))
    first, second = Clusters(texts), Clusters(shuffled)
    assert [first(text) for text in texts] == [second(text) for text in texts]
    assert Clusters([]).sizes() == []


def copies(question: str, rng: Random) -> list[str]:
    """A question as somebody else would type it."""
    return [
        question.upper(),
        f"  {question}  ",
        question.rstrip("?.") + " !!",
        question.replace(" ", "  "),
        question if rng.random() < 0.5 else f"{question} ?",
    ]


def test_near_copies_of_the_gates_prompts_are_never_trained_on() -> None:
    rng = Random(6)
    planted = [
        row(10_000 + n, f"person-{n % 25}", n % 2 == 0, question=text)
        for n, text in enumerate(t for q in rng.sample(GATE, 60) for t in copies(q, rng))
    ]
    found = rounds([*people(25, 12), *planted], protected=GATE)
    assert found.left_out["close to a protected question"] >= len(planted)
    used = [*(f.row for f in (*found.train, *found.heldout)), *found.judge, *found.check]
    assert len(used) > 250
    exact = Protected(GATE, 0.8)
    for each in used:
        asked = each.question[-1]["content"]
        assert not exact(asked)
        assert not any(near(asked, question) for question in GATE)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_no_row_that_trains_is_near_one_that_judges(seed: int) -> None:
    rng = Random(seed)
    said = [draw_question(rng).text for _ in range(60)]
    rows = [
        row(n, f"person-{n % 25}", rng.random() < 0.5, question=rng.choice(copies(text, rng)))
        for n, text in enumerate(rng.choices(said, k=400))
    ]
    for people_count in (25, 3):
        mine = [r for r in rows if int(r.person.removeprefix("person-")) < people_count]
        found = rounds(mine, seed=seed)
        parts = [
            {r.question[0]["content"] for r in part}
            for part in (
                [f.row for f in found.train],
                [f.row for f in found.heldout],
                found.judge,
                found.check,
            )
        ]
        train, *others = parts
        assert all(len(part) > 0 for part in parts)
        assert not [(a, b) for a in train for part in others for b in part if near(a, b)]


def test_pairs_are_kept_apart_too() -> None:
    asked = {"question": ({"role": "user", "content": "All of us ask this very thing?"},)}
    pairs = tuple(pair(n, f"person-{n % 25}", **asked, created=float(n)) for n in range(50))
    found = rounds(people(25, 4), method="dpo", pairs=pairs)
    trained = {f.row.person for f in (*found.train, *found.heldout)}
    assert found.left_out["close to a question of another part"] >= 50 - len(found.train) - 30
    assert not trained & {r.person for r in (*found.judge, *found.check)}


ASPECTS = ["price", "deductible", "notice period", "waiting time", "renewal date", "excess",
           "surcharge", "cover abroad"]  # fmt: skip
INSTRUCTION = " ".join(f"rule{n} says word{n % 7}" for n in range(34))


@pytest.mark.parametrize(("words", "questions"), [(68, 4), (300, 40)])
@pytest.mark.parametrize("others", [0, 100])
def test_different_questions_behind_one_long_text_stay_different(
    words: int, questions: int, others: int
) -> None:
    rng = Random(words)
    common = " ".join(f"w{rng.randrange(500)}" for _ in range(words))
    asked = [f"{common}\n\nWhat is the {ASPECTS[n % 8]} of item{n}?" for n in range(questions)]
    assert near(asked[0], asked[1]), "they are near by what they have in common"
    rest = [f"Something else about thing{n} and place{n}?" for n in range(others)]
    copy = asked[0].upper().replace("?", " !")
    found = Clusters([*asked * 5, copy, *rest])
    assert len({found(text) for text in asked}) == questions
    assert found(asked[0]) == found(copy)
    assert len({found.wide(text) for text in asked}) == 1


def test_a_popular_question_with_a_word_more_is_one_question() -> None:
    question = "Which documents does a traveller need to hand in after luggage was lost abroad?"
    texts = [question, *(f"{word} {question}" for word in ("Hi", "Please", "Hello", "Now"))]
    assert Clusters(texts).sizes() == [5]


def test_templated_traffic_keeps_a_part_that_judges_and_one_that_checks() -> None:
    rows = [
        row(n, f"person-{n % 25}", n % 3 > 0, question=f"{INSTRUCTION}\nTopic: topic{n}")
        for n in range(500)
    ]
    found = rounds(rows)
    assert min(len(found.judge), len(found.check)) >= 80
    assert len(found.train) + len(found.heldout) >= 250
    assert "close to a question of another part" not in found.left_out


def test_a_copy_of_a_gate_prompt_is_found_in_a_crowd_too() -> None:
    question = "Which documents does a traveller need to hand in after luggage was lost abroad?"
    copies_of = [f"{question} {word}" for word in ("Please", "Thanks", "Asap", "Anyone", "Hello")]
    asked = Asked([row(n, question=text) for n, text in enumerate(copies_of)], [question], 0.95)
    assert all(asked.protected(row(0, question=text)) for text in copies_of)
