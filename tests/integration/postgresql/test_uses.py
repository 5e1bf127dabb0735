"""What became of feedback is told, on PostgreSQL."""

from tests.unit.test_feedback_uses import *  # noqa: F403
