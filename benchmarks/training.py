"""Training speed: each recipe beside the shortest TRL script on the same rows and settings.

The demo's base, on whatever this machine trains on. Both arms are processes of their own and take
turns; what counts is the time inside the trainer's loop. The plain script never looks at held-out
rows; ours does in one row of the table only, so that the other rows compare the same work.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from benchmarks.results import table, write_section
from training.job import Job
from training.launcher import run_job

ROOT = Path(__file__).parent.parent
DEMO = ROOT / "demo/model"
LOOKS = "kto, with looks"
METHODS: dict[str, tuple[str, dict[str, Any]]] = {
    "kto": ("kto", {}),
    LOOKS: ("kto", {}),
    "dpo": ("dpo", {}),
    "sft": ("sft", {}),
    "sft, every weight": ("sft", {"tuning": "full", "learning_rate": 1e-5}),
}


class Size(NamedTuple):
    """How much is trained: rows, the words of prompt and answer, and rows at once."""

    rows: int
    prompt: int
    answer: int
    batch: int


class Run(NamedTuple):
    """One arm's figures."""

    seconds: float
    peak: float
    device: str


def write_rows(folder: Path, kind: str, size: Size, heldout: int) -> Path:
    """Write rows of words from the demo's documents."""
    rng = Random(1)
    texts = sorted((ROOT / "demo/documents").rglob("*.md"))
    words = " ".join(text.read_text(encoding="utf-8") for text in texts).split()

    def said(role: str, longest: int) -> list[dict[str, str]]:
        # Unequal, as what people write is: batches are padded.
        count = rng.randint(longest // 2, longest)
        return [{"role": role, "content": " ".join(rng.choices(words, k=count))}]

    def row(number: int) -> dict[str, Any]:
        asked = {"prompt": said("user", size.prompt)}
        if kind == "dpo":
            sides = ("chosen", "rejected")
            return asked | {side: said("assistant", size.answer) for side in sides}
        answered = asked | {"completion": said("assistant", size.answer)}
        return answered | ({"label": number % 2 == 0} if kind == "kto" else {})

    folder.mkdir(parents=True)
    for part, count in (("train", size.rows), ("heldout", heldout)):
        lines = "".join(json.dumps(row(n), ensure_ascii=False) + "\n" for n in range(count))
        (folder / f"{part}.jsonl").write_text(lines, encoding="utf-8")
    return folder


def tokens_of(job: Job) -> int:
    """Return how many tokens the job's rows have, prompts and answers, all epochs."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(job.base_model)
    total = 0
    for line in (job.dataset / "train.jsonl").open(encoding="utf-8"):
        row = json.loads(line)
        for side in ("completion", "chosen", "rejected"):
            if side in row:
                whole = [*row["prompt"], *row[side]]
                total += len(tokenizer.apply_chat_template(whole, return_dict=True)["input_ids"])
    return total * int(job.hyper["epochs"])


def ours(job: Job, folder: Path) -> Run:
    """Train by our recipe in its child."""
    shutil.rmtree(folder, ignore_errors=True)
    result = run_job(job, folder)
    shutil.rmtree(job.out)
    return Run(result.metrics["train_seconds"], result.metrics["peak_bytes"], result.device)


def plain(job: Job, folder: Path) -> Run:
    """Train by the plain script."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "plain.json"
    file.write_text(job.model_dump_json(), encoding="utf-8")
    command = ["nice", sys.executable, "-m", "benchmarks.plain_trl", str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"the plain script failed:\n{done.stderr[-3000:]}")
    found = json.loads(done.stdout.splitlines()[-1])
    return Run(found["train_seconds"], found["peak_bytes"], "")


def compare(job: Job, folder: Path, rounds: int) -> tuple[list[Run], list[Run]]:
    """Let both arms take turns; the one that begins changes."""
    mine: list[Run] = []
    theirs: list[Run] = []
    for number in range(rounds):
        for arm in (ours, plain) if number % 2 else (plain, ours):
            run = arm(job, folder / "run")
            (mine if arm is ours else theirs).append(run)
            print(f"  {arm.__name__}: {run.seconds:.1f} s, {run.peak / 2**30:.2f} GiB", flush=True)
    return mine, theirs


def line(method: str, tokens: int, mine: Sequence[Run], theirs: Sequence[Run]) -> list[str]:
    """Return a method's row of the table: medians, and the ratios of each round."""
    ratios = sorted(b.seconds / a.seconds for a, b in zip(mine, theirs, strict=True))
    speeds = [tokens / statistics.median(run.seconds for run in arm) for arm in (mine, theirs)]
    peaks = [statistics.median(run.peak for run in arm) for arm in (mine, theirs)]
    return [
        method,
        f"{tokens:,}",
        *(f"{speed:,.0f}" for speed in speeds),
        f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})",
        *(f"{peak / 2**30:.2f}" for peak in peaks),
        f"{peaks[0] / peaks[1]:.2f}",
    ]


def main() -> None:
    """Measure the methods in turn and write the section."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--methods", nargs="+", choices=list(METHODS), default=list(METHODS))
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    size = Size(96, 60, 40, 16)
    rows, where = [], ""
    with tempfile.TemporaryDirectory() as scratch:
        for method in options.methods:
            print(method, flush=True)
            kind, hyper = METHODS[method]
            folder = Path(scratch) / method.replace(", ", "-").replace(" ", "-")
            heldout = size.rows // 8 if method == LOOKS else 0
            settings = {"epochs": 1, "batch": size.batch, "micro_batch": size.batch}
            job = Job.model_validate(
                {
                    "kind": kind,
                    "base_model": str(DEMO),
                    "dataset": write_rows(folder / "rows", kind, size, heldout),
                    "out": folder / "checkpoint",
                    "name": "benchmark",
                    "hyper": settings | hyper,
                }
            )
            mine, theirs = compare(job, folder, options.rounds)
            where = mine[0].device
            rows.append(line(method, tokens_of(job), mine, theirs))
    head = "recipe, tokens, ours tokens/s, plain tokens/s, ratio, ours GiB, plain GiB, ratio"
    text = (
        f"{size.rows} rows, batch {size.batch}, one epoch, {options.rounds} alternating runs, on "
        f"{where}. Seconds of the trainer's loop; with looks: twice at {size.rows // 8} held-out "
        "rows. Tokens are those of the rows, padding and repeated passes not counted.\n\n"
    )
    write_section("Training", text + table(head.split(", "), rows))


if __name__ == "__main__":
    main()
