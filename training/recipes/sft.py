"""SFT: answers as they should be, learned token by token; the prompt is read, never learned.

With LoRA the result is an adapter like any other. A full fine-tune moves every weight: it is a base
model of its own and reaches people as `RATCHET_BASE_MODEL`, not by a swap.

Invariant: exactly the answer's tokens up to its end have a label; all others are -100.
"""

import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from datasets import Dataset
from transformers import AutoConfig
from trl import SFTConfig, SFTTrainer

from training.dataset import read_rows
from training.job import Job, JobResult, Progress, RowCounts, SftSettings
from training.recipes.heldout import HeldOutAnswers, Report, Watch
from training.recipes.loading import Base, load_base
from training.recipes.lora import finish, lora_config, trainer_arguments
from training.recipes.tokens import Tokens, tokenise

IGNORED = -100


def train(job: Job, report: Report) -> JobResult:
    """Train an adapter, or a whole model, on answers."""
    started = time.monotonic()
    settings = SftSettings.model_validate(job.hyper)
    full = settings.tuning == "full"
    report(Progress(stage="load"))
    base = load_base(job.base_model, moving=full)
    report(Progress(stage="prepare"))
    rows, counts = fit(read_rows(job.dataset, "train"), base, settings.max_length)
    # A dataset made by hand may hold nothing out.
    held_out = read_rows(job.dataset, "heldout", missing_ok=True)
    held, held_counts = fit(held_out, base, settings.max_length)
    heldout = HeldOutAnswers(held, base.tokenizer.pad_token_id, settings.micro_batch)
    watch = Watch(heldout, settings.looks, report)
    with tempfile.TemporaryDirectory(dir=job.out.parent) as scratch:
        trainer = SFTTrainer(
            model=base.model,
            args=SFTConfig(**trainer_arguments(job, settings, Path(scratch))),
            train_dataset=Dataset.from_list([labelled(row) for row in rows]),
            processing_class=base.tokenizer,
            peft_config=None if full else lora_config(settings),
            callbacks=[watch],
        )
        trainer.train()
    if full:
        # As precise as the base was, or the engine would need twice its memory.
        trainer.model.to(AutoConfig.from_pretrained(job.base_model).dtype)
    counts = counts.model_copy(update={"heldout": held_counts.train})
    return finish(job, trainer, watch, counts, started, report)


def fit(
    rows: Iterable[Mapping[str, Any]], base: Base, max_length: int
) -> tuple[list[Tokens], RowCounts]:
    """Tokenise rows of `prompt` and `completion`, or of `messages` whose last is the answer.

    Raises:
        TemplateError: the chat template renders a prompt differently once an answer follows.
    """
    kept, dropped, cut, longest = [], 0, 0, 0
    for row in rows:
        messages = row.get("messages") or [*row["prompt"], *row["completion"]]
        tokens = tokenise(base.tokenizer, messages[:-1], messages[-1:], base.ends)
        longest = max(longest, len(tokens.ids))
        if tokens.start >= max_length:
            dropped += 1
            continue
        cut += len(tokens.ids) > max_length
        kept.append(Tokens(tokens.ids[:max_length], tokens.start))
    return kept, RowCounts(
        train=len(kept), liked=len(kept), dropped=dropped, cut=cut, longest=longest
    )


def labelled(row: Tokens) -> dict[str, list[int]]:
    """Return a row as TRL trains it: tokens and labels, the prompt's ignored."""
    answer = row.ids[row.start :]
    return {"input_ids": row.ids, "labels": [IGNORED] * row.start + answer}
