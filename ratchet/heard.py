"""What people said in a window, counted as the minimum for a cycle is counted.

Invariant: what may not be trained on counts for nothing here either.
"""

from dataclasses import dataclass

from sqlalchemy import and_

from feedback.consent import Consents
from feedback.rankings import Rankings
from feedback.standing import Standings
from feedback.summary import summarise
from feedback.tables import votes
from ratchet.settings import Settings
from ratchet.wiring import Parts, consent_rule


@dataclass(frozen=True)
class Heard:
    """What people said in a window, counted as the minimum is counted."""

    liked: int
    disliked: int
    pairs: int
    """Comparisons and rankings with a winner: each is one liked and one disliked answer."""

    @property
    def votes(self) -> int:
        """Judged answers."""
        return self.liked + self.disliked


def heard(parts: Parts, until: float) -> Heard:
    """Count the feedback of a window that may be trained on, as far as whose it is says."""
    rule = consent_rule(parts.settings)
    refusal = Consents(parts.database).refusing(rule)
    blocked = Standings(parts.database).people("block")
    among = and_(rule.allowed(votes.c.person), votes.c.person.not_in(blocked))
    rates = summarise(parts.database, until=until, among=among)

    def counts(person: str) -> bool:
        return person not in blocked and not refusal(person)

    liked = sum(rate.liked for rate in rates)
    total = sum(rate.total for rate in rates)
    compared = parts.store.iter_comparisons(until=until)
    outcomes = [c.outcome for c, _, _ in compared if counts(c.person)]
    pairs = sum(outcome in {"left", "right"} for outcome in outcomes)
    ranked = Rankings(parts.database).iter(until=until)
    orders = [ranking.order for ranking, _ in ranked if counts(ranking.person)]
    pairs += sum(order is not None and len(order) > 1 for order in orders)
    bad = 2 * outcomes.count("both_bad")
    return Heard(liked + pairs, total - liked + pairs + bad, pairs)


def shortage(found: Heard, settings: Settings) -> str | None:
    """Say what is missing for a cycle; None: there is enough."""
    least, rarer = settings.evidence.votes, settings.evidence.rarer
    if found.votes < least:
        return (
            f"{found.votes} judged answers (votes, and both sides of comparisons) are too few to "
            f"judge an adapter by: at least {least} are needed."
        )
    if min(found.liked, found.disliked) < rarer:
        return (
            f"{found.liked} liked and {found.disliked} disliked answers: at least {rarer} of "
            "the rarer kind are needed."
        )
    return None
