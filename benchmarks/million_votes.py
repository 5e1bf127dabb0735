"""A million votes, or fewer: synthetic people ask, read and judge, straight into a database.

Questions are sentences of drawn words in English, Korean, German and Japanese; of ten, six are new,
two were asked before, and two nearly so: a greeting in front, a word changed. One in fifty tells
something personal. Answers that say where something stands are liked more often; one person in
fifty votes the opposite. Every ten completions have about 33 votes by others.

Invariant: the same number of votes gives the same rows.
"""

from collections.abc import Iterator
from random import Random
from typing import Any

from sqlalchemy import insert

from benchmarks.personal_forms import SLOTS
from feedback.database import Database
from feedback.tables import completions, votes

COMPLETIONS_A_VOTE = 0.3
VOTES_A_PERSON = 50
_BATCH = 5_000
_BEGAN = 1_700_000_000.0
_LETTERS = {
    "en": ("ba", "con", "der", "fi", "gra", "lo", "men", "ri", "sta", "tu", "ver", "wil"),
    "de": ("aus", "bei", "dung", "ein", "gel", "haft", "lich", "schu", "tig", "vor", "zah", "zug"),
    "ko": (
        "가",
        "나",
        "보",
        "험",
        "금",
        "계",
        "약",
        "청",
        "구",
        "해",
        "지",
        "동",
        "의",
        "차",
        "물",
    ),
    "ja": (
        "ほ",
        "け",
        "ん",
        "し",
        "は",
        "ら",
        "い",
        "き",
        "ん",
        "保",
        "険",
        "契",
        "約",
        "金",
        "額",
    ),
}
_GREETINGS = {"en": "Hello, ", "de": "Guten Tag, ", "ko": "안녕하세요, ", "ja": "すみません、"}
_TELLING = ("EMAIL", "PHONE_KO", "PHONE_EN", "CARD", "ACCOUNT_KO")


def fill(database: Database, count: int) -> None:
    """Write `count` votes, with the completions that they are about."""
    database.create_tables()
    answers = round(count * COMPLETIONS_A_VOTE)
    for table, rows in ((completions, _completions(answers)), (votes, _votes(count, answers))):
        batch: list[dict[str, Any]] = []
        for row in rows:
            batch.append(row)
            if len(batch) == _BATCH:
                _write(database, table, batch)
                batch = []
        _write(database, table, batch)


def _write(database: Database, table: Any, rows: list[dict[str, Any]]) -> None:
    if rows:
        with database.write() as connection:
            connection.execute(insert(table), rows)


def _words() -> dict[str, list[str]]:
    rng = Random("words")
    return {
        language: ["".join(rng.choices(parts, k=rng.randint(2, 3))) for _ in range(4_000)]
        for language, parts in _LETTERS.items()
    }


def _sentence(rng: Random, words: list[str], least: int, most: int) -> str:
    # The first words of the list are the frequent ones, as in a language.
    return " ".join(
        words[int(len(words) * rng.random() ** 2)] for _ in range(rng.randint(least, most))
    )


def _completions(count: int) -> Iterator[dict[str, Any]]:
    rng, words = Random("completions"), _words()
    asked: dict[str, list[str]] = {language: [] for language in words}
    for number in range(count):
        language = rng.choice(tuple(words))
        question = _question(rng, language, words[language], asked[language])
        cited = good(number)
        text = _sentence(rng, words[language], 12, 40) + (". (Article 7)" if cited else ".")
        passages = number % 5 < 2
        created = _BEGAN + number * 10.0
        yield {
            **dict.fromkeys(completions.columns.keys()),
            "id": f"c{number:07}",
            "conversation": f"conversation-{number}",
            "person": f"asker-{number % 10_007}",
            "purpose": "chat",
            "messages": [{"role": "user", "content": question}],
            "text": text,
            "responder": "rag" if passages else "base",
            "named": False,
            "passages": [_passage(rng, words[language])] if passages else [],
            "steps": [],
            "sampling": {"temperature": 1.0},
            "status": "complete",
            "finish_reason": "stop",
            "interface": "page" if number % 2 else "api",
            "created": created,
            "updated": created + 5.0,
        }


def _question(rng: Random, language: str, words: list[str], asked: list[str]) -> str:
    way = rng.random()
    if way < 0.6 or not asked:
        question = _sentence(rng, words, 6, 14) + "?"
        if rng.random() < 0.02:
            question += f" {SLOTS[rng.choice(_TELLING)](rng)}"
        asked.append(question)
        return question
    known = rng.choice(asked)
    if way < 0.8:
        return known
    if way < 0.9:
        return _GREETINGS[language] + known
    parts = known.split(" ")
    parts[rng.randrange(len(parts))] = rng.choice(words)
    return " ".join(parts)


def _passage(rng: Random, words: list[str]) -> dict[str, str]:
    number = rng.randrange(2_000)
    return {
        "id": f"p{number}",
        "document": "Terms",
        "article": f"Article {number % 40}",
        "heading": "",
        "text": _sentence(Random(f"passage {number}"), words, 30, 60),
        "language": "en",
        "source": "terms.md",
    }


def good(number: int) -> bool:
    """Say whether completion `number` is one that most people like."""
    return number * 2654435761 % 100 < 55


def _votes(count: int, answers: int) -> Iterator[dict[str, Any]]:
    rng = Random("votes")
    people = max(20, count // VOTES_A_PERSON)
    for number in range(count):
        answer, round_ = number % answers, number // answers
        # Another person each time round: nobody votes twice on one answer.
        person = (answer * 7919 + round_ * (people // 5 + 1)) % people
        liked = (good(answer) if rng.random() < 0.9 else rng.random() < 0.5) != (person % 50 == 0)
        at = _BEGAN + answer * 10.0 + 60.0 + round_ * 86_400.0 + rng.random()
        yield {
            "completion_id": f"c{answer:07}",
            "person": f"person-{person}",
            "liked": liked,
            "reasons": [],
            "comment": "",
            "created": at,
            "updated": at,
        }
