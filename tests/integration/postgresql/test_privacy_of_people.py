"""A person is forgotten, on PostgreSQL, whose pages are its own (docs/operations.md)."""

from tests.unit.test_feedback_privacy import (  # noqa: F401
    store,
    test_a_forgotten_person_is_in_no_table,
    test_forgetting_again_finds_nothing_and_late_words_find_no_answer,
    test_the_summary_tells_simulated_and_named_votes_apart,
)
