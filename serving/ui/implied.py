"""What people imply on the chat page: that they copy an answer, or ask its question differently.

Invariant: it is recorded beside what the page does and never in its way; what the browser sends is
only a claim, and the store checks that this person was given the answer.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import gradio as gr

from feedback.implied import Kind
from serving.ui import messages
from serving.ui.visitor import visitor

if TYPE_CHECKING:
    from serving.services import Services


class Implied:
    """Records what people do with answers."""

    def __init__(self, services: "Services") -> None:
        self._identity, self._recorder = services.identity, services.recorder

    def connect(self, chat: gr.Chatbot, **quick: Any) -> None:
        """Listen to the log; an edit is told by the handler that asks anew, and changes the log."""
        chat.copy(self.on_copy, [chat], None, **quick)

    async def on_copy(self, shown: list[Any], request: gr.Request, data: gr.CopyData) -> None:
        """Record that an answer was copied."""
        self.record(copied(shown, str(data.value)), "copy", request)

    def record(self, completion: str | None, kind: Kind, request: gr.Request) -> None:
        """Hand over what a person did with an answer; where that fails, nobody is told."""
        person = visitor(self._identity, request).person
        self._recorder.imply_soon(completion or "", person.id, kind, "page")


def copied(shown: Sequence[Mapping[str, Any]], text: str) -> str | None:
    """Return the completion whose answer begins a copied text, the latest of equal ones.

    Gradio says what was copied and not where: an answer and the sources under it as one text.
    """
    for message in reversed(shown):
        said = _text(message)
        if message["role"] == "assistant" and said.strip() and text.startswith(said):
            return messages.completion_id(message)
    return None


def _text(message: Mapping[str, Any]) -> str:
    content = message["content"]
    if isinstance(content, list):  # what comes back from the browser is in parts
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, Mapping))
    return str(content)
