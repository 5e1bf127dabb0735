"""The server is killed with everything it runs while fifty people vote: nothing said is lost."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from feedback.database import Database
from feedback.store import FeedbackStore
from tests.postgresql_kit import PostgresServer
from tests.voters_kit import PEOPLE, Voters, check_votes


@pytest.mark.parametrize("kills", [3, pytest.param(20, marks=pytest.mark.slow)])
def test_every_acknowledged_vote_outlives_the_server(
    postgresql: PostgresServer, database: Database, tmp_path: Path, kills: int
) -> None:
    voters = Voters(database.url, "people", tmp_path)
    try:
        for turn in range(kills):
            voters.wait_for_votes(2 * PEOPLE + 37 * turn)
            postgresql.kill()
            time.sleep(0.1)
            postgresql.start()
        voters.wait_for_votes(2 * PEOPLE)
    finally:
        voters.kill()
    assert check_votes(database, [voters]) >= kills * 2 * PEOPLE


def test_a_killed_service_leaves_no_lock_and_every_vote(
    new_database: Callable[[], Database], tmp_path: Path
) -> None:
    database = new_database()
    killed = [Voters(database.url, f"web-{number}", tmp_path) for number in range(2)]
    for voters in killed:
        voters.wait_for_votes(2 * PEOPLE)
    for voters in killed:
        voters.kill()
    store = FeedbackStore(database)
    first = next(iter(killed[0].last_steps()))
    assert store.record_vote(first, first.rpartition("-")[0], True, comment="0") is not None
    assert store.record_vote(first, first.rpartition("-")[0], None) is None
    assert check_votes(database, killed[1:]) >= 2 * PEOPLE
