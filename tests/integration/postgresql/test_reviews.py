"""Reviews are kept and read as they were, on PostgreSQL."""

from tests.unit.test_feedback_reviews import *  # noqa: F403
