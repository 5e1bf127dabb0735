"""The one way in and out of feedback.

Each method that records is one write, whole or not at all: when it returns, what the person said is
on disk, and what they had said before is kept beside it. Those who write at once share a commit.
Saying the same thing again changes nothing.

Invariant: a record is bound to a completion that a person was served, and only that person may
make it; evaluations never become feedback.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, select, update

from feedback import counting, recording
from feedback.conversations import add_to_conversation, not_deleted
from feedback.database import Database
from feedback.erasures import asked_since
from feedback.rows import (
    changed_within,
    comparison_of,
    completion_of,
    correction_of,
    has_texts,
    pages,
    vote_of,
    within,
)
from feedback.tables import comparisons, completions, corrections, votes
from feedback.types import (
    PEOPLE_PURPOSES,
    Comparison,
    Completion,
    Correction,
    Counts,
    Outcome,
    Purpose,
    Status,
    Vote,
)

T = TypeVar("T")
EVER = float("inf")


class FeedbackStore:
    """Completions as they are served, and what people say about them.

    Windows of time are open at `since` and closed at `until`, so that windows that touch share
    nothing. The stamp of a record is taken inside its transaction, where writers have queued.
    """

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self.database = database
        self.clock = clock

    # Completions ---------------------------------------------------------------------------------

    def open_completion(self, completion: Completion) -> None:
        """Record a completion before its id goes out, so that it can be judged from then on.

        One that was asked before its person was forgotten is dropped: the answer took its time.

        Raises:
            InvalidFeedback: its id is taken, or its text cannot be stored.
        """

        def add(connection: Connection) -> None:
            now = self.clock()
            if not asked_since(connection, completion.person, completion.created or now):
                add_to_conversation(connection, completion, now)

        self._write(add)

    def close_completion(
        self,
        completion_id: str,
        *,
        text: str,
        status: Status,
        finish_reason: str | None = None,
        prompt_tokens: int | None = None,
        completion_tokens: int | None = None,
        ttft_ms: float | None = None,
        duration_ms: float | None = None,
        passages: Sequence[Mapping[str, Any]] | None = None,
        index_version: str | None = None,
        steps: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        """Record how a completion ended; `passages` are those of an answer that found them itself.

        What comes with them, `index_version` and `steps`, is written only where they are given.

        Another web process that started meanwhile may have given it up in `close_abandoned`: the
        end as its own process saw it wins.

        Raises:
            UnknownCompletion: it was never opened, or its person has been forgotten meanwhile.
        """
        values: dict[str, Any] = {
            # A model may emit half a surrogate pair; the rest of its answer must not be lost by it.
            "text": text.encode("utf-8", "replace").decode().replace("\0", ""),
            "status": status,
            "finish_reason": finish_reason,
            "prompt_tokens": prompt_tokens,
            "completion_tokens": completion_tokens,
            "ttft_ms": ttft_ms,
            "duration_ms": duration_ms,
        }
        if passages is not None:
            found = {"passages": list(passages), "index_version": index_version}
            values |= found | {"steps": list(steps)}
        self._write(
            lambda connection: recording.end_completion(
                connection, completion_id, values, self.clock()
            )
        )

    def close_abandoned(self) -> int:
        """Mark what a crash left streaming as cut; return how many there were."""
        change = update(completions).where(completions.c.status == "streaming")
        with self.database.write() as connection:
            return connection.execute(change, {"status": "cut", "updated": self.clock()}).rowcount

    def completion(self, completion_id: str) -> Completion | None:
        """Return the completion with this id, an evaluation's too."""
        with self.database.read() as connection:
            row = connection.execute(
                select(completions).where(completions.c.id == completion_id)
            ).first()
        return completion_of(row) if row else None

    def completions(
        self,
        *,
        since: float = 0.0,
        until: float = EVER,
        purposes: Sequence[Purpose] = PEOPLE_PURPOSES,
    ) -> Iterator[Completion]:
        """Read the completions created in a window, oldest first."""
        table = completions.c
        query = select(completions).where(
            within(table.created, since, until), table.purpose.in_(purposes)
        )
        return (completion_of(row) for row in pages(self.database, query, table.created, table.id))

    def conversation(self, conversation: str, person: str) -> list[Completion]:
        """Return one person's completions of a conversation, oldest first; none once deleted."""
        table = completions.c
        query = select(completions).where(
            table.person == person,
            table.conversation == conversation,
            has_texts(table.messages),
            not_deleted(table.conversation, table.person),
        )
        with self.database.read() as connection:
            rows = connection.execute(query.order_by(table.created, table.id)).all()
        return [completion_of(row) for row in rows]

    # What people say -----------------------------------------------------------------------------

    def record_vote(
        self,
        completion_id: str,
        person: str,
        liked: bool | None,
        reasons: Sequence[str] = (),
        comment: str = "",
        *,
        interface: str = "api",
    ) -> Vote | None:
        """Give a vote, change it, or take it back with None; return what counts now.

        Raises:
            UnknownCompletion: no such completion, or an evaluation's.
            NotServedTo: it was given to somebody else.
            InvalidFeedback: the reasons or the comment cannot be stored.
        """
        said = (completion_id, person, liked, reasons, comment)
        return self._write(
            lambda connection: recording.put_vote(
                connection, *said, self.clock(), interface=interface
            )
        )

    def vote(self, completion_id: str, person: str) -> Vote | None:
        """Return this person's vote as it is now; None where there is none or it was taken back."""
        key = {"completion_id": completion_id, "person": person}
        with self.database.read() as connection:
            row = connection.execute(recording.VOTE, key).first()
        return None if row is None or row.liked is None else vote_of(row)

    def open_comparison(self, comparison: Comparison) -> None:
        """Record a pair before it is shown, so that it can be decided from then on.

        Raises:
            UnknownCompletion: one of its sides does not exist, or is an evaluation's.
            NotServedTo: one of its sides was given to somebody else.
            InvalidFeedback: its id is taken, its sides are the same, or it is decided already.
        """
        self._write(
            lambda connection: recording.add_comparison(connection, comparison, self.clock())
        )

    def comparison(self, comparison_id: str) -> Comparison | None:
        """Return the comparison with this id, decided or not."""
        with self.database.read() as connection:
            row = connection.execute(recording.COMPARISON, {"id": comparison_id}).first()
        return comparison_of(row) if row else None

    def record_outcome(
        self,
        comparison_id: str,
        person: str,
        outcome: Outcome | None,
        *,
        interface: str = "api",
        seconds: float | None = None,
    ) -> Comparison:
        """Decide a pair. The first outcome is the evidence; later ones are kept as unblinded.

        Raises:
            UnknownComparison: there is no such pair.
            NotServedTo: somebody else asked for it.
            InvalidFeedback: there is no such outcome.
        """
        return self._write(
            lambda connection: recording.put_outcome(
                connection, comparison_id, person, outcome, self.clock(), interface, seconds
            )
        )

    def record_correction(
        self, completion_id: str, person: str, text: str, *, interface: str = "api"
    ) -> Correction:
        """Record how the answer should have been, or change that.

        Raises:
            UnknownCompletion: no such completion, or an evaluation's.
            NotServedTo: it was given to somebody else.
            InvalidFeedback: the text is empty, or cannot be stored.
        """
        return self._write(
            lambda connection: recording.put_correction(
                connection, completion_id, person, text, self.clock(), interface=interface
            )
        )

    # Windows -------------------------------------------------------------------------------------

    def iter_votes(
        self, *, since: float = 0.0, until: float = EVER, newest: int | None = None
    ) -> Iterator[tuple[Vote, Completion]]:
        """Read the votes of a window one by one; with `newest` no others than the last so many."""
        table = votes.c
        query = (
            select(votes, completions)
            .join(completions, completions.c.id == table.completion_id)
            .where(changed_within(table.updated, since, until), table.liked.is_not(None))
        )
        key = (table.created, table.completion_id, table.person)
        for row in pages(self.database, query, *key, newest=newest):
            yield vote_of(row), completion_of(row, len(votes.columns))

    def iter_comparisons(
        self, *, since: float = 0.0, until: float = EVER
    ) -> Iterator[tuple[Comparison, Completion, Completion]]:
        """Read the comparisons decided in a window, with their left and right completions."""
        table = comparisons.c
        left, right = completions.alias("left_side"), completions.alias("right_side")
        query = (
            select(comparisons, left, right)
            .join(left, left.c.id == table.left_id)
            .join(right, right.c.id == table.right_id)
            .where(changed_within(table.updated, since, until), table.outcome.is_not(None))
        )
        width, side = len(comparisons.columns), len(completions.columns)
        for row in pages(self.database, query, table.created, table.id):
            yield comparison_of(row), completion_of(row, width), completion_of(row, width + side)

    def iter_corrections(
        self, *, since: float = 0.0, until: float = EVER
    ) -> Iterator[tuple[Correction, Completion]]:
        """Read the corrections of a window, with what they correct."""
        table = corrections.c
        query = (
            select(corrections, completions)
            .join(completions, completions.c.id == table.completion_id)
            .where(changed_within(table.updated, since, until))
        )
        key = (table.created, table.completion_id, table.person)
        for row in pages(self.database, query, *key):
            yield correction_of(row), completion_of(row, len(corrections.columns))

    def _write(self, job: Callable[[Connection], T]) -> T:
        return self.database.submit(job).result()

    # Counts --------------------------------------------------------------------------------------

    def counts(self) -> Counts:
        """Count what there is now; evaluations are no part of it."""
        return counting.counts(self.database)

    def feedback_since(self, t: float) -> int:
        """Count all that people said or changed after `t`."""
        return counting.feedback_since(self.database, t)
