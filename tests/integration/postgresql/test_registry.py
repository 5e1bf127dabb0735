"""What is live moves, on PostgreSQL."""

from tests.unit.test_serving_registry import *  # noqa: F403
