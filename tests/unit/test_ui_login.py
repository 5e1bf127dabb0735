"""The login page loads nothing, repeats nothing, and its form says where it comes from."""

import re

import pytest

from serving.api.login import render_login


@pytest.mark.parametrize(("language", "word"), [("en", "Log in"), ("ko-KR", "로그인")])
def test_it_speaks_the_browsers_language(language: str, word: str) -> None:
    page = render_login(language)
    assert word in page
    assert f'<html lang="{language[:2]}">' in page
    assert 'role="alert"' not in page
    assert 'role="alert"' in render_login(language, wrong=True)


def test_it_runs_and_loads_nothing() -> None:
    page = render_login("en")
    assert "<script" not in page
    assert not re.search(r"""(?:src|href)=["'](?:https?:)?//""", page)


def test_its_form_keeps_its_origin() -> None:
    # With no-referrer a browser sends `Origin: null`, and nobody could log in.
    assert "no-referrer" not in render_login("en")
