"""Alembic's entry: runs the scripts on the connection that `migrate` hands over.

Invariant: nothing is read from an ini file or the environment; the caller's transaction is used.
"""

from alembic import context

import ratchet.tables  # noqa: F401 - registers its tables in the metadata
import serving.tables  # noqa: F401
from feedback.database import metadata
from feedback.tables import completions  # noqa: F401

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite cannot alter a column in place: later scripts copy the table.
    render_as_batch=True,
    transactional_ddl=True,
)
context.run_migrations()
