"""What KTO and DPO share: the base with a fresh adapter, and the look at held-out votes.

More training is not better: one epoch too many, and the model forgets what it knew. So every half
epoch the adapter is measured on votes that it never saw, and the best state is what is saved.

Invariant: the reference is the base itself, the prompt's tokens are a prefix of the row's tokens
(what is trained on is what is served), and what is saved is finite and complete or not there.
"""

import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import peft
import torch
import transformers
import trl
from peft import LoraConfig, PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback

from training.job import Job, JobResult, Look, PreferenceSettings, Progress, RowCounts
from training.recipes.tokens import Tokens, end_tokens, tokenise

Report = Callable[[Progress], None]


class Base(NamedTuple):
    """The base model as it was loaded, and the tokens that end its answers."""

    model: Any
    tokenizer: Any
    ends: frozenset[int]


class Fitted(NamedTuple):
    """Rows that fit into `max_length`, and what became of the others."""

    rows: list[dict[str, Any]]
    counts: RowCounts


def device() -> str:
    """Return where training happens: the GPU where there is one."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def computes_in_bfloat16() -> bool:
    """Say whether matrices are multiplied in bfloat16: on a GPU, and on a CPU made for it.

    On a CPU parameters, sums and losses stay float32; one that emulates bfloat16 would be slow.
    """
    return device() == "cuda" or bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def load_base(base_model: str) -> Base:
    """Load the base model and its tokenizer: float32 on a CPU, bfloat16 on a GPU."""
    dtype = torch.bfloat16 if device() == "cuda" else torch.float32
    tokenizer = AutoTokenizer.from_pretrained(base_model)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    model = AutoModelForCausalLM.from_pretrained(base_model, dtype=dtype).to(device())
    return Base(model, tokenizer, end_tokens(model, tokenizer))


def lora_config(settings: PreferenceSettings) -> LoraConfig:
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


def trainer_arguments(job: Job, settings: PreferenceSettings, scratch: Path) -> dict[str, Any]:
    """Return the arguments that TRL's KTO and DPO trainers have in common."""
    on_gpu = device() == "cuda"
    return {
        "output_dir": str(scratch),
        "per_device_train_batch_size": settings.micro_batch,
        "gradient_accumulation_steps": settings.batch // settings.micro_batch,
        "num_train_epochs": settings.epochs,
        "learning_rate": settings.learning_rate,
        "lr_scheduler_type": "cosine",
        "warmup_steps": settings.warmup_steps,
        "beta": settings.beta,
        "max_length": settings.max_length,
        # Once for the whole run instead of once a step, worth it from the second epoch on.
        "precompute_ref_log_probs": settings.epochs > 1,
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


class HeldOut:
    """Votes that training never sees, and how well a policy agrees with them."""

    def __init__(
        self, rows: Sequence[Mapping[str, Any]], base: Base, settings: PreferenceSettings
    ) -> None:
        self._pad = base.tokenizer.pad_token_id
        self._beta = settings.beta
        self._batch = settings.micro_batch
        found: list[tuple[Tokens, bool]] = []
        for row in rows:
            for name in ("completion", "chosen", "rejected"):
                if name in row:
                    label = row["label"] if name == "completion" else name == "chosen"
                    tokens = tokenise(base.tokenizer, row["prompt"], row[name], base.ends)
                    found.append((Tokens(tokens.ids[: settings.max_length], tokens.start), label))
        # By length: a batch is as wide as its longest row.
        found.sort(key=lambda item: len(item[0].ids))
        self._tokens = [tokens for tokens, _ in found]
        self._labels = torch.tensor([label for _, label in found], dtype=torch.bool)
        self._reference = self._log_probabilities(base.model)

    def __bool__(self) -> bool:
        """Say whether there is anything to agree with: both liked and disliked answers."""
        return bool(len(self._labels) and self._labels.any() and not self._labels.all())

    def look(self, model: Any, step: int) -> Look:
        """Measure a policy."""
        ratios = self._log_probabilities(model) - self._reference
        liked, disliked = ratios[self._labels], ratios[~self._labels]
        wins = (liked[:, None] > disliked[None, :]).float()
        losses = torch.cat([-self._beta * liked, self._beta * disliked]).sigmoid()
        # Both classes count the same, however many there are of each.
        share = torch.cat([torch.full_like(side, 0.5 / len(side)) for side in (liked, disliked)])
        return Look(
            step=step,
            loss=float((losses * share).sum()),
            value=float(liked.sigmoid().mean()),
            accuracy=float(wins.mean()),
            liked=float(liked.mean()),
            disliked=float(disliked.mean()),
        )

    def _log_probabilities(self, model: Any) -> torch.Tensor:
        was_training = model.training
        model.eval()
        firsts = range(0, len(self._tokens), self._batch)
        with torch.inference_mode():
            found = [self._of(model, self._tokens[i : i + self._batch]) for i in firsts]
        model.train(was_training)
        return torch.cat(found) if found else torch.empty(0)

    def _of(self, model: Any, rows: Sequence[Tokens]) -> torch.Tensor:
        width = max(len(row.ids) for row in rows)
        ids = torch.full((len(rows), width), self._pad)
        labels = torch.full((len(rows), width), -100)
        mask = torch.zeros((len(rows), width), dtype=torch.long)
        for index, row in enumerate(rows):
            length = len(row.ids)
            ids[index, :length] = torch.tensor(row.ids)
            labels[index, row.start : length] = torch.tensor(row.ids[row.start :])
            mask[index, :length] = 1
        place = next(model.parameters()).device
        logits = model(input_ids=ids.to(place), attention_mask=mask.to(place)).logits[:, :-1]
        targets = labels[:, 1:].to(place)
        losses = torch.nn.functional.cross_entropy(
            logits.transpose(1, 2).float(), targets, reduction="none", ignore_index=-100
        )
        return -losses.sum(-1).cpu()


class Watch(TrainerCallback):
    """Reports every step, looks at held-out votes, and remembers the best state."""

    def __init__(self, heldout: HeldOut, looks: int, report: Report) -> None:
        self.curve: list[tuple[int, float]] = []
        self.looks: list[Look] = []
        self.best: dict[str, torch.Tensor] = {}
        self.best_step = 0
        self._heldout = heldout
        self._per_epoch = looks
        self._report = report

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        """Keep the training loss."""
        if logs and "loss" in logs:
            self.curve.append((state.global_step, round(float(logs["loss"]), 5)))

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Report, and look every so often."""
        step, steps = state.global_step, state.max_steps
        every = max(1, round(steps / args.num_train_epochs / self._per_epoch))
        if self._heldout and (step % every == 0 or step == steps):
            self._look(kwargs["model"], step)
        self._report(
            Progress(
                stage="train",
                step=step,
                steps=steps,
                percent=round(100 * step / steps, 1),
                loss=self.curve[-1][1] if self.curve else None,
                metrics={"heldout": round(self.looks[-1].accuracy, 4)} if self.looks else {},
            )
        )

    def _look(self, model: Any, step: int) -> None:
        look = self._heldout.look(model, step)
        self.looks.append(look)
        # Not the loss: it goes on falling while disliked answers are pushed down without end, long
        # after liked ones, and with them what is right, have begun to suffer. The sigmoid keeps a
        # slip of somebody's finger from deciding.
        if look.value >= max(known.value for known in self.looks):
            self.best_step = step
            self.best = {
                name: value.detach().clone()
                for name, value in model.named_parameters()
                if value.requires_grad
            }

    def restore_best(self, model: Any) -> None:
        """Put the best state back, if held-out votes could tell which it was."""
        with torch.no_grad():
            for name, value in model.named_parameters():
                if name in self.best:
                    value.copy_(self.best[name])


def save(model: PeftModel, out: Path) -> None:
    """Write the adapter to `out`, whole or not at all."""
    draft = out.with_name(f".{out.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    shutil.rmtree(out, ignore_errors=True)
    # "auto" would ask the model hub whether the base's vocabulary was resized; it never is here.
    model.save_pretrained(str(draft), save_embedding_layers=False)
    (draft / "README.md").unlink(missing_ok=True)
    os.rename(draft, out)


def finish(
    job: Job, trainer: Any, watch: Watch, counts: RowCounts, started: float, report: Report
) -> JobResult:
    """Save the best state and say what happened."""
    report(Progress(stage="save", percent=100.0))
    watch.restore_best(trainer.model)
    save(trainer.model, job.out)
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
        metrics={"tokens": float(trainer._total_train_tokens)},
        device=device(),
        dtype="bfloat16" if device() == "cuda" else "float32",
        versions=versions(),
    )


def versions() -> dict[str, str]:
    """Return the versions of what a result depends on."""
    modules = (torch, transformers, trl, peft)
    return {module.__name__: str(module.__version__) for module in modules}
