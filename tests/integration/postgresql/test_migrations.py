"""One history leads to what the code registers, on PostgreSQL."""

from tests.unit.test_ratchet_migrations import *  # noqa: F403
