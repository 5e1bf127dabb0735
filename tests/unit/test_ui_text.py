"""Both languages say everything, with the same places to fill in."""

import dataclasses
import string
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from serving.ui import compare_text, drawer_text, lever_text, mine_text, operator_text, text
from serving.ui.text import language_of

MODULES = (text, operator_text, lever_text, drawer_text, compare_text, mine_text)
PAGES = [(page.ENGLISH, page.KOREAN) for page in MODULES]
LATIN_ONLY = {"KTO", "DPO", "by", "gap", "ko"}


def leaves(words: Any) -> Iterator[tuple[str, str]]:
    for field in dataclasses.fields(words):
        value = getattr(words, field.name)
        if isinstance(value, Mapping):
            yield from ((f"{field.name}.{key}", said) for key, said in value.items())
        elif isinstance(value, tuple):
            yield from ((f"{field.name}.{i}", said) for i, said in enumerate(value))
        else:
            yield field.name, value


def places(said: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(said) if name}


@pytest.mark.parametrize(("english", "korean"), PAGES)
def test_both_languages_say_the_same_things(english: Any, korean: Any) -> None:
    said, other = dict(leaves(english)), dict(leaves(korean))
    assert said.keys() == other.keys()
    for name, words in said.items():
        if name not in {"gap", "example"}:
            assert places(words) == places(other[name]), name
    assert places(other.get("example", "")) - places(said.get("example", "")) <= {"particle"}


@pytest.mark.parametrize(("english", "korean"), PAGES)
def test_nothing_is_empty_or_left_in_english(english: Any, korean: Any) -> None:
    assert all(said.strip() for name, said in leaves(english) if name != "gap")
    for name, said in leaves(korean):
        if name not in LATIN_ONLY and said not in LATIN_ONLY and name != "language":
            assert any("가" <= letter <= "힣" for letter in said), name


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("ko", "ko"),
        ("ko-KR,ko;q=0.9,en-US;q=0.8,en;q=0.7", "ko"),
        ("en-GB,en;q=0.9,ko;q=0.8", "en"),
        ("fr-FR,fr;q=0.9,ko;q=0.5,en;q=0.3", "ko"),
        ("de", "en"),
        ("ko;q=0", "en"),
        ("en;q=0.5, ko", "ko"),
        ("*", "en"),
        (";;;q=x,ko;q=oops", "en"),
    ],
)
def test_the_browser_decides_the_language(header: str, language: str) -> None:
    assert language_of(header) == language
