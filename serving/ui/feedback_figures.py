"""The figures of the feedback page: rates over time, their table, and the reasons that were named.

Invariant: whatever is drawn is also written; simulated people are called simulated where their
votes are counted.
"""

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from html import escape

from feedback.rates import Rate, ReasonCount
from serving.api.reviews import Figures
from serving.ui.feedback_text import FeedbackWords
from serving.ui.text import ChatWords
from serving.ui.trend import Point, Series, trend_chart

SPANS = 12
DRAWN = 6
"""Series that are drawn: those with the most votes. The table has all."""
LISTED = 10
"""Reasons: people may write their own."""


def rates_section(found: Figures, words: FeedbackWords) -> str:
    """Return the charts, the most voted first, and the table of all figures."""
    if not found.rates:
        return _section("rates", words.rates, f'<p class="lead">{escape(words.no_rates)}</p>')
    by_series: defaultdict[tuple[str, str], list[Rate]] = defaultdict(list)
    for rate in found.rates:
        by_series[rate.responder, rate.language].append(rate)
    ordered = sorted(by_series.values(), key=lambda rates: -sum(rate.total for rate in rates))
    ends = day_of(found.since), day_of(found.until)
    charts = "".join(
        trend_chart(_series(rates, found, words), SPANS, ends) for rates in ordered[:DRAWN]
    )
    note = words.rates_note.format(since=ends[0], until=ends[1])
    if len(ordered) > DRAWN:
        note += " " + words.fewer.format(count=len(ordered) - DRAWN)
    body = f'<div class="trends">{charts}</div><p class="note">{escape(note)}</p>'
    return _section("rates", words.rates, body + _table(found.rates, words))


def reasons_section(counts: Sequence[ReasonCount], words: FeedbackWords, chat: ChatWords) -> str:
    """Return how often each reason was named, as bars."""
    if not counts:
        return _section("reasons", words.reasons, f'<p class="lead">{escape(words.no_reasons)}</p>')
    most = max(each.count for each in counts)
    rows = "".join(
        f"<li><span>{escape(reason_name(each.reason, chat))} <i>{escape(_side(each, words))}</i>"
        f'</span><svg class="bar {"good" if each.liked else "bad"}" width="100%" height="10" '
        f'aria-hidden="true"><rect width="{100 * each.count / most:.1f}%" height="10" rx="5"/>'
        f"</svg><b>{each.count:,}</b></li>"
        for each in counts[:LISTED]
    )
    return _section("reasons", words.reasons, f'<ul class="bars">{rows}</ul>')


def reason_name(reason: str, chat: ChatWords) -> str:
    """Return what a reason is called on the chat page; people's own stay as they are."""
    known: Mapping[str, str] = {**chat.liked_reasons, **chat.disliked_reasons}
    return known.get(reason, reason)


def day_of(at: float) -> str:
    """Return the day of a time, in UTC."""
    return time.strftime("%Y-%m-%d", time.gmtime(at))


def _series(rates: Sequence[Rate], found: Figures, words: FeedbackWords) -> Series:
    width = (found.until - found.since) / SPANS
    points = [
        Point(
            round((rate.since - found.since) / width), rate.rate, rate.low, rate.high, rate.total,
            f"{day_of(rate.since)}: {_share(rate, words)}, {_votes(rate.total, words)}",
        )
        for rate in rates
    ]  # fmt: skip
    total, simulated = (sum(getattr(r, n) for r in rates) for n in ("total", "simulated"))
    about = f"{words.languages.get(rates[0].language, rates[0].language)} · {_votes(total, words)}"
    if simulated:
        about += f", {words.simulated.format(count=f'{simulated:,}')}"
    return Series(rates[0].responder, about, points)


def _table(rates: Sequence[Rate], words: FeedbackWords) -> str:
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in words.figure_columns)
    rows = "".join(
        f"<tr><td>{day_of(rate.since)}</td><td>{escape(rate.responder)}</td>"
        f"<td>{escape(words.languages.get(rate.language, rate.language))}</td>"
        f"<td>{escape(_share(rate, words))}</td><td>{_counted(rate, words)}</td></tr>"
        for rate in rates
    )
    # Wider than a phone: it scrolls by itself, by keys too.
    return (
        f"<details><summary>{escape(words.all_figures)}</summary>"
        f'<div class="wide" tabindex="0" role="region" aria-label="{escape(words.all_figures)}">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div></details>"
    )


def _share(rate: Rate, words: FeedbackWords) -> str:
    share, low, high = (f"{value * 100:.0f} %" for value in (rate.rate, rate.low, rate.high))
    return words.share.format(share=share, low=low, high=high)


def _counted(rate: Rate, words: FeedbackWords) -> str:
    made = f" ({words.simulated.format(count=f'{rate.simulated:,}')})" if rate.simulated else ""
    return escape(f"{rate.total:,}{made}")


def _votes(count: int, words: FeedbackWords) -> str:
    return words.votes.format(count=f"{count:,}")


def _side(each: ReasonCount, words: FeedbackWords) -> str:
    return words.liked_for if each.liked else words.disliked_for


def _section(name: str, title: str, body: str) -> str:
    return (
        f'<section class="part" id="{name}" aria-labelledby="{name}-title">'
        f'<h2 id="{name}-title">{escape(title)}</h2>{body}</section>'
    )
