"""The judge: the base model with one output more, fitted on votes that no adapter learns from.

It reads a question and an answer, never the passages: it must not know which responder had some.
The base itself stays as it is. What it makes of an answer (its last hidden states, and how likely
it finds the answer's words) goes through one linear output with binary cross-entropy. With sixty
votes every weight more is noise, so the weights are shrunk, and how much is chosen by
cross-validation over questions.

Invariant: the check part is scored, never fitted on; the result carries scores and labels, and
whether the judge may count is for others to decide.
"""

import json
import os
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TextIO

import torch
from safetensors.torch import load_file, save_file

from training.dataset import read_rows
from training.job import Job, JobResult, Progress, RewardSettings, RowCounts
from training.recipes.heldout import Report
from training.recipes.loading import device, load_base, versions
from training.recipes.tokens import Tokens, tokenise
from training.similarity import normalise

HEAD = "head.safetensors"
SETTINGS = "judge.json"
STRENGTHS = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
"""Weights of the penalty to choose from."""
_BATCH = 32
# Liked and disliked rows per fold that are needed before a held-back fold says anything.
_FEWEST = 2


class Head(NamedTuple):
    """One linear output over standardised features."""

    mean: torch.Tensor
    scale: torch.Tensor
    weight: torch.Tensor
    bias: torch.Tensor

    def logits(self, features: torch.Tensor) -> torch.Tensor:
        """Return a logit for every row of features."""
        return (features - self.mean) / self.scale @ self.weight + self.bias


def train(job: Job, report: Report) -> JobResult:
    """Fit the judge on the judge part of a dataset, and score the check part with it.

    Raises:
        ValueError: the judge part is all liked or all disliked, so there is no taste to learn.
    """
    started = time.monotonic()
    settings = RewardSettings.model_validate(job.hyper)
    judged, checked = read_rows(job.dataset, "judge"), read_rows(job.dataset, "check")
    labels = torch.tensor([row["label"] for row in judged], dtype=torch.float64)
    if not 0 < labels.sum() < len(labels):
        raise ValueError(
            f"a judge cannot be fitted: {int(labels.sum())} of its {len(labels)} votes like the "
            "answer, and it needs votes of both kinds"
        )
    report(Progress(stage="load"))
    reader = Reader(job.base_model, settings.max_length)
    report(Progress(stage="prepare", percent=20.0))
    features = reader.read([(row["prompt"], row["completion"][0]["content"]) for row in judged])
    report(Progress(stage="train", percent=60.0))
    questions = [normalise(row["prompt"][-1]["content"]) for row in judged]
    strength, loss = choose_strength(features, labels, questions, settings.folds)
    head = fit(features, labels, strength)
    report(Progress(stage="score", percent=80.0, loss=loss))
    answers = [(row["prompt"], row["completion"][0]["content"]) for row in checked]
    scores = head.logits(reader.read(answers)).sigmoid().tolist() if answers else []
    _save(job.out, head, job.base_model, settings.max_length)
    liked = int(labels.sum())
    return JobResult(
        kind=job.kind,
        name=job.name,
        job=job.fingerprint,
        checkpoint=job.out,
        seconds=round(time.monotonic() - started, 2),
        rows=RowCounts(train=len(judged), liked=liked, disliked=len(judged) - liked),
        metrics={"loss": loss, "strength": strength},
        check_scores=[round(score, 6) for score in scores],
        check_labels=[bool(row["label"]) for row in checked],
        device=device(),
        versions=versions(),
    )


def serve(folder: Path, base_model: str, requests: TextIO, lines: TextIO) -> None:
    """Answer every line of requests with a line of scores; the first line says `ready`."""
    settings = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
    reader = Reader(base_model, settings["max_length"])
    head = Head(**load_file(folder / HEAD))
    _say(lines, [])
    for request in requests:
        answers = [(row["prompt"], row["text"]) for row in json.loads(request)]
        _say(lines, head.logits(reader.read(answers)).sigmoid().tolist() if answers else [])


