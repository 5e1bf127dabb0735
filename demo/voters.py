"""Simulated people who ask, read and vote through the public API, all of one taste.

They like an exact answer with the right article, an honest "not in there" and a polite refusal of
what has nothing to do with insurance; they dislike the rest. Invariant: who asks what, and whose
finger slips, is drawn from the seed before the first question; only the answers are the server's.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Literal

import httpx

from demo import answers
from demo.asking import Asker, Reply, Sleep, side_by_side, turns
from demo.questions import ABSENT_THINGS, Split, ask, off_topic, templates
from demo.world import LANGUAGES, PRODUCTS, Fact, Language, facts

Subject = Literal["fact", "absent", "off_topic"]
Outcome = Literal["left", "right", "tie", "both_bad"]

_SUBJECTS: tuple[Subject, ...] = ("fact", "absent", "off_topic")
_WEIGHTS = (80, 12, 8)
_COMPARISONS = 0.1  # on top of the votes
_OPPOSITE: dict[Outcome, Outcome] = {
    "left": "right",
    "right": "left",
    "tie": "both_bad",
    "both_bad": "tie",
}


@dataclass(frozen=True)
class Question:
    """A question, and the fact that answers it, if any does."""

    text: str
    language: Language
    subject: Subject
    fact: Fact | None = None


@dataclass(frozen=True)
class Errand:
    """One thing that one person does: ask and vote, or compare two answers."""

    person: str
    question: Question
    compare: bool
    turned: bool
    """Whether the opposite of the person's taste is said."""


@dataclass
class _Tally:
    votes: int = 0
    liked: int = 0
    turned: int = 0
    facts: int = 0
    right: int = 0
    cited: int = 0
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    responders: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class VoteReport:
    """What was asked, said and answered."""

    votes: int
    liked: int
    turned: int
    """Votes and choices that said the opposite of the taste, by a slip or on purpose."""
    comparisons: int
    outcomes: dict[str, int]
    facts: int
    """Votes on questions that a fact answers; the shares are of these."""
    right: float
    cited: float
    """Right value and right article."""
    responders: dict[str, int]
    """Votes by the responder that was voted on."""


def vote(
    base_url: str,
    *,
    votes: int = 300,
    users: int = 25,
    seed: int = 1,
    noise: float = 0.05,
    adversaries: float = 0.0,
    streams: int = 8,
    key: str | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    transport: httpx.AsyncBaseTransport | None = None,
    sleep: Sleep = asyncio.sleep,
) -> VoteReport:
    """Give exactly `votes` votes, and a tenth as many comparisons, spread evenly over the people.

    Args:
        base_url: The service; on loopback it believes who we say we are.
        votes: How many answers are voted on.
        users: How many people there are, `simulated-01` and on.
        seed: Decides people, questions and slips.
        noise: The probability that a finger slips.
        adversaries: The share of people who say the opposite of the taste.
        streams: Requests at once.
        key: An API key with the right `act`, for a service that does not trust us.
        on_progress: Called with the errands done and the errands in all.
        transport: Another way to the service than the network.
        sleep: How to wait where the service asks for it.

    Raises:
        AskingFailed: the service refused something or stayed busy for too long.
    """
    errands = plan(votes, users, seed, noise=noise, adversaries=adversaries)

    async def run() -> VoteReport:
        tally, done = _Tally(), 0
        async with Asker(
            base_url, streams=streams, key=key, transport=transport, sleep=sleep
        ) as asker:

            async def go(errand: Errand) -> None:
                nonlocal done
                await (_compare if errand.compare else _vote)(asker, errand, tally)
                done += 1
                on_progress(done, len(errands))

            await side_by_side(go(errand) for errand in errands)
        return _report(tally)

    return asyncio.run(run())


def plan(
    votes: int, users: int, seed: int, *, noise: float = 0.05, adversaries: float = 0.0
) -> list[Errand]:
    """Decide who does what; the same questions are asked whatever the noise.

    Raises:
        ValueError: a number that makes no plan.
    """
    if votes < 1 or users < 1:
        raise ValueError(f"{votes} votes by {users} people: both must be at least 1")
    if not (0 <= noise <= 1 and 0 <= adversaries <= 1):
        raise ValueError(f"noise {noise} and adversaries {adversaries} must lie between 0 and 1")
    people = [f"simulated-{number:02d}" for number in range(1, users + 1)]
    asking, slipping = Random(f"{seed} questions"), Random(f"{seed} slips")
    hostile = set(Random(f"{seed} people").sample(people, round(adversaries * users)))
    comparisons = round(_COMPARISONS * votes)
    kinds = [(number / votes, False, people[number % users]) for number in range(votes)]
    kinds += [(n / comparisons, True, people[n % users]) for n in range(comparisons)]
    return [
        Errand(
            person,
            draw_question(asking),
            compare,
            turned=(slipping.random() < noise) != (person in hostile),
        )
        for _, compare, person in sorted(kinds)
    ]


