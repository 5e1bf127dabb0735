"""What got worse is taken back, on PostgreSQL."""

from tests.unit.test_ratchet_watcher import *  # noqa: F403
