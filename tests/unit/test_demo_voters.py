import json
from collections import Counter
from random import Random
from typing import Any

import httpx
import pytest

from demo import answers
from demo.asking import AskingFailed, wait_before_retry
from demo.probe import heldout_questions, probe
from demo.questions import templates
from demo.voters import Question, choose, likes, plan, vote
from demo.world import LANGUAGES, facts
from eval.stats import wilson

FACT = facts()[0]
URL = "http://127.0.0.1:1"


class Service:
    """The public API over a script that answers exactly, or badly, at a given rate."""

    def __init__(self, questions: list[Question], good: float = 1.0, busy: int = 0) -> None:
        self.by_text = {question.text: question for question in questions}
        self.good = good
        self.busy = busy
        self.votes: dict[str, tuple[str, bool]] = {}
        self.outcomes: dict[str, tuple[str, str]] = {}
        self.asked: list[dict[str, Any]] = []
        self.waited: list[float] = []
        self._rng = Random(1)

    @property
    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self.handle)

    async def sleep(self, seconds: float) -> None:
        self.waited.append(seconds)

    def handle(self, request: httpx.Request) -> httpx.Response:
        if self.busy:
            self.busy -= 1
            return httpx.Response(503, headers={"Retry-After": "2"}, json={"error": {}})
        body = json.loads(request.content)
        path = request.url.path
        if path == "/v1/chat/completions":
            self.asked.append(body)
            number = len(self.asked)
            message = {"role": "assistant", "content": self.answer(body["messages"][-1]["content"])}
            return httpx.Response(
                200, json={"id": f"c-{number}", "model": "rag", "choices": [{"message": message}]}
            )
        if path == "/v1/comparisons":
            number = len(self.outcomes) + 1
            question = body["messages"][-1]["content"]
            sides = {
                s: {"id": f"{s}-{number}", "content": self.answer(question)}
                for s in ("left", "right")
            }
            self.outcomes[f"p-{number}"] = (body["user"], "")
            return httpx.Response(200, json={"id": f"p-{number}", **sides})
        name = path.rsplit("/", 1)[1]
        if "votes" in path:
            self.votes[name] = (body["user"], body["liked"])
        else:
            assert self.outcomes[name][0] == body["user"]
            self.outcomes[name] = (body["user"], body["outcome"])
        return httpx.Response(200, json={})

    def answer(self, text: str) -> str:
        question = self.by_text[text]
        good = self._rng.random() < self.good
        if question.fact is not None:
            stated = question.fact.stated(question.language)
            return answers.exact(stated) if good else answers.bare(stated, self._rng)
        refusals = answers.NOT_IN_PASSAGES if question.subject == "absent" else answers.OFF_TOPIC
        return refusals[question.language] if good else "It is 12 days."


def service(votes: int, users: int, seed: int = 1, **how: Any) -> Service:
    return Service([errand.question for errand in plan(votes, users, seed)], **how)


def test_exactly_the_votes_that_were_asked_for_spread_over_the_people() -> None:
    fake = service(60, 7)
    steps: list[tuple[int, int]] = []
    report = vote(
        URL,
        votes=60,
        users=7,
        noise=0,
        transport=fake.transport,
        on_progress=lambda done, total: steps.append((done, total)),
    )
    assert (report.votes, report.comparisons, len(fake.votes)) == (60, 6, 60)
    per_person = Counter(person for person, _ in fake.votes.values())
    assert sorted(per_person) == [f"simulated-{n:02d}" for n in range(1, 8)]
    assert max(per_person.values()) - min(per_person.values()) <= 1
    assert steps[-1] == (66, 66)
    assert {body["model"] for body in fake.asked} == {"ratchet"}
    assert report.responders == {"rag": 60}


def test_good_answers_are_liked_and_two_good_ones_are_a_tie() -> None:
    fake = service(50, 5)
    report = vote(URL, votes=50, users=5, noise=0, transport=fake.transport)
    assert (report.liked, report.turned, report.right, report.cited) == (50, 0, 1, 1)
    assert report.outcomes == {"tie": 5}


def test_bad_answers_are_not_liked_even_with_the_right_value() -> None:
    fake = service(50, 5, good=0)
    report = vote(URL, votes=50, users=5, noise=0, transport=fake.transport)
    assert (report.liked, report.right, report.cited) == (0, 1, 0)
    assert report.outcomes == {"both_bad": 5}


def test_adversaries_say_the_opposite_and_nobody_else_does() -> None:
    fake = service(50, 5)
    report = vote(URL, votes=50, users=5, noise=0, adversaries=0.4, transport=fake.transport)
    disliking = {person for person, liked in fake.votes.values() if not liked}
    assert len(disliking) == 2
    assert report.liked == 30
    assert report.turned == 20 + sum(outcome == "both_bad" for _, outcome in fake.outcomes.values())


def test_slips_are_about_as_many_as_said_and_leave_the_questions_alone() -> None:
    quiet, loud = plan(2000, 25, 3, noise=0), plan(2000, 25, 3, noise=0.1)
    assert [errand.question for errand in quiet] == [errand.question for errand in loud]
    assert not any(errand.turned for errand in quiet)
    assert 0.07 < sum(errand.turned for errand in loud) / len(loud) < 0.13
    assert plan(50, 5, 1) == plan(50, 5, 1) != plan(50, 5, 2)


