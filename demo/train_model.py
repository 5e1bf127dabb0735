"""Trains the demo model: `python -m demo.train_model --minutes 75 --out demo/model`.

One process a core, each with one thread and its own data, which add up their gradients: on a
machine that others use too, two threads that wait for each other at every operation took five
times as long. The learning rate warms up, stays, and falls in the last quarter, so that snapshots
on the way are usable; a moving average of the weights is what is exported. Invariant: an export
appears whole or not at all.
"""

import argparse
import json
import logging
import math
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
import torch.distributed as dist
from transformers import (
    AttentionInterface,
    GenerationConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

from demo.evaluate_model import measure
from demo.model_data import Mix, sheet
from demo.new_model import END, PAD, build_model, build_tokenizer, check_prefix
from demo.packed_loss import PACKED, loss_of, packed_attention
from demo.packing import TokenSheet, rows, tokenised

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Plan:
    """How long and how to train."""

    minutes: float
    length: int = 320
    batch: int = 4
    """Rows a step in each process."""
    rate: float = 1.5e-3
    warmup: int = 100
    falling_from: float = 0.75
    balanced_from: float = 0.7
    """From this part of the time on, the three styles are equally frequent."""
    few_until: float = 0.3
    """Until this part of the time, sheets have few passages: choosing is learned among two."""


def rate_at(plan: Plan, step: int, part: float) -> float:
    """Return the learning rate: up, level, down."""
    falling = max(0.0, (part - plan.falling_from) / (1 - plan.falling_from))
    return plan.rate * min(1.0, (step + 1) / plan.warmup) * (1 - 0.98 * min(1.0, falling))


def mix_at(plan: Plan, part: float) -> Mix:
    """Return what to draw: few passages first, and mostly exact answers until they are learned."""
    exact = 0.7 if part < plan.balanced_from else 1 / 3
    if part < plan.few_until:
        return Mix(exact, passages=(0.2, 0.5, 0.3), absent=0.12)
    return Mix(exact, passages=(0.08, 0.2, 0.32, 0.4))


class Trainer:
    """The state of one training: model, average, optimizer, data and clock."""

    def __init__(
        self, plan: Plan, seed: int, rank: int, tokenizer: PreTrainedTokenizerFast
    ) -> None:
        self.plan, self.rank, self.rng = plan, rank, Random(f"{seed} {rank}")
        self.tokenizer = tokenizer
        self.model = build_model(len(tokenizer), seed)
        self.average = {k: v.detach().clone() for k, v in self.model.state_dict().items()}
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=plan.rate, betas=(0.9, 0.98), weight_decay=0.05, fused=True
        )
        self.step = self.tokens = 0
        self.elapsed = 0.0
        self.rows = rows(self._sheets(), plan.length)

    @property
    def part(self) -> float:
        """Return how much of the time has passed."""
        return self.elapsed / (60 * self.plan.minutes)

    def _encode(self, text: str) -> list[int]:
        return list(self.tokenizer.backend_tokenizer.encode(text).ids)

    def _sheets(self) -> Iterator[TokenSheet]:
        while True:
            yield tokenised(sheet(mix_at(self.plan, self.part), self.rng), self._encode, END)

    def learn(self) -> float:
        """Take one step together with the other processes and return its loss."""
        began = time.monotonic()
        batch = list(islice(self.rows, self.plan.batch))
        for group in self.optimizer.param_groups:
            group["lr"] = rate_at(self.plan, self.step, self.part)
        with torch.autocast("cpu", torch.bfloat16):
            loss = loss_of(self.model, batch)
        self.optimizer.zero_grad()
        loss.backward()
        mean = self._meet(loss.item())
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.step += 1
        self.tokens += self.plan.batch * self.plan.length * dist.get_world_size()
        if self.step % 10 == 0:
            self._follow(0.95 if self.step > 200 else 0.5)
        self.elapsed += time.monotonic() - began
        return mean

    def _meet(self, loss: float) -> float:
        """Average gradients, loss and clock over the processes: all then decide alike."""
        weights = list(self.model.parameters())
        grads = [weight.grad for weight in weights if weight.grad is not None]
        flat = torch.cat([*(grad.flatten() for grad in grads), torch.tensor([loss, self.elapsed])])
        dist.all_reduce(flat)
        flat /= dist.get_world_size()
        for weight, grad in zip(
            weights, flat.split([w.numel() for w in weights] + [2]), strict=False
        ):
            weight.grad = grad.view_as(weight)
        self.elapsed = float(flat[-1])
        return float(flat[-2])

    @torch.no_grad()
    def _follow(self, kept: float) -> None:
        for name, weight in self.model.state_dict().items():
            self.average[name].lerp_(weight, 1 - kept)

    def averaged(self) -> LlamaForCausalLM:
        """Return a model with the averaged weights."""
        model = build_model(len(self.tokenizer), seed=0)
        model.set_attn_implementation("sdpa")
        model.load_state_dict(self.average)
        return model.eval()

    def save(self, path: Path) -> None:
        """Write everything that resuming needs."""
        state = {
            "model": self.model.state_dict(),
            "average": self.average,
            "optimizer": self.optimizer.state_dict(),
            "counts": (self.step, self.tokens, self.elapsed),
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(state, path.with_suffix(".new"))
        path.with_suffix(".new").replace(path)

    def resume(self, path: Path) -> None:
        """Go on from what `save` wrote."""
        state: dict[str, Any] = torch.load(path, weights_only=False)
        self.model.load_state_dict(state["model"])
        self.average = state["average"]
        self.optimizer.load_state_dict(state["optimizer"])
        self.rng.seed(f"{self.rank} {state['counts']}")
        self.step, self.tokens, self.elapsed = state["counts"]


def export(trainer: Trainer, folder: Path) -> None:
    """Write model and tokenizer to a new folder and put it in the place of the old one."""
    new, old = folder.with_name(folder.name + ".new"), folder.with_name(folder.name + ".old")
    for stale in (new, old):
        shutil.rmtree(stale, ignore_errors=True)
    model = trainer.averaged().to(torch.bfloat16)
    model.generation_config = GenerationConfig(
        do_sample=True, temperature=1.0, eos_token_id=END, pad_token_id=PAD
    )
    model.save_pretrained(new)
    for place in ("is_local", "local_files_only"):  # where it was loaded from is nobody's business
        trainer.tokenizer.init_kwargs.pop(place, None)
    trainer.tokenizer.save_pretrained(new)
    for file in new.iterdir():
        file.chmod(0o644)
    built = {
        "workers": dist.get_world_size(),
        "minutes": round(trainer.elapsed / 60, 1),
        "steps": trainer.step,
        "tokens": trainer.tokens,
        "parameters": sum(p.numel() for p in model.parameters()),
    }
    (new / "training.json").write_text(json.dumps(built) + "\n")
    if folder.exists():
        folder.rename(old)
    new.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def report(trainer: Trainer) -> None:
    """Print how the averaged weights answer held-out questions."""
    for kind, score in measure(trainer.averaged(), trainer.tokenizer, 64, temperature=0.0).items():
        styles = {name: round(share, 2) for name, share in score.styles.items()}
        logger.info("  %s: right %.2f, cited %.2f, %s", kind, score.right, score.cited, styles)


def train(trainer: Trainer, work: Path) -> None:
    """Train until the time is over; now and then a checkpoint and a measured snapshot."""
    saved = shown = trainer.elapsed
    losses: list[float] = []
    while trainer.part < 1:
        losses.append(trainer.learn())
        if trainer.rank:
            continue
        began = time.monotonic()
        if trainer.step % 50 == 0:
            mean, speed = math.fsum(losses) / len(losses), trainer.tokens / trainer.elapsed
            line = "%.1f min, step %d, loss %.4f, %.0f tokens/s"
            logger.info(line, trainer.elapsed / 60, trainer.step, mean, speed)
            losses.clear()
        if trainer.elapsed - saved > 300:
            trainer.save(work / "checkpoint.pt")
            saved = trainer.elapsed
        if trainer.elapsed - shown > 480:
            export(trainer, work / "snapshot")
            report(trainer)
            shown = trainer.elapsed
        # The others wait meanwhile and count it too: measuring is part of the time.
        trainer.elapsed += time.monotonic() - began


def work_as(rank: int, args: argparse.Namespace) -> None:
    """Be one of the training processes."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(1)
    AttentionInterface.register(PACKED, packed_attention)
    store = f"file://{(args.work / 'meeting').resolve()}"
    dist.init_process_group("gloo", init_method=store, rank=rank, world_size=args.workers)
    # A core each: left alone, both are put on one while something lesser has the other.
    os.sched_setaffinity(0, {rank % (os.cpu_count() or 1)})
    tokenizer = PreTrainedTokenizerFast.from_pretrained(args.work / "tokenizer")
    trainer = Trainer(Plan(args.minutes), args.seed, rank, tokenizer)
    if args.resume:
        trainer.resume(args.work / "checkpoint.pt")
    train(trainer, args.work)
    if rank == 0:
        trainer.save(args.work / "checkpoint.pt")
        export(trainer, args.out)
    dist.destroy_process_group()


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=75)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--work", type=Path, default=Path("data/demo-model"))
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--resume", action="store_true")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    (args.work / "meeting").unlink(missing_ok=True)
    if not args.resume:
        tokenizer = build_tokenizer(args.seed)
        check_prefix(tokenizer)
        tokenizer.save_pretrained(args.work / "tokenizer")
    torch.multiprocessing.spawn(work_as, (args,), nprocs=args.workers)


if __name__ == "__main__":
    main()
