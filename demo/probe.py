"""Asks for facts in phrasings that nobody voted on and counts right and rightly cited answers.

What a cycle taught shows here, measured apart from votes, judge and gate. Facts that the model
knows by heart and facts that only the documents hold are counted apart.
Invariant: the same seed asks the same questions of every responder, so probes can be compared.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

import httpx

from demo.asking import Asker, Sleep, side_by_side
from demo.voters import Question, about_fact, is_cited, is_right
from demo.world import LANGUAGES, Fact, facts
from eval.stats import Interval, wilson

PERSON = "simulated-probe"


@dataclass(frozen=True)
class Shares:
    """How a kind of questions was answered; intervals are Wilson's, 95 %."""

    count: int
    right: Interval
    cited: Interval
    """Right value and right article."""


@dataclass(frozen=True)
class ProbeReport:
    """What a responder knows."""

    known: Shares
    new: Shares
    responders: dict[str, int]
    """Who answered; more than one if something was promoted meanwhile."""

    def __str__(self) -> str:
        """Put the four shares into one line."""
        known, new = self.known, self.new
        return (
            f"known: right {_percent(known.right)}, cited {_percent(known.cited)}; "
            f"new: right {_percent(new.right)}, cited {_percent(new.cited)}"
        )


def probe(
    base_url: str,
    *,
    responder: str = "ratchet",
    questions: int = 500,
    new_questions: int = 200,
    seed: int = 1,
    temperature: float | None = 1.0,
    streams: int = 8,
    key: str | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    transport: httpx.AsyncBaseTransport | None = None,
    sleep: Sleep = asyncio.sleep,
) -> ProbeReport:
    """Ask a responder for known and for new facts.

    Args:
        base_url: The service.
        responder: Who is asked; `ratchet` is whoever is live.
        questions: How many about facts that the model knows by heart.
        new_questions: How many about facts that only the documents hold.
        seed: Decides which facts in which phrasings.
        temperature: None leaves it to the server.
        streams: Requests at once.
        key: An API key or the operator's token, for responders that not everybody may name.
        on_progress: Called with the answers that are in and the answers in all.
        transport: Another way to the service than the network.
        sleep: How to wait where the service asks for it.

    Raises:
        AskingFailed: the service refused something or stayed busy for too long.
    """
    known = heldout_questions(questions, Random(f"{seed} known"), known=True)
    new = heldout_questions(new_questions, Random(f"{seed} new"), known=False)
    texts: dict[int, str] = {}
    responders: dict[str, int] = {}

    async def run() -> None:
        async with Asker(
            base_url, streams=streams, key=key, transport=transport, sleep=sleep
        ) as asker:

            async def go(number: int, question: Question) -> None:
                reply = await asker.chat(
                    question.text, PERSON, responder=responder, temperature=temperature
                )
                texts[number] = reply.text
                responders[reply.responder] = responders.get(reply.responder, 0) + 1
                on_progress(len(texts), len(known) + len(new))

            await side_by_side(go(number, q) for number, q in enumerate(known + new))

    asyncio.run(run())
    replies = [texts[number] for number in range(len(texts))]
    return ProbeReport(
        known=shares(known, replies[: len(known)]),
        new=shares(new, replies[len(known) :]),
        responders=responders,
    )


def heldout_questions(count: int, rng: Random, *, known: bool) -> list[Question]:
    """Draw held-out phrasings, every fact in turn and the languages in turn."""
    pool: list[Fact] = [fact for fact in facts() if fact.known == known]
    rng.shuffle(pool)
    return [
        # Each round through the pool asks every fact in the language that it was not in before.
        about_fact(
            pool[n % len(pool)], LANGUAGES[(n % len(pool) + n // len(pool)) % 2], rng, "heldout"
        )
        for n in range(count)
    ]


def shares(questions: list[Question], replies: list[str]) -> Shares:
    """Grade replies."""
    pairs = list(zip(questions, replies, strict=True))
    right = sum(is_right(question, reply) for question, reply in pairs)
    cited = sum(is_cited(question, reply) for question, reply in pairs)
    return Shares(len(pairs), wilson(right, len(pairs)), wilson(cited, len(pairs)))


def _percent(share: Interval) -> str:
    return f"{share.estimate:.1%} [{share.low:.1%}, {share.high:.1%}]"
