"""What web says of its engines: kept in the database, for workers, operators and the command line.

Invariant: a report counts only while web keeps renewing it, so an engine that nobody looks after
any more is not there.
"""

import time
from collections.abc import Callable, Collection
from dataclasses import asdict

from sqlalchemy import delete, insert, select

from feedback.database import Database
from serving.records import ReplicaReport
from serving.tables import replicas

REPORT_SECONDS = 15.0
"""A replica that was not reported for so long is not there; web reports every few seconds."""


class ReplicaReports:
    """The latest report on each engine."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock

    def write(self, url: str, loaded: Collection[str], ready: bool, detail: str) -> None:
        """Keep what web sees of one engine."""
        report = ReplicaReport(url, tuple(sorted(loaded)), ready, detail, self._clock())
        with self._database.write() as connection:
            connection.execute(delete(replicas).where(replicas.c.url == url))
            connection.execute(insert(replicas).values(asdict(report)))

    def keep(self, urls: Collection[str]) -> None:
        """Forget every engine but these: an earlier engine's port means nothing."""
        with self._database.write() as connection:
            connection.execute(delete(replicas).where(replicas.c.url.not_in(urls)))

    def latest(self) -> list[ReplicaReport]:
        """Return what web said of late, by address."""
        query = select(replicas).where(replicas.c.updated >= self._clock() - REPORT_SECONDS)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(replicas.c.url)).mappings()
            return [ReplicaReport(**{**row, "loaded": tuple(row["loaded"])}) for row in rows]

    def loaded_everywhere(self, adapter: str) -> bool:
        """Say whether every engine that gets traffic holds this adapter, and there is one.

        An engine that is down holds nobody up: it gets what is wanted before it gets traffic.
        """
        ready = [report for report in self.latest() if report.ready]
        return bool(ready) and all(adapter in report.loaded for report in ready)
