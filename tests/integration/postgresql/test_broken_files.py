"""Whatever stands in a file, PostgreSQL takes a row or it is refused."""

from tests.unit.test_feedback_broken_files import *  # noqa: F403
