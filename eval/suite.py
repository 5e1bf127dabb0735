"""The questions of the gate: read from JSON lines, checked once, named by a hash of what they say.

Votes never touch them, and curation keeps everything like them out of training.
Invariant: two suites with the same hash ask the same questions and expect the same answers.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import TypedDict

from pydantic import BaseModel, ConfigDict, Field, ValidationError

# Kinds with a meaning of their own; any other is a label of facts, by which they can be told apart.
ABSENT, OPEN = "absent", "open"


class Message(TypedDict):
    """One turn of a conversation in OpenAI's shape."""

    role: str
    content: str


class SuiteError(ValueError):
    """A suite cannot be used; the message names the file, the line and what to change."""


@dataclass(frozen=True)
class Sample:
    """One question, with what a right answer must say where that is known."""

    id: str
    messages: tuple[Message, ...]
    language: str
    kind: str
    """`absent`: the answer admits it; `open`: a matter of taste; any other: `value` is in it."""
    value: str | None = None
    article: str | None = None
    document: str | None = None
    rivals: tuple[str, ...] = ()
    """Other texts that would contradict a textual value. Values with a unit need none."""


@dataclass(frozen=True)
class Suite:
    """All samples and the hash that names them."""

    samples: tuple[Sample, ...]
    hash: str

    @property
    def reference(self) -> tuple[Sample, ...]:
        """The samples whose answers can be checked without anyone's taste."""
        return tuple(sample for sample in self.samples if sample.kind != OPEN)

    @property
    def prompts(self) -> tuple[Sample, ...]:
        """The samples that comparisons are drawn from: all."""
        return self.samples


class _Turn(BaseModel):
    """One message of a line (pydantic reads no typing.TypedDict before Python 3.12)."""

    role: str
    content: str


class _Row(BaseModel):
    """One line of the file."""

    model_config = ConfigDict(extra="forbid")

    id: str = Field(min_length=1)
    messages: list[_Turn] = Field(min_length=1)
    language: str = Field(min_length=2)
    kind: str = Field(min_length=1)
    value: str | None = None
    article: str | None = None
    document: str | None = None
    rivals: list[str] = []


def load_suite(path: Path) -> Suite:
    """Read a suite from JSON lines, one sample a line, with the fields of `Sample`.

    Raises:
        SuiteError: the file cannot be read, or a line is not a usable sample.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as err:
        raise SuiteError(
            f"suite {path} cannot be read ({err}): write one JSON object a line"
        ) from err
    samples = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            sample = _sample(_Row.model_validate_json(line))
            _check(sample)  # here too, so that the line is named
            samples.append(sample)
        except (ValidationError, SuiteError) as err:
            raise SuiteError(f"{path}, line {number}: {err}") from err
    return suite_of(samples)


def suite_of(samples: Iterable[Sample]) -> Suite:
    """Return the suite of these samples, in the order of their ids.

    Raises:
        SuiteError: an id occurs twice, or a sample cannot be used.
    """
    ordered = tuple(sorted(samples, key=lambda sample: sample.id))
    for sample in ordered:
        _check(sample)
    for first, second in pairwise(ordered):
        if first.id == second.id:
            raise SuiteError(
                f"the id {first.id!r} occurs twice in the suite: give each sample its own"
            )
    content = json.dumps([asdict(sample) for sample in ordered], ensure_ascii=False, sort_keys=True)
    return Suite(ordered, hashlib.sha256(content.encode()).hexdigest()[:16])


def prompt_hash(messages: Sequence[Message]) -> str:
    """Return a short name for a prompt, for records that must not repeat its text."""
    content = json.dumps([[m["role"], m["content"]] for m in messages], ensure_ascii=False)
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def _sample(row: _Row) -> Sample:
    messages = tuple(Message(role=turn.role, content=turn.content) for turn in row.messages)
    fields = row.model_dump(exclude={"messages", "rivals"})
    return Sample(messages=messages, rivals=tuple(row.rivals), **fields)


def _check(sample: Sample) -> None:
    if not sample.messages or sample.messages[-1]["role"] != "user":
        raise SuiteError(f"the last message of {sample.id!r} must be the user's question")
    if sample.kind not in (ABSENT, OPEN) and not (sample.value or "").strip():
        raise SuiteError(f"{sample.id!r} has no `value`: say what a right answer contains")
