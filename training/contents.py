"""What the rows of a dataset are about: languages, topics, diversity, groups of people.

Topics are words that several different questions share, without the particles that Korean glues to
them. Groups are counted because a taste may hide in them: where answers that speak of one are liked
much less often than others, somebody should look.

Invariant: what is kept are counts, and words that stand in at least three different questions.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from knowledge.words import STOP_WORDS, detect_language
from training.copies import stems

Rows = Mapping[str, Sequence[Mapping[str, Any]]]
TOPICS = 15
_FEWEST = 3
"""Rows that a word must stand in: rarer ones are somebody's, not a topic."""
_ASKED_WITH = """
    무엇 무엇인가요 얼마 얼마인가요 얼마예요 어떻게 알려 알려주세요 주세요 있나요 되나요 인가요
    하나요 언제 어디 그리고 좀 저는 제가 궁금합니다 알고 싶어요
"""
_ASKING = STOP_WORDS.union(_ASKED_WITH.split())
GROUPS: Mapping[str, re.Pattern[str]] = {
    name: re.compile(pattern, re.IGNORECASE)
    for name, pattern in {
        "women": r"\b(?:wom[ae]n|girls?|females?|mothers?|wives|wife)\b|여성|여자|아내|어머니",
        "men": r"\b(?:m[ae]n|boys?|males?|fathers?|husbands?)\b|남성|남자|남편|아버지",
        "age": r"\b(?:elderly|seniors?|old people|teenagers?|minors?)\b"
        r"|노인|고령|어르신|청소년|미성년",
        "disability": r"\b(?:disabled|disabilit\w+|wheelchairs?|blind|deaf)\b|장애|휠체어",
        "religion": r"\b(?:christian|muslim|jew|buddhist|hindu|church|mosque)\w*"
        r"|기독교|불교|이슬람|천주교|교회|종교",
        "origin": r"\b(?:immigrants?|foreigners?|refugees?|migrants?|ethnic\w*|rac(?:e|ial))\b"
        r"|외국인|이민|난민|다문화|인종",
        "orientation": r"\b(?:gay|lesbian|bisexual|transgender|queer|lgbt\w*)\b"
        r"|성소수자|동성애|트랜스젠더",
    }.items()
}
"""Words that speak of a group, in English and Korean: crude, and meant to make people look."""


def contents(rows: Rows) -> dict[str, Any]:
    """Describe a dataset's rows.

    Args:
        rows: By part, as they are written.

    Returns:
        `languages`: rows by part and language of the answer; `topics`: in how many different
        questions a word stands, the most frequent first; `diversity`: shares from 0 to 1;
        `groups`: `rows` and, of single answers, `liked`, by group that is spoken of.
    """
    every = [row for part in rows.values() for row in part]
    return {
        "languages": {
            part: dict(sorted(Counter(detect_language(answers_in(r)[0]) for r in found).items()))
            for part, found in rows.items()
        },
        "topics": _topics(every),
        "diversity": _diversity(every),
        "groups": _groups(every),
    }


def answers_in(row: Mapping[str, Any]) -> list[str]:
    """Return the answers of a row as it is written, the better one first."""
    sides = ("completion", "chosen", "rejected")
    return [row[side][-1]["content"] for side in sides if side in row]


def _topics(rows: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    asked = {_question(row) for row in rows}
    seen = Counter(word for question in asked for word in {*stems(question)} - _ASKING)
    told = [(word, n) for word, n in seen.items() if n >= _FEWEST and len(word) > 1]
    return dict(sorted(told, key=lambda item: (-item[1], item[0]))[:TOPICS])


def _question(row: Mapping[str, Any]) -> str:
    # Passages stand before the question, in the same turn: the last line is the person's.
    return str(row["prompt"][-1]["content"]).rpartition("\n")[2]


def _diversity(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Return shares of what is different: 1 where nothing repeats (distinct-n, Li et al. 2016)."""
    answers = [text for row in rows for text in answers_in(row)]
    words = [text.casefold().split() for text in answers]
    return {
        "different questions": _different(map(_question, rows)),
        "different answers": _different(answers),
        "different words": _different(word for each in words for word in each),
        "different pairs of words": _different(pair for each in words for pair in pairwise(each)),
    }


def _different(items: Iterable[Any]) -> float:
    seen = Counter(items)
    return round(len(seen) / seen.total(), 4) if seen else 0.0


def _groups(rows: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, int]]:
    found = {name: Counter[str]() for name in GROUPS}
    for row in rows:
        text = "\n".join([_question(row), *answers_in(row)])
        for name, pattern in GROUPS.items():
            if pattern.search(text):
                found[name].update(rows=1, liked=int(row.get("label", False)))
    return {name: dict(counts) for name, counts in found.items() if counts}