class Reader:
    """What the base makes of answers, as rows of numbers."""

    def __init__(self, base_model: str, max_length: int) -> None:
        self._base = load_base(base_model)
        self._base.model.eval()
        self._max_length = max_length

    def read(self, answers: Sequence[tuple[Sequence[Mapping[str, str]], str]]) -> torch.Tensor:
        """Return one row of features for every conversation and answer."""
        base = self._base
        rows = [
            tokenise(base.tokenizer, prompt, [{"role": "assistant", "content": text}], base.ends)
            for prompt, text in answers
        ]
        # The answer's end is what is judged: a row that is too long loses the start of its prompt.
        rows = [Tokens(r.ids[-self._max_length :], r.start - len(r.ids)) for r in rows]
        order = sorted(range(len(rows)), key=lambda index: len(rows[index].ids))
        features: list[torch.Tensor] = [torch.empty(0)] * len(rows)
        for first in range(0, len(order), _BATCH):
            batch = order[first : first + _BATCH]
            for index, row in zip(batch, self._features([rows[i] for i in batch]), strict=True):
                features[index] = row
        return torch.stack(features)

    def _features(self, rows: Sequence[Tokens]) -> list[torch.Tensor]:
        width = max(len(row.ids) for row in rows)
        ids = torch.full((len(rows), width), self._base.tokenizer.pad_token_id)
        mask = torch.zeros((len(rows), width), dtype=torch.long)
        for index, row in enumerate(rows):
            ids[index, : len(row.ids)] = torch.tensor(row.ids)
            mask[index, : len(row.ids)] = 1
        with torch.inference_mode():
            output = self._base.model(
                input_ids=ids.to(device()),
                attention_mask=mask.to(device()),
                output_hidden_states=True,
            )
        found = []
        for index, row in enumerate(rows):
            end = len(row.ids)
            start = max(1, end + row.start)
            said = ids[index, start:end].to(device())
            surprise = torch.nn.functional.cross_entropy(
                output.logits[index, start - 1 : end - 1].float(), said, reduction="none"
            )
            states = output.hidden_states[-1][index, start:end].float()
            likely = torch.stack([surprise.mean(), surprise.max(), surprise.sum()])
            found.append(torch.cat([states[-1], states.mean(0), likely]).double().cpu())
        return found


def choose_strength(
    features: torch.Tensor, labels: torch.Tensor, questions: Sequence[str], folds: int
) -> tuple[float, float]:
    """Return the penalty with the lowest loss on held-back questions, and that loss."""
    # Questions in order of their text, dealt in turn: no seed, and no question in two folds.
    names = sorted(set(questions))
    fold_of = {name: index % folds for index, name in enumerate(names)}
    folded = torch.tensor([fold_of[name] for name in questions])
    losses = dict.fromkeys(STRENGTHS, 0.0)
    counted = 0
    for fold in range(folds):
        seen = folded != fold
        liked = int(labels[seen].sum())
        if not (~seen).any() or min(liked, int(seen.sum()) - liked) < _FEWEST:
            continue
        counted += int((~seen).sum())
        for strength in STRENGTHS:
            logits = fit(features[seen], labels[seen], strength).logits(features[~seen])
            losses[strength] += float(
                torch.nn.functional.binary_cross_entropy_with_logits(
                    logits, labels[~seen], reduction="sum"
                )
            )
    if not counted:
        return STRENGTHS[-1], float("nan")
    best = min(STRENGTHS, key=lambda strength: losses[strength])
    return best, losses[best] / counted


def fit(features: torch.Tensor, labels: torch.Tensor, strength: float) -> Head:
    """Fit one linear output with binary cross-entropy; both labels weigh the same."""
    mean, scale = features.mean(0), features.std(0).clamp_min(1e-6)
    inputs = (features - mean) / scale
    share = labels.mean()
    weights = torch.where(labels > 0, 0.5 / share, 0.5 / (1 - share))
    weight = torch.zeros(features.shape[1], dtype=features.dtype, requires_grad=True)
    bias = torch.zeros((), dtype=features.dtype, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        value = torch.nn.functional.binary_cross_entropy_with_logits(
            inputs @ weight + bias, labels, weight=weights
        )
        value = value + strength * weight.square().sum()
        value.backward()
        return value

    optimizer.step(loss)
    return Head(mean, scale, weight.detach(), bias.detach())


def _save(out: Path, head: Head, base_model: str, max_length: int) -> None:
    draft = out.with_name(f".{out.name}.draft")
    for folder in (draft, out):
        shutil.rmtree(folder, ignore_errors=True)
    draft.mkdir(parents=True)
    save_file({name: value.contiguous() for name, value in head._asdict().items()}, draft / HEAD)
    settings = {"base_model": base_model, "max_length": max_length}
    (draft / SETTINGS).write_text(json.dumps(settings, indent=2), encoding="utf-8")
    os.rename(draft, out)


def _say(lines: TextIO, scores: Sequence[float]) -> None:
    lines.write(json.dumps([round(score, 6) for score in scores]) + "\n")
    lines.flush()
