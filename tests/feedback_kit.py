"""What the tests of feedback share: a clock, and answers that somebody was given."""

from typing import Any

from feedback.store import FeedbackStore
from feedback.types import Completion


class Clock:
    """Time that passes one second a look."""

    now = 100.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


def serve(store: FeedbackStore, *ids: str, person: str = "ada", **changes: Any) -> None:
    """Record answers as they were given, each in a conversation of its own unless it is said."""
    for id_ in ids:
        given: dict[str, Any] = {
            "conversation": f"talk {id_}",
            "messages": ({"role": "user", "content": f"{id_}?"},),
            "text": f"text {id_}",
            "responder": "rag",
            "sampling": {},
            "status": "complete",
            "interface": "page",
        }
        store.open_completion(Completion(id=id_, person=person, **(given | changes)))
