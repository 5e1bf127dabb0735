"""Rankings are kept, on PostgreSQL."""

from tests.unit.test_feedback_rankings import *  # noqa: F403
