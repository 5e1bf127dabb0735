"""Votes are counted over time, on PostgreSQL."""

from tests.unit.test_feedback_rates import *  # noqa: F403
