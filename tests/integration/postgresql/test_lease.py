"""One worker leads, on PostgreSQL."""

from tests.unit.test_ratchet_lease import *  # noqa: F403
