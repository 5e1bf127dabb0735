"""What the recipes share: a fresh adapter on the base, its arguments, and how it is saved.

Invariant: the prompt's tokens are a prefix of the row's tokens (what is trained on is what is
served), and what is saved is finite and complete or not there.
"""

import os
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from peft import LoraConfig, PeftModel

from training.dataset import read_rows
from training.job import (
    Job,
    JobResult,
    PreferenceSettings,
    Progress,
    RowCounts,
    TrainerSettings,
)
from training.recipes.heldout import HeldOut, Report, Watch
from training.recipes.loading import (
    Base,
    computes_in_bfloat16,
    device,
    load_base,
    peak_bytes,
    versions,
)
from training.recipes.tokens import tokenise


class Fitted(NamedTuple):
    """Rows that fit into `max_length`, and what became of the others."""

    rows: list[dict[str, Any]]
    counts: RowCounts


def lora_config(settings: TrainerSettings) -> LoraConfig:
    """Return an adapter as the engine serves it."""
    lora = settings.lora
    return LoraConfig(
        r=lora.r,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=lora.target_modules,
        use_rslora=lora.rslora,
        task_type="CAUSAL_LM",
    )


def preference_arguments(job: Job, settings: PreferenceSettings, scratch: Path) -> dict[str, Any]:
    """Return the arguments that TRL's KTO and DPO trainers have in common."""
    return trainer_arguments(job, settings, scratch) | {
        "beta": settings.beta,
        # Once for the whole run instead of once a step, worth it from the second epoch on.
        "precompute_ref_log_probs": settings.epochs > 1,
    }


def trainer_arguments(job: Job, settings: TrainerSettings, scratch: Path) -> dict[str, Any]:
    """Return the arguments that all of TRL's trainers have in common."""
    on_gpu = device() == "cuda"
    return {
        "output_dir": str(scratch),
        "per_device_train_batch_size": settings.micro_batch,
        "gradient_accumulation_steps": settings.batch // settings.micro_batch,
        "num_train_epochs": settings.epochs,
        "learning_rate": settings.learning_rate,
        "lr_scheduler_type": "cosine",
        "warmup_steps": settings.warmup_steps,
        "max_length": settings.max_length,
        "seed": job.seed,
        "use_cpu": not on_gpu,
        "bf16": computes_in_bfloat16(),
        "gradient_checkpointing": settings.gradient_checkpointing,
        # TRL's defaults log, save and report for somebody who watches a run of days.
        "logging_strategy": "steps",
        "logging_steps": 4,
        "save_strategy": "no",
        "report_to": [],
        "disable_tqdm": True,
        "dataloader_pin_memory": on_gpu,
    }


class Prepared(NamedTuple):
    """What a trainer is given: the base, its rows, and who watches."""

    base: Base
    rows: list[dict[str, Any]]
    counts: RowCounts
    watch: Watch


def prepare(job: Job, settings: PreferenceSettings, report: Report) -> Prepared:
    """Load the base and the dataset's rows, and have held-out votes looked at."""
    report(Progress(stage="load"))
    base = load_base(job.base_model)
    report(Progress(stage="prepare"))
    rows, counts = fit(read_rows(job.dataset, "train"), base, settings.max_length)
    held, held_counts = fit(read_rows(job.dataset, "heldout"), base, settings.max_length)
    watch = Watch(HeldOut(held, base, settings), settings.looks, report)
    return Prepared(base, rows, counts.model_copy(update={"heldout": held_counts.train}), watch)


def fit(rows: Sequence[Mapping[str, Any]], base: Base, max_length: int) -> Fitted:
    """Leave out rows whose prompt fills `max_length`, and count those whose answer is cut.

    Raises:
        TemplateError: the chat template renders a prompt differently once an answer follows.
    """
    kept, dropped, cut, longest, labels = [], 0, 0, 0, []
    for row in rows:
        answers = [row[name] for name in ("completion", "chosen", "rejected") if name in row]
        tokens = [tokenise(base.tokenizer, row["prompt"], a, base.ends) for a in answers]
        longest = max(longest, *(len(item.ids) for item in tokens))
        if tokens[0].start >= max_length:
            dropped += 1
            continue
        cut += any(len(item.ids) > max_length for item in tokens)
        kept.append(dict(row))
        labels.append(row.get("label", True))
    liked = sum(labels)
    counts = RowCounts(
        train=len(kept),
        liked=liked,
        disliked=len(labels) - liked,
        dropped=dropped,
        cut=cut,
        longest=longest,
    )
    return Fitted(kept, counts)


def save(model: Any, out: Path, tokenizer: Any) -> None:
    """Write an adapter, or a whole model with its tokenizer, to `out`: complete or not at all."""
    draft = out.with_name(f".{out.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    shutil.rmtree(out, ignore_errors=True)
    if isinstance(model, PeftModel):
        # "auto" would ask the model hub whether the base's vocabulary was resized; it never is.
        model.save_pretrained(str(draft), save_embedding_layers=False)
    else:
        model.save_pretrained(str(draft))
        tokenizer.save_pretrained(str(draft))
    (draft / "README.md").unlink(missing_ok=True)
    os.rename(draft, out)


def finish(
    job: Job, trainer: Any, watch: Watch, counts: RowCounts, started: float, report: Report
) -> JobResult:
    """Save the best state and say what happened."""
    report(Progress(stage="save", percent=100.0))
    watch.restore_best(trainer.model)
    save(trainer.model, job.out, trainer.processing_class)
    steps = trainer.state.global_step
    return JobResult(
        kind=job.kind,
        name=job.name,
        job=job.fingerprint,
        checkpoint=job.out,
        seconds=round(time.monotonic() - started, 2),
        steps=steps,
        best_step=watch.best_step or steps,
        rows=counts,
        curve=watch.curve,
        heldout=watch.looks,
        metrics={
            "tokens": float(trainer._total_train_tokens),
            "train_seconds": float(trainer.state.log_history[-1]["train_runtime"]),
            "peak_bytes": float(peak_bytes()),
        },
        device=device(),
        dtype="bfloat16" if device() == "cuda" else "float32",
        versions=versions(),
    )