def draw_question(rng: Random, split: Split = "train") -> Question:
    """Draw a question in either language: mostly about facts, known to the model or not."""
    language = rng.choice(LANGUAGES)
    subject = rng.choices(_SUBJECTS, _WEIGHTS)[0]
    if subject == "off_topic":
        return Question(rng.choice(off_topic(language, split)), language, subject)
    if subject == "absent":
        template = rng.choice(templates(rng.choice(ABSENT_THINGS), language, split))
        product = rng.choice(PRODUCTS).of(language)
        return Question(ask(template, product), language, subject)
    return about_fact(rng.choice(facts()), language, rng, split)


def about_fact(fact: Fact, language: Language, rng: Random, split: Split) -> Question:
    """Ask for a fact in one of the wordings of a split."""
    template = rng.choice(templates(fact.attribute.key, language, split))
    return Question(ask(template, fact.product.of(language)), language, "fact", fact)


def is_right(question: Question, text: str) -> bool:
    """Say whether an answer states the fact that was asked for."""
    return question.fact is not None and answers.right_value(text, question.fact, question.language)


def is_cited(question: Question, text: str) -> bool:
    """Say whether an answer states the fact and cites the article that proves it."""
    return (
        question.fact is not None
        and is_right(question, text)
        and answers.cited_article(text) == question.fact.stated(question.language).article
    )


def likes(question: Question, text: str) -> bool:
    """Say whether the taste of the simulated people likes an answer."""
    if question.subject == "fact":
        return is_cited(question, text) and answers.style_of(text) == "exact"
    if question.subject == "absent":
        return text.strip() in (
            answers.NOT_IN_PASSAGES[question.language],
            answers.NOT_WITHOUT_DOCUMENTS[question.language],
        )
    return text.strip() == answers.OFF_TOPIC[question.language]


def choose(left: bool, right: bool) -> Outcome:
    """Return what somebody says who likes the left or the right answer, both or neither."""
    if left and right:
        return "tie"
    if left or right:
        return "left" if left else "right"
    return "both_bad"


async def _vote(asker: Asker, errand: Errand, tally: _Tally) -> None:
    question = errand.question
    reply = await asker.chat(question.text, errand.person)
    liked = likes(question, reply.text) != errand.turned
    await asker.call(
        "PUT", f"/v1/feedback/votes/{reply.id}", {"liked": liked, "user": errand.person}
    )
    _count_vote(tally, question, reply, liked)
    tally.turned += errand.turned


def _count_vote(tally: _Tally, question: Question, reply: Reply, liked: bool) -> None:
    tally.votes += 1
    tally.liked += liked
    tally.responders[reply.responder] += 1
    if question.fact is not None:
        tally.facts += 1
        tally.right += is_right(question, reply.text)
        tally.cited += is_cited(question, reply.text)


async def _compare(asker: Asker, errand: Errand, tally: _Tally) -> None:
    question = errand.question
    body = {"messages": turns(question.text), "user": errand.person}
    pair = await asker.call("POST", "/v1/comparisons", body)
    outcome = choose(
        likes(question, pair["left"]["content"]), likes(question, pair["right"]["content"])
    )
    outcome = _OPPOSITE[outcome] if errand.turned else outcome
    await asker.call(
        "PUT",
        f"/v1/feedback/comparisons/{pair['id']}",
        {"outcome": outcome, "user": errand.person},
    )
    tally.outcomes[outcome] += 1
    tally.turned += errand.turned


def _report(tally: _Tally) -> VoteReport:
    return VoteReport(
        votes=tally.votes,
        liked=tally.liked,
        turned=tally.turned,
        comparisons=tally.outcomes.total(),
        outcomes={str(outcome): count for outcome, count in sorted(tally.outcomes.items())},
        facts=tally.facts,
        right=tally.right / max(1, tally.facts),
        cited=tally.cited / max(1, tally.facts),
        responders=dict(sorted(tally.responders.items())),
    )
