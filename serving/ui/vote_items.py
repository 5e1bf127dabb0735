"""One vote on the feedback page: what was asked, answered and said, what stands around, its review.

Invariant: every text that a person or a model wrote is escaped and shown letter by letter; a form
names the answer that it is about.
"""

import time
from collections.abc import Mapping
from html import escape
from typing import Any

from feedback.contexts import Beside, Context
from feedback.found_votes import FoundVote
from feedback.types import Message, Review
from serving.ui.feedback_figures import reason_name
from serving.ui.feedback_text import FeedbackWords
from serving.ui.panels import LONGEST_ACTOR
from serving.ui.search_form import PAGE, Search
from serving.ui.text import ChatWords

LONGEST_SHOWN = 20_000
"""Characters of one text: beyond it nobody reads on a page."""
STATE_TONES = {"open": "wait", "accept": "good", "fix": "good", "exclude": "plain"}


def vote_item(
    number: int,
    found: FoundVote,
    context: Context | None,
    search: Search,
    words: FeedbackWords,
    chat: ChatWords,
) -> str:
    """Return one vote with its context and the forms to review it; `number` is its place."""
    vote = found.vote
    reasons = "".join(f"<li>{escape(reason_name(r, chat))}</li>" for r in vote.reasons)
    told = f'<ul class="chips">{reasons}</ul>' if reasons else ""
    if vote.comment:
        told += f"<blockquote>{text_of(vote.comment)}</blockquote>"
    if context and context.correction:
        told += _block(words.correction, text_of(context.correction))
    answer = text_of(found.answer) if found.question else escape(words.removed)
    return (
        f'<li id="v{number}" class="vote">{_head(found, search, words)}'
        f'<h3>{text_of(found.question)}</h3><p class="text">{answer}</p>{told}'
        f"{_context(context, words) if context else ''}"
        f"{_review(number, found, context, search, words)}</li>"
    )


def _head(found: FoundVote, search: Search, words: FeedbackWords) -> str:
    vote = found.vote
    thumb = ("good", words.liked) if vote.liked else ("bad", words.disliked)
    theirs = search.address(person=vote.person, said="", state="")
    facts = (
        f"<code>{escape(found.responder)}</code>",
        escape(words.languages.get(found.language, found.language)),
        f'<time datetime="{_utc(vote.updated, "T", "Z")}">{_utc(vote.updated)} UTC</time>',
        f'<a href="{escape(theirs)}" title="{escape(vote.person)}">'
        f"{escape(words.by.format(person=short_name(vote.person)))}</a>",
    )
    return (
        f'<p class="head"><span class="badge {thumb[0]}">{escape(thumb[1])}</span>'
        f'<span class="badge {STATE_TONES[found.state]}">{escape(words.states[found.state])}</span>'
        f"<span>{' · '.join(facts)}</span></p>"
    )


def _context(context: Context, words: FeedbackWords) -> str:
    completion, parts = context.completion, []
    if earlier := completion.messages[:-1]:
        turns = "".join(_turn(message, words) for message in earlier)
        parts.append(_block(words.earlier, f'<dl class="turns">{turns}</dl>'))
    if completion.passages:
        passages = "".join(_passage(passage) for passage in completion.passages)
        title = words.passages.format(count=len(completion.passages))
        parts.append(_block(title, f'<dl class="turns">{passages}</dl>'))
    if context.beside:
        others = "".join(_other(each, words) for each in context.beside)
        title = words.beside.format(count=len(context.beside))
        parts.append(_block(title, f'<dl class="turns">{others}</dl>'))
    made = words.made_with.format(
        status=completion.status,
        seconds=f"{(completion.duration_ms or 0) / 1000:.1f}",
        tokens=completion.completion_tokens or "–",
    )
    parts.append(f'<p class="note">{escape(made)} · <code>{escape(completion.id)}</code></p>')
    return (
        f"<details><summary>{escape(words.context)} <span>{_counts(context, words)}</span>"
        f"</summary>{''.join(parts)}</details>"
    )


def _counts(context: Context, words: FeedbackWords) -> str:
    """Say what the context holds before it is opened."""
    told = [words.earlier] if len(context.completion.messages) > 1 else []
    told += [words.passages.format(count=n)] if (n := len(context.completion.passages)) else []
    told += [words.beside.format(count=n)] if (n := len(context.beside)) else []
    return escape(" · ".join(told))


