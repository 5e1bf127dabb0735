"""Parquet, and a Hugging Face folder: the same three tables with a data card.

The card's header is that of the Hub's dataset cards (`configs`, `data_files`), so that
`datasets.load_dataset(folder)` finds the tables, and `load_dataset(folder, "dpo")` another one.

Invariant: the columns have types of their own, so a table whose first thousand rows lack a field is
read like every other. A table without rows is not in the card: `datasets` cannot load one.
"""

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from feedback.formats.shape import Format, Part, Row, Source, Summary

GROUP = 1000
"""Rows of a table that are in memory at once."""

_TEXTS = ("kind", "person", "completion_id", "responder", "outcome", "text", "comparison_id")
_MORE_TEXTS = ("right_completion_id", "right_responder", "created", "updated")
_MESSAGES: dict[Source, tuple[str, ...]] = {
    "kto": ("prompt", "completion"),
    "dpo": ("prompt", "chosen", "rejected", "completion"),
    "sft": ("messages", "completion"),
}


def write_parquet(rows: Iterable[Row], path: Path, source: Source) -> None:
    """Write rows of one kind as a Parquet file.

    They are written as JSON lines first: a column for function calls is there only if a row has
    one, because templates take a null in it for a call.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    spool, calls = path.with_name(f"{path.name}.jsonl"), False
    with spool.open("w", encoding="utf-8") as file:
        for row in rows:
            messages = [m for column in _MESSAGES[source] for m in row[column]]
            calls = calls or any(m.keys() - {"role", "content"} for m in messages)
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    schema = _schema(source, calls=calls)
    with spool.open(encoding="utf-8") as file, pq.ParquetWriter(path, schema) as writer:
        for group in _groups(file):
            writer.write_batch(pa.RecordBatch.from_pylist(group, schema))
    spool.unlink()


def _groups(lines: Iterator[str]) -> Iterator[list[Row]]:
    while group := [json.loads(line) for line in islice(lines, GROUP)]:
        yield group


def _schema(source: Source, *, calls: bool) -> Any:
    import pyarrow as pa

    message = [("role", pa.string()), ("content", pa.string())]
    if calls:
        function = pa.struct([("name", pa.string()), ("arguments", pa.string())])
        call = pa.struct([("id", pa.string()), ("type", pa.string()), ("function", function)])
        message += [("tool_calls", pa.list_(call)), ("tool_call_id", pa.string())]
    conversation = pa.list_(pa.struct(message))
    columns = [(name, pa.string()) for name in (*_TEXTS, *_MORE_TEXTS)]
    columns += [("liked", pa.bool_()), ("unblinded", pa.bool_())]
    columns += [(name, conversation) for name in _MESSAGES[source]]
    columns += [("label", pa.bool_())] if source == "kto" else []
    return pa.schema(columns)


def _card(summary: Summary) -> dict[str, str]:
    names = [name for name, rows in summary.rows.items() if rows]
    configs = "\n".join(
        f"- config_name: {Path(name).parent}\n"
        f"  data_files:\n  - split: train\n    path: {name}"
        + ("\n  default: true" if name == names[0] else "")
        for name in names
    )
    counts = "\n".join(f"| `{Path(name).parent}` | {n} |" for name, n in summary.rows.items())
    reasons = "\n".join(f"| {reason} | {n} |" for reason, n in summary.left_out.items())
    text = CARD.format(
        configs=configs,
        size=_size(sum(summary.rows.values())),
        counts=counts,
        reasons=reasons or "| – | 0 |",
    )
    return {"README.md": text}


def _size(rows: int) -> str:
    """Return the Hub's name for a size."""
    for limit, name in ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K")):
        if rows < limit:
            return name
    return "100K<n<1M" if rows < 1_000_000 else "1M<n<10M"


CARD = """\
---
pretty_name: Feedback on a chat service
license: other
task_categories:
- text-generation
size_categories:
- {size}
tags:
- preference
- kto
- dpo
- sft
- trl
configs:
{configs}
---

# Feedback on a chat service

What people said of the answers they were given, exported by Ratchet, in TRL's conversational
formats.

**Personal data.** Questions, answers, comments and the ids of persons are here as they are in the
service. Nothing is masked. Do not publish this folder as it is.

| configuration | rows |
|---|---|
{counts}

- `kto`: `prompt`, `completion`, `label`: single answers, liked or not
- `dpo`: `prompt`, `chosen`, `rejected`: pairs
- `sft`: `messages`: conversations that end in a liked or corrected answer

Every row also says who said what about which answer of whom: `kind`, `person`, `completion_id`,
`responder`, `liked`, `outcome`, `text`, `created`, `updated`, and of pairs `comparison_id`,
`unblinded`, `right_completion_id`, `right_responder`.

| left out | records |
|---|---|
{reasons}
"""

FORMATS = {
    "parquet": Format(
        "Parquet: kto, dpo and sft",
        (
            Part("kto.parquet", "kto", coding="parquet"),
            Part("dpo.parquet", "dpo", coding="parquet"),
            Part("sft.parquet", "sft", coding="parquet"),
        ),
    ),
    "huggingface": Format(
        "Hugging Face folder: kto, dpo and sft with a data card",
        (
            Part("kto/train.parquet", "kto", coding="parquet"),
            Part("dpo/train.parquet", "dpo", coding="parquet"),
            Part("sft/train.parquet", "sft", coding="parquet"),
        ),
        _card,
    ),
}
