"""What an operator looks for on the feedback page: read from its address, and written back there.

Invariant: whatever an address says, it is read: what makes no sense is left out, so that a link
that was typed by hand shows a page; nothing of it is shown unescaped.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime
from html import escape
from typing import Any, get_args
from urllib.parse import urlencode

from feedback.found_votes import LONGEST_SEARCH, Place, State, Wanted
from feedback.search import LANGUAGES
from serving.ui.feedback_text import FeedbackWords
from serving.ui.messages import excerpt

PAGE = "/operator/feedback"
DAY = 86_400.0
STATES: tuple[State, ...] = get_args(State)


@dataclass(frozen=True, kw_only=True)
class Search:
    """The fields of the form, as text; down-votes that wait for a review unless it is said."""

    said: str = "disliked"
    state: str = "open"
    responder: str = ""
    language: str = ""
    reason: str = ""
    person: str = ""
    text: str = ""
    since: str = ""
    until: str = ""
    before: str = ""
    before_id: str = ""

    @classmethod
    def of(cls, sent: Mapping[str, Any]) -> "Search":
        """Read an address or a form; what is not said is as in a new one."""
        known = {f.name: str(sent[f.name]) for f in fields(cls) if f.name in sent}
        return cls(**{name: value.strip()[:LONGEST_SEARCH] for name, value in known.items()})

    @property
    def wanted(self) -> Wanted:
        """What the store is asked for."""
        since, until = day(self.since), day(self.until)
        return Wanted(
            liked={"liked": True, "disliked": False}.get(self.said),
            state=next((state for state in STATES if state == self.state), None),
            responder=self.responder,
            language=self.language if self.language in LANGUAGES else "",
            reason=self.reason,
            person=self.person,
            text=self.text,
            since=since or 0.0,
            until=float("inf") if until is None else until + DAY,
        )

    @property
    def after(self) -> Place | None:
        """Where the page before ended."""
        try:
            return Place(float(self.before), self.before_id) if self.before else None
        except ValueError:
            return None

    @property
    def is_narrow(self) -> bool:
        """Whether anything but thumb and state is asked for."""
        names = ("responder", "language", "reason", "person", "text", "since", "until")
        return any(getattr(self, name) for name in names)

    def address(self, **changes: str) -> str:
        """Return the page's address with some fields changed; from its beginning if not said."""
        there = replace(self, **{"before": "", "before_id": "", **changes})
        said = {f.name: getattr(there, f.name) for f in fields(there)}
        kept = {n: v for n, v in said.items() if v or n in {"said", "state"}}
        return f"{PAGE}?{urlencode(kept)}"


def day(text: str) -> float | None:
    """Return when a day begins, in Unix seconds; None where it is none."""
    try:
        return datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC).timestamp()
    except ValueError:
        return None


def search_form(
    search: Search,
    responders: Sequence[str],
    reasons: Mapping[str, str],
    words: FeedbackWords,
) -> str:
    """Return the form; folded while nothing but thumb and state is asked for.

    Args:
        search: What is looked for now.
        responders: To choose from.
        reasons: To choose from, with their names.
        words: To write in.
    """
    languages = [(code, words.languages[code]) for code in LANGUAGES]
    named = sorted({*responders, search.responder} - {""})
    named_reasons = ({search.reason: search.reason} if search.reason else {}) | dict(reasons)
    parts = [
        _select("said", words.said, list(words.said_words.items()), search.said, words.any),
        _select("state", words.state, list(words.states.items()), search.state, words.any),
        _select("responder", words.responder, [(r, r) for r in named], search.responder, words.any),
        _select("language", words.language, languages, search.language, words.any),
        _input("text", words.text, search.text),
        _select("reason", words.reason, list(named_reasons.items()), search.reason, words.any),
        _input("person", words.person, search.person),
        _input("since", words.since, search.since, "date"),
        _input("until", words.until, search.until, "date"),
    ]
    told = " · ".join(escape(part) for part in _told(search, words))
    unfolded = " open" if search.is_narrow else ""
    return (
        f'<details class="seek"{unfolded}><summary>{escape(words.found)} <span>{told}</span>'
        f'</summary><form method="get" action="{PAGE}#votes">'
        f'<div class="fields">{"".join(parts)}</div>'
        f'<div class="acts"><button type="submit">{escape(words.find)}</button>'
        f'<a href="{PAGE}">{escape(words.clear)}</a></div></form></details>'
    )


def _told(search: Search, words: FeedbackWords) -> Iterator[str]:
    yield f"{words.said}: {words.said_words.get(search.said, words.any)}"
    yield f"{words.state}: {words.states.get(search.state, words.any)}"
    for name in ("responder", "language", "reason", "person", "text", "since", "until"):
        if value := getattr(search, name):
            shown = words.languages.get(value, value) if name == "language" else value
            yield f"{getattr(words, name)}: {excerpt(shown, 30)}"


def _select(
    name: str, label: str, choices: Sequence[tuple[str, str]], chosen: str, everything: str
) -> str:
    options = "".join(
        f'<option value="{escape(value)}"{" selected" if value == chosen else ""}>'
        f"{escape(text)}</option>"
        for value, text in [("", everything), *choices]
    )
    return f'<label>{escape(label)}<select name="{name}">{options}</select></label>'


def _input(name: str, label: str, value: str, kind: str = "text") -> str:
    return (
        f'<label>{escape(label)}<input type="{kind}" name="{name}" value="{escape(value)}" '
        f'maxlength="{LONGEST_SEARCH}"></label>'
    )
