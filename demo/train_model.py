"""Trains the demo model: `python -m demo.train_model --minutes 60 --out demo/model`.

One process a core, each with one thread and its own data, which add up their gradients: on a
machine that others use too, two threads that wait for each other at every operation took five
times as long. The layers' matrices are moved by Muon (Jordan et al. 2024), which had after two
minutes the loss that AdamW had after three; each process orthogonalises its share of them. A moving
average of the weights is what is exported.

Invariant: the clock is computing time on each core, not time on the wall: whatever else the machine
does makes a training longer, not worse. An export appears whole or not at all.
"""

import argparse
import json
import logging
import math
import os
import shutil
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
import torch.distributed as dist
from torch.nn import Parameter
from torch.utils.benchmark import Timer
from transformers import (
    AttentionInterface,
    GenerationConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

from demo.evaluate_model import measure
from demo.model_data import sheet
from demo.new_model import END, PAD, build_model, build_tokenizer, check_prefix
from demo.packed_loss import PACKED, loss_of, packed_attention
from demo.packing import TokenSheet, rows, tokenised
from demo.schedule import Plan, mix_at, rate_at

logger = logging.getLogger(__name__)

DECAY = 0.05


def split_weights(model: LlamaForCausalLM) -> tuple[list[Parameter], list[Parameter]]:
    """Return the layers' matrices, and all the rest: embedding and norms."""
    matrices = [weight for weight in model.model.layers.parameters() if weight.ndim == 2]
    found = set(matrices)
    return matrices, [weight for weight in model.parameters() if weight not in found]


def product_seconds(dtype: torch.dtype) -> float:
    """Return how long a matrix product takes: bfloat16 is faster on some CPUs, slower on others."""
    factors = {"a": torch.ones(1280, 256, dtype=dtype), "b": torch.ones(256, 576, dtype=dtype)}
    return float(Timer("a @ b", globals=factors).timeit(20).mean)


class Trainer:
    """The state of one training: model, average, optimizer, data and clock."""

    def __init__(
        self, plan: Plan, seed: int, rank: int, tokenizer: PreTrainedTokenizerFast
    ) -> None:
        self.plan, self.rank, self.rng = plan, rank, Random(f"{seed} {rank}")
        self.tokenizer = tokenizer
        self.model = build_model(len(tokenizer), seed)
        self.average = {k: v.detach().clone() for k, v in self.model.state_dict().items()}
        self.matrices, rest = split_weights(self.model)
        mine = self.matrices[rank :: dist.get_world_size()]
        self.optimizers = (
            torch.optim.Muon(mine, plan.rate, DECAY, adjust_lr_fn="match_rms_adamw"),
            torch.optim.AdamW(rest, plan.rate, (0.9, 0.98), weight_decay=DECAY, fused=True),
        )
        self.half = product_seconds(torch.bfloat16) < product_seconds(torch.float32)
        self.step = self.tokens = 0
        self.elapsed = 0.0
        self.rows = rows(self._sheets(), plan.length)

    @property
    def part(self) -> float:
        """Return how much of the computing time has passed."""
        return self.elapsed / (60 * self.plan.minutes)

    def _encode(self, text: str) -> list[int]:
        return list(self.tokenizer.backend_tokenizer.encode(text).ids)

    def _sheets(self) -> Iterator[TokenSheet]:
        while True:
            yield tokenised(sheet(mix_at(self.plan, self.part), self.rng), self._encode, END)

    def learn(self) -> float:
        """Take one step together with the other processes and return its loss."""
        began = time.process_time()
        batch = list(islice(self.rows, self.plan.batch))
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate_at(self.plan, self.step, self.part)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.half):
            loss = loss_of(self.model, batch)
        self.model.zero_grad()
        loss.backward()
        mean = self._meet(loss.item())
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer in self.optimizers:
            optimizer.step()
        self._exchange()
        self.step += 1
        self.tokens += self.plan.batch * self.plan.length * dist.get_world_size()
        if self.step % 10 == 0:
            self._follow(0.9 if self.step > 200 else 0.5)
        self.elapsed += time.process_time() - began
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

    def _exchange(self) -> None:
        """Give the others the matrices that this process has moved, and take theirs."""
        world = dist.get_world_size()
        sent = [
            dist.broadcast(matrix.data, src=index % world, async_op=True)
            for index, matrix in enumerate(self.matrices)
        ]
        for each in sent:
            each.wait()

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
            "optimizer": self.optimizers[1].state_dict(),
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
        # Muon's momentum is dealt out over the processes and regained within twenty steps.
        self.optimizers[1].load_state_dict(state["optimizer"])
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
        if trainer.step % 50 == 0:
            mean, speed = math.fsum(losses) / len(losses), trainer.tokens / trainer.elapsed
            line = "%.1f min, step %d, loss %.4f, %.0f tokens/s"
            logger.info(line, trainer.elapsed / 60, trainer.step, mean, speed)
            losses.clear()
        if trainer.elapsed - saved > 300:
            trainer.save(work / "checkpoint.pt")
            saved = trainer.elapsed
        if trainer.elapsed - shown > 1200:
            export(trainer, work / "snapshot")
            report(trainer)
            shown = trainer.elapsed


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
    parser.add_argument("--minutes", type=float, default=60, help="of computing on each core")
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
