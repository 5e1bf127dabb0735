"""How long the operator's feedback page reads, and a home full of made-up votes to look at it.

`python -m benchmarks.feedback_page` measures with 100,000 votes; `--home HOME --votes 3000` leaves
a home behind, for the service and for pictures of the page (`benchmarks.screenshots`).

Invariant: the same number of votes gives the same home, but for the day it ends on; everything is
said through the store, as people say it, by people who are called simulated.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from random import Random

from benchmarks.results import table, write_section
from demo.answers import STYLES, render
from demo.questions import ask, templates
from demo.world import LANGUAGES, Fact, Language, article_name, facts
from feedback.contexts import read_contexts
from feedback.database import Database, default_url
from feedback.found_votes import Place, Wanted, find_votes
from feedback.rates import rates, reasons
from feedback.reviews import Reviews
from feedback.store import FeedbackStore
from feedback.types import Comparison, Completion, Message
from knowledge.chunks import Passage
from ratchet.migrations import migrate

DAY = 86_400.0
WEEKS = 12
PEOPLE = 60
LIKED = {"rag": 0.62, "ratchet-0001+rag": 0.71, "ratchet-0002+rag": 0.83, "base": 0.35}
"""How often a responder's answers are liked, and hence which one was live when."""
REASONS = {
    False: (("wrong",), ("no_source",), ("unclear", "too_long"), ("off_topic",), ()),
    True: (("correct", "cited"), ("clear",), ("brief",), ()),
}
COMMENTS = {
    "en": ("Article 5 says something else.", "Which policy is this about?", "I asked for days."),
    "ko": ("약관 제5조와 다릅니다.", "어느 상품 이야기인지 모르겠어요.", "며칠인지 물었습니다."),
}

GREETING: dict[Language, tuple[Message, ...]] = {
    "en": (
        {"role": "user", "content": "Hello, I have a question."},
        {"role": "assistant", "content": "What would you like to know?"},
    ),
    "ko": (
        {"role": "user", "content": "안녕하세요, 궁금한 게 있어요."},
        {"role": "assistant", "content": "무엇이 궁금하신가요?"},
    ),
}


class Simulation:
    """People who ask and vote over the last weeks, in the demo's words."""

    def __init__(self, store: FeedbackStore, votes: int) -> None:
        self._store, self._votes, self._rng = store, votes, Random(votes)
        self._facts = facts()

    def run(self, until: float) -> None:
        """Say everything, the earliest first."""
        times = sorted(until - WEEKS * 7 * DAY * self._rng.random() for _ in range(self._votes))
        for number, at in enumerate(times):
            self._store.clock = lambda at=at: at  # type: ignore[misc]
            self._turn(number, at, (at - times[0]) / (until - times[0]))

    def _turn(self, number: int, at: float, through: float) -> None:
        rng = self._rng
        person = f"simulated-{rng.randrange(PEOPLE):02d}"
        language: Language = LANGUAGES[rng.random() < 0.4]
        fact = rng.choice(self._facts)
        names = list(LIKED)
        responder = rng.choice(names[: 1 + int(3 * through)] + ["base"] * (rng.random() < 0.2))
        first = self._answer(f"seeded-{number}", person, language, fact, responder, at)
        if rng.random() < 0.1:
            again = f"seeded-{number}-again"
            self._answer(again, person, language, fact, responder, at, parent=first)
        liked = rng.random() < LIKED[responder]
        comment = rng.choice(COMMENTS[language]) if not liked and rng.random() < 0.3 else ""
        self._store.record_vote(first, person, liked, rng.choice(REASONS[liked]), comment)
        if not liked and rng.random() < 0.1:
            self._store.record_correction(first, person, self._said(fact, language, 0))
        if rng.random() < 0.05:
            self._pair(number, person, language, fact, at)

    def _pair(self, number: int, person: str, language: Language, fact: Fact, at: float) -> None:
        left, right = (
            self._answer(f"seeded-{number}-{side}", person, language, fact, name, at, pair=True)
            for side, name in (("left", "rag"), ("right", "ratchet-0002+rag"))
        )
        self._store.open_comparison(Comparison(f"pair-{number}", person, left, right))
        self._store.record_outcome(f"pair-{number}", person, "right")
        self._store.record_vote(left, person, False, ("unclear",))

    def _answer(
        self, id_: str, person: str, language: Language, fact: Fact, responder: str, at: float,
        parent: str | None = None, pair: bool = False,
    ) -> str:  # fmt: skip
        rng, conversation = self._rng, f"talk-{id_.split('-')[1]}"
        subject = fact.attribute.key
        question = ask(rng.choice(templates(subject, language, "train")), fact.product.of(language))
        asked: list[Message] = [{"role": "user", "content": question}]
        if rng.random() < 0.3:
            asked = [*GREETING[language], *asked]
        self._store.open_completion(
            Completion(
                id=id_, conversation=conversation, person=person, messages=tuple(asked),
                text=self._said(fact, language, rng.randrange(3)), responder=responder,
                passages=(self._passage(fact, language),) if "rag" in responder else (),
                sampling={}, status="complete", finish_reason="stop", completion_tokens=24,
                duration_ms=900 * rng.random(), interface="page", parent=parent, created=at - 20,
                purpose="pair" if pair else "chat",
            )
        )  # fmt: skip
        return id_

    def _said(self, fact: Fact, language: Language, style: int) -> str:
        return render(fact.stated(language), STYLES[style], self._rng)

    def _passage(self, fact: Fact, language: Language) -> dict[str, object]:
        document, said = fact.product.of(language), fact.stated(language)
        source = f"{fact.product.en.lower().replace(' ', '-')}.md"
        article, heading = article_name(fact.number, language), fact.attribute.name.of(language)
        id_ = f"{source}-{language}-{fact.number}"
        return asdict(Passage(id_, document, article, heading, said.text, language, source))


