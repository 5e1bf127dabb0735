"""Votes are found by what they are, on PostgreSQL."""

from tests.unit.test_feedback_found_votes import *  # noqa: F403
