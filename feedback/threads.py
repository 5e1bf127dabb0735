"""A conversation's completions as a thread: one answer a turn, and what else was answered there.

Regenerating answers the same messages again; editing asks another question after the same earlier
messages. So messages alone say how completions hang together: what follows an answer begins with
the messages that it answered.

Invariant: pure functions of the completions; without a choice the thread leads to the newest one.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from feedback.sides import Sides
from feedback.types import Completion, Message

Place = tuple[tuple[str, str], ...]
"""Messages that were answered, as a key."""
START = ""
"""What the first questions follow."""


@dataclass(frozen=True)
class Turn:
    """One turn of the thread."""

    completion: Completion
    siblings: tuple[str, ...]
    """The answers to the same messages in order, this one among them."""
    edits: tuple[str, ...]
    """One answer to each wording of the question in order, this one among them."""
    blind: bool = False
    """Its maker, sources and timing may not be told yet."""


def thread(
    completions: Sequence[Completion], chosen: Sequence[str] = (), sides: Sides | None = None
) -> list[Turn]:
    """Return the turns that lead to the newest completion, or to what the person switched to.

    Args:
        completions: Of one conversation of one person.
        chosen: Completions that the person switched to (siblings or edits), the latest last; where
            none of them stands, the way to the newest completion is taken.
        sides: What became of answers that were given side by side; None: there were none.
    """
    sides = sides or Sides()
    tree = _Tree([c for c in completions if c.id not in sides.lost], chosen)
    turns: list[Turn] = []
    here = START
    while places := tree.after[here]:
        edits = [tree.shown(place) for place in places]
        shown = max(edits, key=tree.preference)
        siblings = tuple(c.id for c in tree.answers[_place(shown.messages)])
        blind = shown.id in sides.blind
        turns.append(Turn(shown, siblings, tuple(edit.id for edit in edits), blind))
        here = shown.id
    return turns


class _Tree:
    """Places, the answers at each, and the places that follow each answer."""

    def __init__(self, completions: Sequence[Completion], chosen: Sequence[str]) -> None:
        self.answers: dict[Place, list[Completion]] = defaultdict(list)
        for completion in sorted(completions, key=lambda c: (c.created, c.id)):
            self.answers[_place(completion.messages)].append(completion)
        self.after: dict[str, list[Place]] = defaultdict(list)
        for place in self.answers:
            self.after[_before(place, self.answers)].append(place)
        for place, answers in self.answers.items():
            self.answers[place] = self._without_silent(answers)
        self._switched = {id_: number for number, id_ in enumerate(chosen)}
        self._newest: dict[str, float] = {}
        for place in sorted(self.answers, key=len, reverse=True):
            for answer in self.answers[place]:
                later = (a for p in self.after[answer.id] for a in self.answers[p])
                self._newest[answer.id] = max(
                    [answer.created, *(self._newest[a.id] for a in later)]
                )

    def shown(self, place: Place) -> Completion:
        """Return which of the answers at a place is shown."""
        return max(self.answers[place], key=self.preference)

    def preference(self, answer: Completion) -> tuple[int, float, str]:
        """Return what makes an answer the one to show, above all that the person switched to it."""
        return (self._switched.get(answer.id, -1), self._newest[answer.id], answer.id)

    def _without_silent(self, answers: list[Completion]) -> list[Completion]:
        # An answer that ended without a word is shown only where there is no other.
        return [a for a in answers if self.after[a.id] or not _silent(a)] or answers[-1:]


def _before(place: Place, answers: Mapping[Place, Sequence[Completion]]) -> str:
    """Return the answer that a question follows; START where nobody here answered before it."""
    for end in range(len(place) - 1, 0, -1):
        if known := answers.get(place[:end]):
            said = place[end][1].strip()
            # A client may have changed the answer that it sends back: then it is the newest one.
            same = [a for a in known if a.text.strip() == said]
            asked_at = answers[place][0].created
            earlier = [a for a in known if a.created <= asked_at]
            return (same or earlier or known)[-1].id
    return START


def _silent(answer: Completion) -> bool:
    return answer.status in {"cut", "failed"} and not answer.text.strip()


def _place(messages: Sequence[Message]) -> Place:
    return tuple((message["role"], message["content"]) for message in messages)
