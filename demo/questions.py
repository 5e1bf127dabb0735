"""The questions that people ask: wordings of what they want to know, put into frames.

A template is one wording in one frame. Whole templates are dealt to three splits: `train` (the
model, simulated voters), `heldout` (measuring the model) and `suite` (the gate's reference
questions).
Invariant: every content word of a heldout or suite template occurs in some train template, and no
suite question is nearly a train question, so the gate asks nothing that feedback has taught
verbatim.
"""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Literal, TypedDict

from demo.korean import resolve
from demo.wordings import CLAUSE_FRAMES, CLAUSES, NOUN_FRAMES, NOUNS, OFF_TOPIC
from demo.world import ATTRIBUTES, LANGUAGES, PRODUCTS, Language, facts

Split = Literal["train", "heldout", "suite"]
SUITE = Path(__file__).parent / "suite.jsonl"

# Dealt along the diagonals, so that every wording and every frame has templates in train.
_DIAGONAL: tuple[Split, ...] = ("heldout", "train", "suite", "train", "train")

ABSENT_THINGS = tuple(
    key for key in NOUNS["en"] if key not in {attribute.key for attribute in ATTRIBUTES}
)
_ABSENT_IN_SUITE = 64


class SuiteRow(TypedDict):
    """One reference question of the gate."""

    id: str
    messages: list[dict[str, str]]
    language: Language
    value: str
    article: str
    document: str
    kind: Literal["known", "new", "absent"]


@cache
def templates(subject: str, language: Language, split: Split) -> tuple[str, ...]:
    """Return the templates that ask for an attribute, or for a thing that no document holds."""
    found = []
    for i, noun in enumerate(NOUNS[language][subject]):
        for j, frame in enumerate(NOUN_FRAMES[language]):
            if _DIAGONAL[(2 * i + j) % len(_DIAGONAL)] == split:
                found.append(frame.replace("{n}", noun))
    for i, clause in enumerate(CLAUSES[language].get(subject, ())):
        for j, frame in enumerate(CLAUSE_FRAMES[language]):
            if ("heldout" if (i + j) % len(CLAUSE_FRAMES[language]) == 3 else "train") == split:
                found.append(frame.replace("{q}", clause))
    return tuple(found)


def ask(template: str, product: str) -> str:
    """Put a product's name into a template; Korean particles follow the name."""
    return resolve(template.replace("{p}", product))


@cache
def off_topic(language: Language, split: Split) -> tuple[str, ...]:
    """Return questions that have nothing to do with insurance; the suite asks none."""
    asks, subjects = OFF_TOPIC[language]
    return tuple(
        ask.replace("{x}", subject)
        for i, ask in enumerate(asks)
        for j, subject in enumerate(subjects)
        if ("heldout" if (i + j) % 5 == 0 else "train") == split
    )


def suite() -> Iterator[SuiteRow]:
    """Yield the reference questions: every fact twice a language, and what no document holds."""
    for language in LANGUAGES:
        for index, fact in enumerate(facts()):
            choices = templates(fact.attribute.key, language, "suite")
            # Every attribute meets all of its phrasings over the products.
            first = 2 * (index + index // len(ATTRIBUTES))
            for step in (0, 1):
                stated = fact.stated(language)
                yield SuiteRow(
                    id=f"{language}-{index:03d}-{step}",
                    messages=_user(ask(choices[(first + step) % len(choices)], stated.document)),
                    language=language,
                    value=stated.value,
                    article=stated.article,
                    document=stated.document,
                    kind="known" if fact.known else "new",
                )
    yield from _absent()


def _absent() -> Iterator[SuiteRow]:
    for index in range(_ABSENT_IN_SUITE):
        language = LANGUAGES[index % 2]
        thing = ABSENT_THINGS[index // 2 % len(ABSENT_THINGS)]
        product = PRODUCTS[index * 5 % len(PRODUCTS)].of(language)
        choices = templates(thing, language, "suite")
        yield SuiteRow(
            id=f"{language}-absent-{index:03d}",
            messages=_user(ask(choices[index % len(choices)], product)),
            language=language,
            value="",
            article="",
            document=product,
            kind="absent",
        )


def _user(question: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": question}]


def write() -> None:
    """Write the suite to `demo/suite.jsonl`."""
    rows = (json.dumps(row, ensure_ascii=False) for row in suite())
    SUITE.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")


if __name__ == "__main__":
    write()
