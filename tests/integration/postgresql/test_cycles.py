"""A cycle goes on after a kill, on PostgreSQL."""

from tests.unit.test_ratchet_cycle import *  # noqa: F403