def _turn(message: Message, words: FeedbackWords) -> str:
    role = words.roles.get(message["role"], message["role"])
    return f"<dt>{escape(role)}</dt><dd>{text_of(message['content'])}</dd>"


def _passage(passage: Mapping[str, Any]) -> str:
    title = " · ".join(str(passage.get(k) or "") for k in ("document", "article", "heading"))
    title = title.replace(" ·  · ", " · ").strip(" ·")
    return f"<dt>{escape(title)}</dt><dd>{text_of(str(passage.get('text') or ''))}</dd>"


def _other(each: Beside, words: FeedbackWords) -> str:
    said = words.chosen.get(each.chosen, "") if each.relation == "pair" else ""
    if each.relation == "ranking" and each.chosen:
        other, this = each.chosen.split("/")
        said = words.place.format(other=other, this=this)
    about = " · ".join(filter(None, (words.relations[each.relation], said)))
    return (
        f"<dt><code>{escape(each.completion.responder)}</code> {escape(about)}</dt>"
        f"<dd>{text_of(each.completion.text)}</dd>"
    )


def _review(
    number: int,
    found: FoundVote,
    context: Context | None,
    search: Search,
    words: FeedbackWords,
) -> str:
    review = found.review
    suggested = (review.text if review else "") or (context.correction if context else "")
    hidden = _hidden(found.vote.completion_id, search)
    comment = escape(review.comment if review else "")
    acts = _button("accept", words.accept) + _button("exclude", words.exclude, "warn")
    acts += _button("comment", words.keep_comment, "quiet")
    undo = _button("undo", words.undo, "quiet") if review and review.ruling else ""
    return (
        f"{_reviewed(review, found.state, words) if review else ''}"
        f'<form class="review" method="post" action="{PAGE}">{hidden}'
        f'<label for="c{number}">{escape(words.comment)}</label>'
        # Not an input: Enter in one would press the first button.
        f'<textarea id="c{number}" name="comment" rows="1" maxlength="10000">{comment}</textarea>'
        f'<div class="acts">{acts}{undo}</div>'
        f"<details><summary>{escape(words.fix)}</summary>"
        f'<label for="f{number}">{escape(words.fix_text)}</label>'
        f'<textarea id="f{number}" name="text" rows="4" maxlength="100000">'
        f"{escape(suggested or found.answer)}</textarea>"
        f'<div class="acts">{_button("fix", words.save_fix)}</div></details></form>'
    )


def _reviewed(review: Review, state: str, words: FeedbackWords) -> str:
    # Of what was accepted and then changed, the state is open again.
    named = words.states[review.ruling or state]
    told = words.reviewed.format(
        state=named, operator=short_name(review.operator), when=f"{_utc(review.at)} UTC"
    )
    fixed = f'<p class="text">{text_of(review.text)}</p>' if review.text else ""
    said = f"<p>{text_of(review.comment)}</p>" if review.comment else ""
    return f'<div class="ruled"><p class="note">{escape(told)}</p>{fixed}{said}</div>'


def _hidden(completion_id: str, search: Search) -> str:
    back = search.address(before=search.before, before_id=search.before_id).partition("?")[2]
    fields = {"completion_id": completion_id, "back": back}
    return "".join(
        f'<input type="hidden" name="{name}" value="{escape(value)}">'
        for name, value in fields.items()
    )


def undo_form(completion_id: str, search: Search, words: FeedbackWords) -> str:
    """Return a button that takes the ruling on an answer back."""
    return (
        f'<form class="undo" method="post" action="{PAGE}">{_hidden(completion_id, search)}'
        f"{_button('undo', words.undo, 'quiet')}</form>"
    )


def _button(act: str, text: str, kind: str = "") -> str:
    return f'<button name="act" value="{act}" class="{kind}">{escape(text)}</button>'


def _block(title: str, body: str) -> str:
    return f'<div class="block"><h4>{escape(title)}</h4>{body}</div>'


def text_of(text: str) -> str:
    """Return a text to be shown letter by letter, its end cut where nobody reads so far."""
    return escape(text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + " …")


def short_name(person: str) -> str:
    """Return the beginning of a person's id: it tells people apart."""
    return person if len(person) <= LONGEST_ACTOR else f"{person[: LONGEST_ACTOR - 1]}…"


def _utc(at: float, between: str = " ", zone: str = "") -> str:
    return time.strftime(f"%Y-%m-%d{between}%H:%M{zone}", time.gmtime(at))
