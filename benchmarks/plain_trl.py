"""The shortest script over TRL for each recipe: what `benchmarks/training.py` compares with.

`python -m benchmarks.plain_trl JOB.json` trains on the job's rows with the job's settings and
prints one JSON line. No look at held-out rows, no check of the template, nothing published.
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import DPOConfig, DPOTrainer, KTOConfig, KTOTrainer, SFTConfig, SFTTrainer

from training.dataset import read_rows
from training.job import SETTINGS, Job
from training.recipes.loading import device, peak_bytes
from training.recipes.lora import lora_config, preference_arguments, trainer_arguments

TRAINERS: dict[str, tuple[Any, Any]] = {
    "kto": (KTOConfig, KTOTrainer),
    "dpo": (DPOConfig, DPOTrainer),
    "sft": (SFTConfig, SFTTrainer),
}


def train(job: Job) -> dict[str, float]:
    """Train and return seconds and bytes."""
    settings: Any = SETTINGS[job.kind].model_validate(job.hyper)
    config, trainer_of = TRAINERS[job.kind]
    full = job.kind == "sft" and settings.tuning == "full"
    dtype = torch.bfloat16 if device() == "cuda" and not full else torch.float32
    named = trainer_arguments if job.kind == "sft" else preference_arguments
    with tempfile.TemporaryDirectory() as scratch:
        losses: dict[str, Any] = {}
        if job.kind == "dpo":
            losses = {"loss_type": ["sigmoid", "sft"], "loss_weights": [1.0, settings.sft_weight]}
        trainer = trainer_of(
            model=AutoModelForCausalLM.from_pretrained(job.base_model, dtype=dtype).to(device()),
            args=config(**named(job, settings, Path(scratch)), **losses),
            train_dataset=Dataset.from_list(read_rows(job.dataset, "train")),
            processing_class=AutoTokenizer.from_pretrained(job.base_model),
            peft_config=None if full else lora_config(settings),
        )
        seconds = trainer.train().metrics["train_runtime"]
    return {"train_seconds": seconds, "peak_bytes": float(peak_bytes())}


if __name__ == "__main__":
    print(json.dumps(train(Job.model_validate_json(Path(sys.argv[1]).read_bytes()))))
