"""A cycle starts by itself, on PostgreSQL."""

from tests.unit.test_ratchet_scheduler import *  # noqa: F403
