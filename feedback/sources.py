"""A file of feedback in one of the formats that can be read, its records read as what they say.

Invariant: the format is settled before the first row is taken; a row that is not of it is refused
and stops nothing.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

from feedback.foreign import Foreign
from feedback.formats import arena, gradio, openai, openwebui, trl
from feedback.records import Record, Shape, TableRow, read_fields, read_json, records, shape_of
from feedback.types import InvalidFeedback

AUTO = "auto"

READERS: Mapping[str, Callable[[dict[str, Any]], Foreign]] = {
    "kto": trl.read_unpaired,
    "dpo": trl.read_pair,
    "sft": trl.read_conversation,
    "reward": trl.read_pair,
    "reward-prompt": trl.read_pair,
    "openai": trl.read_conversation,
    "openai-preference": openai.read_preference,
    "openwebui": openwebui.read_rating,
    "arena": arena.read_battle,
}
IMPORTS = ("kto", "dpo", "sft", "raw", *list(READERS)[3:], "gradio")
MARKS = (
    ("raw", {"kind", "completions"}),
    ("openai-preference", {"input", "preferred_output", "non_preferred_output"}),
    ("openwebui", {"data", "meta", "snapshot"}),
    ("arena", {"conversation_a", "conversation_b"}),
    ("arena", {"prompt", "response_a", "response_b"}),
    ("kto", {"prompt", "completion", "label"}),
    ("dpo", {"chosen", "rejected"}),
    ("sft", {"messages"}),
    ("gradio", {"timestamp"}),
)
"""Fields that give a format away."""


class Source:
    """A file in one format: its records, and what each of them says."""

    def __init__(self, path: Path, form: str) -> None:
        self.path = path
        self.shape: Shape = shape_of(path, table=form in {AUTO, "arena", "gradio"})
        self.header: list[str] = []
        if self.shape == "table":
            self.header = read_fields(next(records(path, self.shape)))
        self.form = self._detected() if form == AUTO else form
        if (self.form == "gradio") != (self.shape == "table") and self.form != "arena":
            raise InvalidFeedback(f"{path.name}: Gradio's flags are CSV, all else is JSON")

    def rows(self) -> Iterator[Record]:
        """Cut the file into records, without a table's header."""
        return islice(records(self.path, self.shape), int(self.shape == "table"), None)

    def read(self, record: Record) -> Foreign | dict[str, Any]:
        """Read one record; of our own `raw` export as it is.

        Raises:
            InvalidFeedback: it cannot be read, or says nothing that can be taken.
            ValidationError: it is not of this format.
        """
        if self.shape != "table":
            row = read_json(record)
            return row if self.form == "raw" else READERS[self.form](row)
        fields = read_fields(record)
        if self.form == "gradio":
            return gradio.read_flag(TableRow(self.header, fields))
        if len(fields) != len(self.header):
            raise InvalidFeedback(f"{len(fields)} fields under a header of {len(self.header)}")
        return READERS[self.form](dict(zip(self.header, fields, strict=True)))

    def _detected(self) -> str:
        """Tell the format by the names in the header, or in the first object of the file."""
        names = set(self.header)
        for record in () if names else self.rows():
            with suppress(InvalidFeedback):
                names = set(read_json(record))
                break
        for form, marks in MARKS:
            if marks <= names:
                return form
        shown = ", ".join(sorted(names)[:12]) or "none that can be read"
        raise InvalidFeedback(
            f"{self.path.name} is in no format that is known by its fields ({shown}): name one of"
            f" {', '.join(IMPORTS)}"
        )
