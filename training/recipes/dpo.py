"""DPO: pairs of answers to one prompt, the better one first.

DPO only asks for a distance between the two answers and is content when both become less likely.
The `sft` term holds the better one up. Where people turn their own choices (training/flips.py), the
robust loss takes that share of labels for turned.
"""

import tempfile
import time
from pathlib import Path

from datasets import Dataset
from trl import DPOConfig, DPOTrainer
from trl.trainer.dpo_trainer import DataCollatorForPreference

from training.job import DpoSettings, Job, JobResult
from training.recipes.heldout import Report
from training.recipes.lora import finish, lora_config, preference_arguments, prepare
from training.recipes.tokens import ending_answers


def train(job: Job, report: Report) -> JobResult:
    """Train an adapter on preference pairs."""
    started = time.monotonic()
    settings = DpoSettings.model_validate(job.hyper)
    base, rows, counts, watch = prepare(job, settings, report)
    collator = DataCollatorForPreference(
        pad_token_id=base.tokenizer.pad_token_id, max_length=settings.max_length
    )
    # Robust loss without smoothing is the plain one.
    chosen = "robust" if settings.label_smoothing else "sigmoid"
    losses = {chosen: 1.0} | ({"sft": settings.sft_weight} if settings.sft_weight else {})
    with tempfile.TemporaryDirectory(dir=job.out.parent) as scratch:
        arguments = DPOConfig(
            **preference_arguments(job, settings, Path(scratch)),
            loss_type=list(losses),
            loss_weights=list(losses.values()),
            label_smoothing=settings.label_smoothing,
        )
        trainer = DPOTrainer(
            model=base.model,
            args=arguments,
            train_dataset=Dataset.from_list(rows),
            processing_class=base.tokenizer,
            data_collator=ending_answers(collator, base.ends),
            peft_config=lora_config(settings),
            callbacks=[watch],
        )
        trainer.train()
    return finish(job, trainer, watch, counts, started, report)
