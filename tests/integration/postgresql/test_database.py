"""A write is whole, alone and noticed, on PostgreSQL."""

from tests.unit.test_feedback_database import (  # noqa: F401
    test_a_failed_write_leaves_nothing,
    test_a_reader_cannot_write,
    test_a_write_inside_a_write_is_refused_instead_of_waiting_for_itself,
    test_data_version_changes_with_every_commit_of_anybody,
    test_threads_wait_for_each_other,
)
