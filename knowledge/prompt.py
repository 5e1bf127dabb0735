"""How passages are put before a question: one form for retrieval, training and the demo model.

Invariant: `with_passages` changes only the last user turn and adds one system turn, so the same
conversation can be served, trained on and judged both with and without its passages.
"""

from collections.abc import Sequence
from typing import Any, NotRequired, TypedDict

from knowledge.chunks import Passage


class Message(TypedDict):
    """One turn of a conversation in OpenAI's shape."""

    role: str
    content: str
    tool_calls: NotRequired[list[dict[str, Any]]]
    tool_call_id: NotRequired[str]


SYSTEM = (
    "Answer from the passages and cite the article. If the passages do not hold the answer, say so."
)


SEARCH_TOOL = "search_documents"
"""The name under which a model that calls tools is offered the documents."""


def cited(passage: Passage) -> str:
    """Render a passage: its document first, its text, its article behind the last sentence.

    The number stands directly behind the statement that it proves, because a small model then
    learns to cite by going on copying.
    """
    text = " ".join(passage.text.split()).rstrip(".。")
    return f"{passage.document}. {text} ({passage.article})."


def block(passages: Sequence[Passage]) -> str:
    """Render what was found, as it stands in front of a question and as a tool's result."""
    return "Passages:\n" + ("\n".join(cited(p) for p in passages) or "(none)")


def with_passages(messages: Sequence[Message], passages: Sequence[Passage]) -> list[Message]:
    """Return the conversation with `passages` in front of its last user turn.

    Raises:
        ValueError: the last message is not the user's, nor the result of a tool asked since.
    """
    at = asked_at(messages)
    if at is None:
        raise ValueError("the last message must be the user's question")
    question = f"{block(passages)}\n\nQuestion: {messages[at]['content']}"
    return [
        Message(role="system", content=SYSTEM),
        *(m for m in messages[:at] if m["role"] != "system"),
        Message(role="user", content=question),
        *(m for m in messages[at + 1 :] if m["role"] != "system"),
    ]


def asked_at(messages: Sequence[Message]) -> int | None:
    """Return where the question stands that is to be answered; None: nothing was asked last.

    Behind it there may be calls of tools and their results, the last of which waits for an answer.
    """
    if not messages or messages[-1]["role"] not in {"user", "tool"}:
        return None
    return max((i for i, m in enumerate(messages) if m["role"] == "user"), default=None)