def test_people_ask_train_questions_in_both_languages_about_everything() -> None:
    questions = [errand.question for errand in plan(1000, 25, 1)]
    assert {question.language for question in questions} == set(LANGUAGES)
    assert {question.subject for question in questions} == {"fact", "absent", "off_topic"}
    about = [question.fact for question in questions if question.fact]
    assert 0.6 < sum(fact.known for fact in about) / len(about) < 0.8
    held = {
        text.replace("{p}", fact.product.of(language))
        for language in LANGUAGES
        for fact in facts()
        for text in templates(fact.attribute.key, language, "heldout")
    }
    assert not held & {question.text for question in questions}


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_taste(language: str) -> None:
    question = Question("?", language, "fact", FACT)  # type: ignore[arg-type]
    stated = FACT.stated(question.language)
    exact = answers.exact(stated)
    assert likes(question, exact)
    assert not likes(question, exact.replace(str(stated.number), "99"))
    assert not likes(question, exact.replace(stated.value, "999"))
    assert not likes(question, answers.bare(stated, Random(1)))
    assert not likes(question, answers.hedging(stated, Random(1)))
    assert not likes(question, answers.NOT_IN_PASSAGES[question.language])
    absent = Question("?", question.language, "absent")
    assert likes(absent, answers.NOT_IN_PASSAGES[question.language])
    assert likes(absent, answers.NOT_WITHOUT_DOCUMENTS[question.language])
    assert not likes(absent, exact)
    assert not likes(absent, answers.OFF_TOPIC[question.language])
    off_topic = Question("?", question.language, "off_topic")
    assert likes(off_topic, answers.OFF_TOPIC[question.language])
    assert not likes(off_topic, answers.NOT_IN_PASSAGES[question.language])


def test_the_better_side_is_chosen() -> None:
    assert [choose(a, b) for a in (True, False) for b in (True, False)] == [
        "tie",
        "left",
        "right",
        "both_bad",
    ]


def test_a_busy_service_is_asked_again_when_it_says() -> None:
    fake = service(10, 2, busy=3)
    report = vote(URL, votes=10, users=2, transport=fake.transport, sleep=fake.sleep, streams=1)
    assert report.votes == 10
    assert fake.waited == [2, 2, 2]


def test_a_service_that_stays_busy_ends_it() -> None:
    fake = service(10, 2, busy=10_000)
    with pytest.raises(AskingFailed, match="503"):
        vote(URL, votes=10, users=2, transport=fake.transport, sleep=fake.sleep)
    assert len(fake.waited) <= 7 * 11


def test_a_refusal_ends_it_with_the_servers_words() -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(401, text="who are you?"))
    with pytest.raises(AskingFailed, match=r"401 who are you\?"):
        vote(URL, votes=5, users=2, transport=transport)


def test_a_service_that_is_not_there_is_named() -> None:
    with pytest.raises(AskingFailed, match="is `ratchet up` running"):
        vote(URL, votes=1, users=1)


@pytest.mark.parametrize(
    ("header", "seconds"), [(None, 1), ("3", 3), ("-1", 0), ("900", 30), ("Wed, 21 Oct", 1)]
)
def test_waits_are_bounded(header: str | None, seconds: float) -> None:
    assert wait_before_retry(header) == seconds


@pytest.mark.parametrize(
    "numbers", [{"votes": 0}, {"users": 0}, {"noise": 2.0}, {"adversaries": -0.1}]
)
def test_numbers_that_make_no_plan_are_refused(numbers: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must"):
        plan(**{"votes": 10, "users": 2, "seed": 1, **numbers})


def test_a_probe_counts_known_and_new_facts_apart() -> None:
    known = heldout_questions(40, Random("1 known"), known=True)
    new = heldout_questions(20, Random("1 new"), known=False)
    assert {q.fact.known for q in known if q.fact} == {True}
    assert {q.fact.known for q in new if q.fact} == {False}
    fake = Service([*known, *new])
    report = probe(
        URL, responder="ratchet-0001", questions=40, new_questions=20, transport=fake.transport
    )
    assert (report.known.count, report.new.count) == (40, 20)
    assert report.known.cited == wilson(40, 40)
    assert report.responders == {"rag": 60}
    assert {(b["model"], b["temperature"]) for b in fake.asked} == {("ratchet-0001", 1.0)}
    assert "known: right 100.0%" in str(report)
    bad = Service([*known, *new], good=0)
    report = probe(URL, questions=40, new_questions=20, temperature=None, transport=bad.transport)
    assert (report.known.right, report.new.cited) == (wilson(40, 40), wilson(0, 20))
    assert not any("temperature" in body for body in bad.asked)


def test_a_probe_asks_every_fact_in_both_languages() -> None:
    pool = [fact for fact in facts() if not fact.known]
    asked = heldout_questions(2 * len(pool), Random(1), known=False)
    pairs = {(q.fact, q.language) for q in asked}
    assert len(pairs) == 2 * len(pool)
