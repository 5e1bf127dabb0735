"""Who uses a page, read from the request that came with each event.

Invariant: person and role come from the signed cookies of this very request, never from what the
browser's state says, and never from an earlier event.
"""

from dataclasses import dataclass

import gradio as gr

from serving.errors import Unauthorized
from serving.identity import Identity, Person
from serving.ui.text import WORDS, Language, language_of


@dataclass(frozen=True)
class Visitor:
    """The person at a page, the language they read, and the browser's tab."""

    person: Person
    language: Language
    tab: str


def visitor(identity: Identity, request: gr.Request) -> Visitor:
    """Return who is using the page.

    Raises:
        gr.Error: nobody that we know: the cookie is missing, or a foreign page is asking. Gradio
            shows these words and ends the event.
    """
    try:
        person = identity.identify(request.request)
    except Unauthorized as err:
        raise gr.Error(WORDS[language(request)].unknown, print_exception=False) from err
    return Visitor(person, language(request), _tab(request))


def operator(identity: Identity, request: gr.Request) -> Visitor:
    """Return the operator who is using the page.

    Raises:
        Unauthorized: nobody that we know.
        Forbidden: somebody else.
    """
    return Visitor(identity.operator(request.request), language(request), _tab(request))


def language(request: gr.Request) -> Language:
    """Return the language to write in."""
    return language_of(request.headers.get("accept-language", ""))


def wish(data: gr.EventData, name: str) -> str:
    """Return what the browser says in an event of ours; a text, whatever it sent."""
    sent = data._data
    return str(sent.get(name) or "") if isinstance(sent, dict) else ""


def _tab(request: gr.Request) -> str:
    return request.session_hash or ""
