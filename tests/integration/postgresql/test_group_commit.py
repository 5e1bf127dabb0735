"""Writes share a commit, on PostgreSQL."""

from tests.unit.test_feedback_group_commit import *  # noqa: F403
