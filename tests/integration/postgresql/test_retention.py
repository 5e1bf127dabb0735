"""Old texts that nobody judged go, on PostgreSQL."""

from tests.unit.test_feedback_retention import *  # noqa: F403
