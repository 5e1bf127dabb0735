"""Feedback travels, on PostgreSQL."""

from tests.unit.test_feedback_exchange import *  # noqa: F403
