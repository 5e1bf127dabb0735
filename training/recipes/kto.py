"""KTO: single answers, liked or not. The recipe for thumbs and for everything mixed.

TRL's trainer never shuffles KTO rows and takes a row's neighbour for its estimate of the KL term,
so the dataset's order is what is trained; only rows too long for the model are taken out of it.
"""

import tempfile
import time
from pathlib import Path

from datasets import Dataset
from trl import KTOConfig, KTOTrainer
from trl.trainer.kto_trainer import DataCollatorForUnpairedPreference

from training.balance import class_weights
from training.job import Job, JobResult, KtoSettings
from training.recipes.heldout import Report
from training.recipes.lora import finish, lora_config, preference_arguments, prepare
from training.recipes.tokens import ending_answers


def train(job: Job, report: Report) -> JobResult:
    """Train an adapter on unpaired preferences."""
    started = time.monotonic()
    settings = KtoSettings.model_validate(job.hyper)
    base, rows, counts, watch = prepare(job, settings, report)
    if len(rows) % settings.micro_batch == 1:
        # A batch of one has no neighbour for the KL estimate.
        rows = rows[:-1]
        counts = counts.model_copy(update={"train": len(rows)})
    weights = class_weights(counts.liked, counts.disliked, settings.balance)
    collator = DataCollatorForUnpairedPreference(
        pad_token_id=base.tokenizer.pad_token_id, max_length=settings.max_length
    )
    with tempfile.TemporaryDirectory(dir=job.out.parent) as scratch:
        arguments = KTOConfig(
            **preference_arguments(job, settings, Path(scratch)),
            desirable_weight=weights.desirable,
            undesirable_weight=weights.undesirable,
        )
        trainer = KTOTrainer(
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
