"""Where PostgreSQL is missing its tests are left out, and CI is told that they were."""

import pytest

from tests import postgresql_kit


@pytest.mark.parametrize(
    ("ci", "outcome"), [("", pytest.skip.Exception), ("1", pytest.fail.Exception)]
)
def test_a_missing_server_is_said_and_fails_in_ci(
    monkeypatch: pytest.MonkeyPatch, ci: str, outcome: type[BaseException]
) -> None:
    monkeypatch.setenv("CI", ci)
    monkeypatch.setattr(postgresql_kit, "programs", lambda: None)
    with pytest.raises(outcome, match="make system"):
        postgresql_kit.required()
