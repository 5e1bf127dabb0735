"""A conversation as the chat component shows it, made from what the store recorded.

Invariant: every message carries, in its metadata, the id of the completion that it belongs to. A
thumb, an edit or a regenerate finds its completion by that id; its place in the list means nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Literal

from feedback.threads import Turn
from feedback.types import Completion, Message, Outcome
from serving.chat import Step
from serving.ui.safe import literal, markdown, plain
from serving.ui.text import ChatWords

SHOWN_TURNS = 30
"""Each streamed piece sends the whole list through Gradio: long conversations show their end."""
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
    ranking: str | None = None
    """The answers that wait for an order."""
    rated: str | None = None
    """The completion that the feedback panel is about."""


def history(
    turns: Sequence[Completion], words: ChatWords, placed: Mapping[str, Turn] | None = None
) -> list[Shown]:
    """Return finished turns as messages: question, answer, sources, and what to leaf through.

    `placed` says, by completion, what else was asked and answered at the same place.
    """
    shown: list[Shown] = []
    for completion in turns[-SHOWN_TURNS:]:
        place = (placed or {}).get(completion.id)
        shown += question(completion.id, completion.messages[-1]["content"])
        shown += answer(completion.id, _ended(completion, words))
        if not (place and place.blind):
            shown += sources(completion, words)
        if place:
            shown += leaves(place, words)
    return shown


def question(completion: str, text: str) -> list[Shown]:
    """Return the message that a person wrote."""
    return [_message("user", literal(text), {"id": f"{completion}/question"})]


def answer(completion: str, text: str) -> list[Shown]:
    """Return the message that a responder wrote; `text` is fit to be shown already."""
    return [_message("assistant", text, {"id": completion})]


def waiting(words: ChatWords, steps: Sequence[Step] = ()) -> list[Shown]:
    """Return the message that stands where an answer is about to be written."""
    title = words.reading if steps else words.thinking
    return [_message("assistant", "", {"title": title, "status": "pending"})]


def searched(completion: str, steps: Sequence[Step], words: ChatWords) -> list[Shown]:
    """Return a quiet line for each search that an agent made; it opens to what was found."""
    about = {"id": f"{completion}/step", "status": "done"}
    lines = []
    for step in steps:
        title = _searched(step.query, len(step.passages), words)
        lines.append(_message("assistant", _passages(step.passages), {**about, "title": title}))
    return lines


def sources(completion: Completion, words: ChatWords) -> list[Shown]:
    """Return what an answer drew on as a message that opens, or nothing where that is nothing.

    Where an agent searched, its searches stand before what they found together.
    """
    if not (completion.passages or completion.steps):
        return []
    title = words.sources.format(count=len(completion.passages))
    metadata = {"id": f"{completion.id}/sources", "title": title, "status": "done"}
    lines = [
        f"*{_searched(step['query'], len(step['passages']), words)}*" for step in completion.steps
    ]
    content = "\n\n".join([*lines, _passages(completion.passages)])
    return [_message("assistant", content, metadata)]


def leaves(turn: Turn, words: ChatWords) -> list[Shown]:
    """Return the message that leads to other wordings and other answers, or nothing."""
    here = turn.completion.id
    kinds = ((turn.edits, words.question_of), (turn.siblings, words.answer_of))
    lines = [_leaf(ids, here, label, words) for ids, label in kinds if len(ids) > 1]
    return [_message("assistant", "".join(lines), {"id": f"{here}/leaves"})] if lines else []


def completion_id(message: Mapping[str, Any]) -> str | None:
    """Return the completion that a shown message belongs to."""
    marked = (message.get("metadata") or {}).get("id")
    return str(marked).split("/")[0] if marked else None


def completion_at(shown: Sequence[Mapping[str, Any]], index: Any) -> str | None:
    """Return the completion of the message at a place that Gradio names, if there is one."""
    place = index[0] if isinstance(index, list | tuple) else index
    inside = isinstance(place, int) and 0 <= place < len(shown)
    return completion_id(shown[place]) if inside else None


def thumbs(shown: Sequence[Shown], votes: Mapping[str, bool]) -> list[str | None]:
    """Return the state of the thumb under each answer, whose sources are in the same group."""
    answers = (m["metadata"].get("id", "") for m in shown if m["role"] == "assistant")
    return [_THUMB[votes.get(marked)] for marked in answers if marked and "/" not in marked]


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
    said = words.revealed if left != right else words.revealed_same
    return notice("plain", said.format(choice=words.chose[outcome], left=left, right=right))


def excerpt(text: str, limit: int = 90) -> str:
    """Return the beginning of a text in one line."""
    line = " ".join(text.replace("*", "").split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def _ended(completion: Completion, words: ChatWords) -> str:
    text = markdown(completion.text)
    if completion.status in {"complete", "streaming"}:
        return text
    return f"{text}\n\n*{words.cut}*" if text.strip() else f"*{words.failed}*"


def _leaf(ids: Sequence[str], here: str, label: str, words: ChatWords) -> str:
    place = ids.index(here)
    steps = ((place - 1, "r-back", words.leaf_back), (place + 1, "r-on", words.leaf_on))
    back, on = (
        f'<button type="button" class="r-leaf {kind}" title="{escape(name)}" '
        + (f'value="{escape(ids[to])}">' if 0 <= to < len(ids) else "disabled>")
        + f'<span class="r-unseen">{escape(name)}</span></button>'
        for to, kind, name in steps
    )
    text = escape(label.format(number=place + 1, count=len(ids)))
    return f'<span class="r-leaves">{back}<span>{text}</span>{on}</span>'


def _searched(query: str, count: int, words: ChatWords) -> str:
    return words.searched.format(query=plain(excerpt(query)), count=count)


def _passages(passages: Sequence[Mapping[str, Any]]) -> str:
    return "\n\n".join(_passage(passage) for passage in passages)


def _passage(passage: Mapping[str, Any]) -> str:
    heading = plain(str(passage.get("heading") or ""))
    where = " · ".join(part for part in (plain(str(passage.get("article") or "")), heading) if part)
    return f"**{plain(str(passage['document']))}** {where}\n\n{plain(str(passage['text']))}"


def _message(role: str, content: str, metadata: Mapping[str, Any]) -> Shown:
    return {"role": role, "content": content, "metadata": dict(metadata)}