def seed(home: Path, votes: int) -> Database:
    """Fill a new home and return its database."""
    home.mkdir(parents=True, exist_ok=True)
    database = Database(default_url(home))
    migrate(database)
    store = FeedbackStore(database)
    Simulation(store, votes).run(time.time())
    _review(database)
    return database


def _review(database: Database) -> None:
    """Rule on some of the latest down-votes, so that every state is there."""
    reviews = Reviews(database)
    found = find_votes(database, Wanted(liked=False), 60)
    for number, each in enumerate(found[1::4]):
        id_, comment = each.vote.completion_id, ("checked with the policy", "")[number % 2]
        if number % 3 == 0:
            reviews.record(id_, "kim", "exclude", comment=comment)
        elif number % 3 == 1:
            reviews.record(id_, "lee", "fix", f"{each.answer} (Article 5)", comment)
        else:
            reviews.record(id_, "kim", "accept", comment=comment)


def measure(database: Database, rounds: int = 7) -> Iterator[tuple[str, str]]:
    """Yield each reading of the page with its median in milliseconds."""
    now = time.time()
    since, middle = now - WEEKS * 7 * DAY, Place(now - WEEKS * 3.5 * DAY, "")
    page = find_votes(database, Wanted(liked=False), 10)
    ids = [each.vote.completion_id for each in page]
    readings: dict[str, Callable[[], object]] = {
        "rates of twelve weeks": lambda: rates(database, since, now, 12),
        "reasons of twelve weeks": lambda: reasons(database, since, now),
        "the queue: down-votes without a review": lambda: _find(database, state="open"),
        "a page in the middle": lambda: find_votes(database, Wanted(liked=False), 11, middle),
        "the contexts of a page": lambda: read_contexts(database, ids),
        "one person": lambda: _find(database, person="simulated-07"),
        "a frequent word": lambda: _find(database, text="waiting"),
        "a responder without votes": lambda: _find(database, responder="nobody"),
        "a reason that nobody named": lambda: _find(database, reason="nothing"),
        "accepted ones (few)": lambda: _find(database, state="accept"),
        "a word that nobody said": lambda: _find(database, text="nowhere"),
        "the same in the last seven days": lambda: _find(
            database, text="nowhere", since=now - 7 * DAY
        ),
    }
    for name, read in readings.items():
        read()
        took = []
        for _ in range(rounds):
            began = time.perf_counter()
            read()
            took.append(time.perf_counter() - began)
        yield name, f"{statistics.median(took) * 1000:,.1f} ms"


def _find(database: Database, **wanted: object) -> object:
    return find_votes(database, Wanted(liked=False, **wanted), 11)  # type: ignore[arg-type]


def main() -> None:
    """Seed, and measure or leave the home behind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--votes", type=int, default=100_000)
    parser.add_argument("--home", type=Path, help="an empty folder that is kept; nothing is timed")
    given = parser.parse_args()
    if given.home:
        seed(given.home, given.votes).dispose()
        return
    with tempfile.TemporaryDirectory() as folder:
        database = seed(Path(folder), given.votes)
        rows = list(measure(database))
        database.dispose()
    report(given.votes, rows)


def report(votes: int, rows: Sequence[tuple[str, str]]) -> None:
    """Write the section."""
    body = (
        f"What the operator's feedback page reads of {votes:,} votes in SQLite, warm, median"
        " of seven; what finds nothing has looked at all of them.\n\n"
        + table(("reading", "takes"), rows)
    )
    write_section("Feedback page", body)
    print(body)


if __name__ == "__main__":
    main()
