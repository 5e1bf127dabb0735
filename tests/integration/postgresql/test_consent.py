"""What people agree to is kept and enforced, on PostgreSQL."""

from tests.unit.test_feedback_consent import *  # noqa: F403
