"""Conversations are kept and found, on PostgreSQL."""

from tests.unit.test_feedback_conversations import *  # noqa: F403
