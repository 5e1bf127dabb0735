"""Looks at what was promoted: people's votes before and after, and takes it back when it is worse.

The rule is `eval.watch`; here its two periods are counted, both without the votes of whoever is
blocked now. Invariant: the period before a promotion never changes once the promotion has happened,
unless operators block or restore somebody, so that looking often costs no error.
"""

import logging

from sqlalchemy import Integer, and_, func, select

from eval.watch import Period, WatchRules, watch
from feedback.database import Database
from feedback.standing import Standings
from feedback.tables import completions, vote_events
from ratchet.wiring import Parts
from serving.errors import LiveMoved
from serving.records import Deployment

logger = logging.getLogger(__name__)

ACTOR = "watch"


class Watcher:
    """Compares the live deployment with the one before it, for a while after a promotion."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def look(self) -> None:
        """Roll back if people like what was promoted less than what it replaced."""
        registry, rules = self._parts.registry, self._parts.settings.watch
        registry.live_deployment()  # a base that was never served starts here
        *earlier, live = registry.deployments()
        now = self._parts.cycles.clock()
        if live.kind != "promotion" or not earlier or now - live.started > rules.seconds:
            return
        before = period(self._parts.database, earlier[-1], until=live.started)
        after = period(self._parts.database, live, until=now)
        decision = watch(before, after, WatchRules(alpha=rules.alpha, margin=rules.margin))
        if decision.rollback:
            logger.warning("Rolling back %s: %s", live.responder, decision.reason)
            try:
                registry.rollback(reason=decision.reason, actor=ACTOR, deployment=live.id)
            except LiveMoved as err:  # an operator was quicker
                logger.warning("Nothing was rolled back: %s", err)


def period(database: Database, deployment: Deployment, until: float) -> Period:
    """Count what people said, up to `until`, about the answers of one deployment."""
    table = completions.c
    routed = and_(
        table.purpose == "chat",
        table.named.is_(False),
        table.responder == deployment.responder,
        table.created >= deployment.started,
        table.created < (deployment.ended or until),
    )
    ended = and_(routed, table.status == "complete", table.updated <= until)
    said = vote_events.c
    # What everybody's word was at that time: what is changed later changes a later period only.
    last = (
        select(func.max(said.id)).where(said.at <= until).group_by(said.completion_id, said.person)
    )
    voted = (
        select(func.count(), func.coalesce(func.sum(said.liked.cast(Integer)), 0))
        .select_from(vote_events.join(completions, said.completion_id == table.id))
        .where(routed, said.id.in_(last), said.liked.is_not(None))
        .where(said.person.not_in(Standings(database).people("block")))
    )
    with database.read() as db:
        count, liked = db.execute(voted).one()
        answers = db.scalar(select(func.count()).where(ended)) or 0
        empty = db.scalar(select(func.count()).where(ended, table.text == "")) or 0
        failed = db.scalar(select(func.count()).where(routed, table.status == "failed")) or 0
    return Period(deployment.responder, liked, count, answers, empty, failed)
