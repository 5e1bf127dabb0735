"""A backup is one moment of a server that fifty people are writing into."""

from tests.integration.test_ratchet_backup import *  # noqa: F403
