"""An archive brings everything back, from PostgreSQL and into it."""

from tests.unit.test_ratchet_archive import *  # noqa: F403
