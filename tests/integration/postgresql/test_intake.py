"""Feedback comes in from the files of other tools, on PostgreSQL."""

from tests.unit.test_feedback_intake import *  # noqa: F403
