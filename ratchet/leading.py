"""Which home's worker leads: only there are the datasets and jobs that cycles have made.

Several homes may share a database, a web machine's and a worker's. Invariant: a home that cannot be
shown to lead is taken for one that does not.
"""

from pathlib import Path

from sqlalchemy import select
from sqlalchemy.engine import make_url

from feedback.database import Database
from ratchet.lease import LOOP
from ratchet.settings import Settings
from ratchet.tables import leases

MARK = Path("erasures") / ".leader"


def mark_leader(home: Path, holder: str) -> None:
    """Write down who leads from this home."""
    file = home / MARK
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = file.with_name(f"{file.name}.draft")
    draft.write_text(holder, encoding="utf-8")
    draft.replace(file)


def leads(settings: Settings, database: Database) -> bool:
    """Say whether what cycles make lies in this home."""
    url = make_url(settings.database)
    if database.sqlite and Path(str(url.database)).resolve().is_relative_to(
        settings.home.resolve()
    ):
        return True  # the database is this home's own
    with database.read() as connection:
        holder = connection.scalar(select(leases.c.holder).where(leases.c.name == LOOP))
    try:
        return holder == (settings.home / MARK).read_text(encoding="utf-8")
    except OSError:
        return False
