"""The sections of the operator's page as HTML, each a pure function of the board.

Invariant: every text that a person, a model or a file wrote is escaped; simulated people are
called simulated wherever their votes are counted.
"""

import time
from collections.abc import Sequence
from html import escape

from feedback.rates import wilson
from feedback.summary import ResponderSummary
from serving.responders import parse
from serving.ui.board import Board, health, span
from serving.ui.charts import SHARES, IntervalRow, track
from serving.ui.operator_text import OperatorWords

SHOWN_EVENTS = 12
LONGEST_ACTOR = 16
"""A person's id is long and says nothing; its beginning tells people apart."""


def glance(board: Board, words: OperatorWords) -> str:
    """One sentence on whether all is well, in a colour that says it from afar."""
    seen = health(board, words)
    return (
        f'<div class="r-glance {seen.tone}" role="status"><span class="r-dot"></span>'
        f"<div><h2>{escape(seen.title)}</h2><p>{escape(seen.text)}</p></div></div>"
    )


def cards(board: Board, words: OperatorWords) -> str:
    """What is live, previous and candidate; promotion; engines; feedback."""
    live, below = board.live, board.previous
    counts, adapter = board.counts, board.candidate_adapter
    held = board.held
    made = ""
    if adapter:
        made = words.candidate_text.format(time=span(board.now - adapter.created, words))
    facts = f"{since(live.started, board.now, words)} · {by(live.actor, words)}"
    name = code(board.candidate) if board.candidate else _none(words)
    shown = [
        _card(
            words.live, code(live.responder), facts, live.reason,
            _knew(parse(live.responder).adapter, board, words),
        ),
        _card(
            words.previous, code(below.responder) if below else _none(words),
            words.previous_text if below else "", "",
            _knew(parse(below.responder).adapter, board, words) if below else "",
        ),
        _card(words.candidate, name, made, "", _knew(board.candidate, board, words)),
        _card(
            words.promotion, escape(words.held if held else words.automatic),
            f"{since(held.started, board.now, words)} · {by(held.actor, words)}" if held
            else words.automatic_text,
            held.reason if held else "",
        ),
        _card(
            words.engines,
            escape(words.engines_ready.format(ready=board.ready, total=board.engines)),
            "", "", _replicas(board, words),
        ),
        _card(
            words.votes_title, f"{counts.votes:,}",
            words.feedback_text.format(
                comparisons=f"{counts.comparisons:,}", rankings=f"{counts.rankings:,}",
                corrections=f"{counts.corrections:,}", completions=f"{counts.completions:,}",
            ), "",
        ),
    ]  # fmt: skip
    return f'<div class="r-cards">{"".join(shown)}</div>'


def votes(summaries: Sequence[ResponderSummary], words: OperatorWords) -> str:
    """How often each responder was liked, with Wilson's interval and who voted."""
    voted = [s for s in summaries if s.total or s.served]
    total = sum(s.total for s in voted)
    if not total:
        return f'<p class="r-empty">{escape(words.no_votes)}</p>'
    head = "".join(f"<th>{escape(column)}</th>" for column in words.vote_columns)
    body = "".join(_votes_row(s, words) for s in voted)
    simulated = sum(s.simulated for s in voted)
    note = words.interval_note
    if simulated:
        note = f"{words.simulated_all.format(count=simulated, total=total)} {note}"
    return (
        f'<table class="r-table r-votes"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table>"
        f'<p class="r-facts">{escape(note)}</p>'
    )


def history(board: Board, words: OperatorWords) -> str:
    """Promotions, rollbacks and holds, newest first."""
    lines = []
    for event in board.history[:SHOWN_EVENTS]:
        kind = str(event["kind"])
        forced = f" · {words.forced}" if event.get("forced") else ""
        when = since(event["at"], board.now, words)
        facts = f"{when} · {by(str(event['actor']), words)}{forced}"
        name = code(event["responder"]) if event.get("responder") else ""
        lines.append(
            f'<li class="{escape(kind)}"><div>'
            f"<strong>{escape(words.kinds.get(kind, kind))}</strong> "
            f"{name}</div><p>{escape(event['reason'] or '')}</p>"
            f'<span class="r-facts" title="{_utc(event["at"])}">{escape(facts)}</span></li>'
        )
    return f'<ol class="r-history">{"".join(lines)}</ol>'


def _card(label: str, value: str, small: str, reason: str, more: str = "") -> str:
    said = f'<p class="r-card-reason">{escape(reason)}</p>' if reason else ""
    return (
        f'<section class="r-card"><h3>{escape(label)}</h3><p class="r-value">{value}</p>'
        f'<p class="r-facts">{escape(small)}</p>{said}{more}</section>'
    )


def _knew(adapter: str | None, board: Board, words: OperatorWords) -> str:
    """Say of an adapter that it learned from somebody who has been forgotten since."""
    if adapter not in board.knew_forgotten:
        return ""
    return f'<p class="r-card-reason">{badge("wait", words.knew_forgotten)}</p>'


def _replicas(board: Board, words: OperatorWords) -> str:
    if not board.replicas:
        return f'<p class="r-facts">{escape(words.no_engine)}</p>'
    return "".join(
        f'<p class="r-facts"><span class="r-dot {"good" if r.ready else "bad"}"></span>'
        f"{escape(r.url.removeprefix('http://'))} · {escape(', '.join(r.loaded) or words.none)}"
        f"{escape('' if r.ready else ' · ' + r.detail)}</p>"
        for r in board.replicas
    )


def _votes_row(summary: ResponderSummary, words: OperatorWords) -> str:
    low, high = wilson(summary.liked, summary.total)
    rate = summary.rate
    cell = "–"
    if rate is not None:
        value = f"{rate * 100:.0f} % ({low * 100:.0f} – {high * 100:.0f} %)"
        row = IntervalRow(summary.responder, rate, low, high, value)
        cell = f'<div class="r-inline">{track(row, SHARES)}<span>{value}</span></div>'
    simulated = (
        f' <span class="r-facts">{escape(words.simulated.format(count=summary.simulated))}</span>'
        if summary.simulated
        else ""
    )
    said, people, served = (escape(column, quote=True) for column in words.vote_columns[2:])
    return (
        f'<tr><th scope="row">{code(summary.responder)}</th><td>{cell}</td>'
        f'<td data-label="{said}">{summary.total:,}{simulated}</td>'
        f'<td data-label="{people}">{summary.people:,}</td>'
        f'<td data-label="{served}">{summary.served:,}</td></tr>'
    )


def code(responder: str) -> str:
    """Return a responder's name as it is written everywhere."""
    return f'<code class="r-code">{escape(responder)}</code>'


def _none(words: OperatorWords) -> str:
    return f'<span class="r-none">{escape(words.none)}</span>'


def badge(tone: str, text: str) -> str:
    """Return a short word on a coloured ground."""
    return f'<span class="r-badge {tone}">{escape(text)}</span>'


def since(at: float, now: float, words: OperatorWords) -> str:
    """Return how long ago something was."""
    return words.ago.format(time=span(now - at, words))


def by(actor: str, words: OperatorWords) -> str:
    """Return who did something; nothing where nobody is named."""
    short = actor if len(actor) <= LONGEST_ACTOR else f"{actor[: LONGEST_ACTOR - 1]}…"
    return words.by.format(actor=short) if actor else ""


def _utc(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(at))
