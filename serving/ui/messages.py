"""A conversation as the chat component shows it, made from what the store recorded.

Invariant: every message carries, in its metadata, the id of the completion that it belongs to. A
thumb, an edit or a regenerate finds its completion by that id; its place in the list means nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Literal

from feedback.types import Completion, Message, Outcome
from serving.chat import Step
from serving.ui.safe import markdown, plain
from serving.ui.text import ChatWords

SHOWN_TURNS = 30
"""Each streamed piece sends the whole list through Gradio: long conversations show their end."""
Part = Literal["question", "answer", "sources"]
Tone = Literal["good", "bad", "wait", "plain"]
Shown = dict[str, Any]
"""One message in the form of `gr.Chatbot`."""


@dataclass(frozen=True)
class Conversation:
    """What a browser tab's conversation is, kept on the server: ids only."""

    id: str | None = None
    turns: tuple[str, ...] = ()
    """The completions that the conversation goes through, oldest first."""
    comparison: str | None = None
    """The pair that waits for a choice."""
    rated: str | None = None
    """The completion that the feedback panel is about."""


def history(turns: Sequence[Completion], words: ChatWords) -> list[Shown]:
    """Return finished turns as messages: question, answer, sources."""
    shown: list[Shown] = []
    for completion in turns[-SHOWN_TURNS:]:
        shown += question(completion.id, completion.messages[-1]["content"])
        shown += answer(completion.id, _ended(completion, words))
        shown += sources(completion.id, completion.passages, words)
    return shown


def question(completion: str, text: str) -> list[Shown]:
    """Return the message that a person wrote."""
    return [_message("user", markdown(text), {"id": f"{completion}/question"})]


def answer(completion: str, text: str) -> list[Shown]:
    """Return the message that a responder wrote; `text` is fit to be shown already."""
    return [_message("assistant", text, {"id": completion})]


def waiting(words: ChatWords) -> list[Shown]:
    """Return the message that stands where an answer is about to be written."""
    return [_message("assistant", "", {"title": words.thinking, "status": "pending"})]


def searched(completion: str, steps: Sequence[Step], words: ChatWords) -> list[Shown]:
    """Return a quiet line for each search that an agent made."""
    lines = (
        words.searched.format(query=plain(excerpt(step.query)), count=len(step.passages))
        for step in steps
    )
    about = {"id": f"{completion}/step", "status": "done"}
    return [_message("assistant", "", {**about, "title": line}) for line in lines]


def sources(
    completion: str, passages: Sequence[Mapping[str, Any]], words: ChatWords
) -> list[Shown]:
    """Return the sources of an answer as a message that opens, or nothing where there are none."""
    if not passages:
        return []
    title = words.sources.format(count=len(passages))
    text = "\n\n".join(_passage(passage) for passage in passages)
    metadata = {"id": f"{completion}/sources", "title": title, "status": "done"}
    return [_message("assistant", text, metadata)]


def completion_id(message: Mapping[str, Any]) -> str | None:
    """Return the completion that a shown message belongs to."""
    marked = (message.get("metadata") or {}).get("id")
    return str(marked).split("/")[0] if marked else None


def thumbs(shown: Sequence[Shown], votes: Mapping[str, bool]) -> list[str | None]:
    """Return the state of the thumb under each answer, which has its sources in the same group."""
    answers = [m["metadata"] for m in shown if m["role"] == "assistant"]
    return [_THUMB[votes.get(m["id"])] for m in answers if "title" not in m]


_THUMB: Mapping[bool | None, str | None] = {True: "Like", False: "Dislike", None: None}


def next_messages(turns: Sequence[Completion], text: str) -> tuple[Message, ...]:
    """Return the conversation to send: the last turn's messages, its answer, the new question."""
    asked = Message(role="user", content=text)
    if not turns:
        return (asked,)
    last = turns[-1]
    return (*last.messages, Message(role="assistant", content=last.text), asked)


def notice(tone: Tone, text: str) -> str:
    """Return a line that a screen reader reads out as soon as it appears."""
    role = "alert" if tone == "bad" else "status"
    return f'<div class="r-notice {tone}" role="{role}">{escape(text)}</div>' if text else ""


def revealed(outcome: Outcome, left: str, right: str, words: ChatWords) -> str:
    """Return the line that says who was who, once a choice is recorded."""
    text = words.revealed.format(choice=words.chose[outcome], left=left, right=right)
    return notice("plain", text)


def excerpt(text: str, limit: int = 90) -> str:
    """Return the beginning of a text in one line."""
    line = " ".join(text.replace("*", "").split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def _ended(completion: Completion, words: ChatWords) -> str:
    text = markdown(completion.text)
    if completion.status in {"complete", "streaming"}:
        return text
    return f"{text}\n\n*{words.cut}*" if text.strip() else f"*{words.failed}*"


def _passage(passage: Mapping[str, Any]) -> str:
    heading = plain(str(passage.get("heading") or ""))
    where = " · ".join(part for part in (plain(str(passage.get("article") or "")), heading) if part)
    return f"**{plain(str(passage['document']))}** {where}\n\n{plain(str(passage['text']))}"


def _message(role: str, content: str, metadata: Mapping[str, Any]) -> Shown:
    return {"role": role, "content": content, "metadata": dict(metadata)}
