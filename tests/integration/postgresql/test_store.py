"""What people say is kept, on PostgreSQL."""

from tests.unit.test_feedback_store import *  # noqa: F403
