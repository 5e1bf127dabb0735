"""The contract tests again, on PostgreSQL: here, an address is that of a real server's database.

Each file imports the tests of a unit file; their fixtures ask for `new_url`, which is this one.
"""

from collections.abc import Callable, Iterator

import pytest

from tests.postgresql_kit import PostgresServer, required


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgresServer]:
    """A running server for all tests, which each have a database of their own."""
    server = PostgresServer(required())
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture
def new_url(postgresql: PostgresServer) -> Iterator[Callable[[], str]]:
    """Give the address of an empty database with each call."""
    made: list[str] = []

    def new() -> str:
        made.append(postgresql.new_database())
        return made[-1]

    yield new
    for url in made:
        postgresql.drop(url)
