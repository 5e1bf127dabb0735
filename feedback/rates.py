"""How often answers are liked, over time: by responder and language, with how sure that is.

Invariant: a rate never comes without its count and its interval, and simulated people are told
from real ones.
"""

import json
import math
from collections import Counter
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Integer, String, cast, func, select

from feedback.database import Database
from feedback.rows import within
from feedback.summary import SIMULATED
from feedback.tables import votes

Z95 = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Rate:
    """The votes on one responder's answers to questions in one language, in one span of time."""

    responder: str
    language: str
    since: float
    until: float
    liked: int
    total: int
    simulated: int
    """How many of the `total` votes came from simulated people."""
    rate: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """How often a reason was given, by whether the answer was liked."""

    reason: str
    liked: bool
    count: int


def wilson(liked: int, total: int, z: float = Z95) -> tuple[float, float]:
    """Return Wilson's interval of a share, of 95 %; everything is possible without a vote.

    Wilson, Probable Inference, the Law of Succession, and Statistical Inference, JASA 22 (1927).
    """
    if total <= 0:
        return 0.0, 1.0
    share, z2 = liked / total, z * z
    middle = (share + z2 / (2 * total)) / (1 + z2 / total)
    half = z * math.sqrt(share * (1 - share) / total + z2 / (4 * total * total))
    half /= 1 + z2 / total
    return max(0.0, middle - half), min(1.0, middle + half)


def rates(
    database: Database,
    since: float,
    until: float,
    spans: int,
    *,
    responder: str = "",
    language: str = "",
) -> list[Rate]:
    """Return the rates of a window that is cut into so many equal spans.

    A span without a vote has no rate. The order is by responder, language and time.

    Args:
        database: Where the votes are.
        since: Unix seconds; the window is open there and closed at `until`.
        until: Unix seconds, later than `since`.
        spans: Into how many the window is cut.
        responder: Only this one; empty: all.
        language: Only this one; empty: all.
    """
    table, width = votes.c, (until - since) / spans
    number = func.floor((table.updated - since) / width).label("number")
    simulated = table.person.startswith(SIMULATED, autoescape=True)
    counts = (
        func.sum(cast(table.liked, Integer)),
        func.count(),
        func.sum(cast(simulated, Integer)),
    )
    query = (
        select(table.responder, table.language, number, *counts)
        .where(*_given(since, until, responder, language))
        .group_by(table.responder, table.language, number)
        .order_by(table.responder, table.language, number)
    )
    with database.read() as connection:
        rows = connection.execute(query).all()
    spread: dict[tuple[str, str, int], Counter[str]] = {}
    for name, tongue, span, good, total, made in rows:
        # What was said at the very end belongs to the last span.
        key = (name, tongue, min(int(span), spans - 1))
        spread.setdefault(key, Counter()).update(liked=good, total=total, simulated=made)
    return [_rate(*key, since, width, count) for key, count in spread.items()]


def reasons(
    database: Database,
    since: float,
    until: float,
    *,
    responder: str = "",
    language: str = "",
) -> list[ReasonCount]:
    """Return the reasons that were given in a window, the most frequent first."""
    # People tick the same few together: the texts of their lists are counted first.
    together = cast(votes.c.reasons, String)
    query = (
        select(together, votes.c.liked, func.count())
        .where(*_given(since, until, responder, language), together != "[]")
        .group_by(together, votes.c.liked)
    )
    found: Counter[tuple[str, bool]] = Counter()
    with database.read() as connection:
        for given, liked, count in connection.execute(query):
            found.update({(reason, liked): count for reason in json.loads(given)})
    return [ReasonCount(*key, count) for key, count in found.most_common()]


def responders(database: Database) -> list[str]:
    """Return the names of all responders whose answers were ever voted on."""
    query = select(votes.c.responder).where(votes.c.responder != "").distinct()
    with database.read() as connection:
        return sorted(connection.scalars(query))


def _given(since: float, until: float, responder: str, language: str) -> list[ColumnElement[bool]]:
    table = votes.c
    conditions = [within(table.updated, since, until), table.liked.is_not(None)]
    if responder:
        conditions.append(table.responder == responder)
    if language:
        conditions.append(table.language == language)
    return conditions


def _rate(
    responder: str, language: str, span: int, since: float, width: float, count: Counter[str]
) -> Rate:
    liked, total = count["liked"], count["total"]
    low, high = wilson(liked, total)
    begin = since + span * width
    share = liked / total
    return Rate(
        responder, language, begin, begin + width, liked, total, count["simulated"],
        share, low, high,
    )  # fmt: skip
