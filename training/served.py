"""An answer as it was served: what its model was asked, and what can be learned from it.

An answer that was given from passages teaches two things: how to answer from passages, and the
fact itself. So its row carries the conversation as it was served and the same one with the passages
taken out, and `by_heart` says whether the second is sound to train on. Why it may not be:

- It admits that something is missing, or refuses: true of its passages, false as a fact. Without
  them a liked one teaches to refuse what the documents hold, a disliked one to make things up.
- It speaks of its passages ("according to the passages"): without any, that is an invention.
- A passage that it rests on is no longer in the library: the fact may have changed.

Curation uses the second form of liked rows only. A disliked answer stays bad without its passages,
but from memory the model would hardly have said it: pushing down what is unlikely anyway teaches
nothing and costs what is known by heart (docs/decisions/0007-kto-defaults.md has the figures).

An answer of `agent` becomes a row as if what it found had been put before the question, because
adapters are served that way; one for which it found nothing is left out: from memory it was not
asked, and behind "(none)" it would teach to make things up.

Invariant: what `served_prompt` returns is exactly what the responder's model was asked, or of
`agent` would have been asked behind retrieval.
"""

from collections.abc import Container

from feedback.types import Completion, Message
from knowledge.chunks import Passage
from knowledge.prompt import with_passages
from training.wording import admits_absence, speaks_of_passages

Turns = tuple[Message, ...]


def served_prompt(completion: Completion) -> Turns:
    """Return what the model was asked: with the passages in front where the responder retrieves."""
    if not _retrieved(completion):
        return tuple(completion.messages)
    passages = [Passage(**fields) for fields in completion.passages]
    return tuple(with_passages(completion.messages, passages))


def unusable(completion: Completion, text: str) -> str | None:
    """Return why an answer cannot be trained on, or None."""
    if completion.purpose == "evaluation":
        return "evaluation"
    if completion.status != "complete" or completion.finish_reason == "length":
        # Its end was not written by the model: the row would teach to stop where it did not.
        return "answer not complete"
    if not text.strip():
        return "empty answer"
    if completion.responder == "agent" and not completion.passages:
        return "agent found no passages"
    if not completion.messages or completion.messages[-1]["role"] != "user":
        return "conversation does not end with the person"
    if completion.sampling.get("tools"):
        # A row holds messages only: it would teach to answer without the tools that were offered.
        return "tools were offered"
    return None


def sound_by_heart(completion: Completion, text: str, current: Container[str] | None) -> bool:
    """Say whether question and answer are a sound row without the passages.

    Args:
        completion: The answer as it was given.
        text: What the row says instead of its text, e.g. a correction.
        current: The ids of the passages that the library holds now; None when that is not known.
    """
    if not _retrieved(completion):
        return True
    if admits_absence(text) or speaks_of_passages(text):
        return False
    if current is None:
        return True
    rests_on = [p for p in completion.passages if p["article"] in text] or completion.passages
    return all(passage["id"] in current for passage in rests_on)


def _retrieved(completion: Completion) -> bool:
    # A responder that retrieves and finds nothing still puts "(none)" before the question.
    name = completion.responder
    return name == "rag" or name.endswith("+rag") or bool(completion.passages)
