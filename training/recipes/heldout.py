"""The look at rows that training never sees, and the best state that they found.

More training is not better: one epoch too many, and the model forgets what it knew. So every half
epoch the model is measured on held-out rows, and the best state is what is saved.

Invariant: the reference of votes is the base itself; a look changes neither weights nor randomness.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from transformers import TrainerCallback

from training.job import Look, PreferenceSettings, Progress
from training.recipes.loading import Base
from training.recipes.tokens import Tokens, tokenise

Report = Callable[[Progress], None]


class Answers:
    """Answers as tokens, and what a model thinks of them."""

    def __init__(self, tokens: Sequence[Tokens], pad: int, batch: int) -> None:
        """Take at most `batch` rows at once, each padded by the token `pad`."""
        self._tokens = tokens
        self._pad = pad
        self._batch = batch

    def measure(self, model: Any) -> torch.Tensor:
        """Return for each answer its log-probability and how many tokens were guessed: (n, 2)."""
        was_training = model.training
        model.eval()
        firsts = range(0, len(self._tokens), self._batch)
        with torch.inference_mode():
            found = [self._of(model, self._tokens[i : i + self._batch]) for i in firsts]
        model.train(was_training)
        return torch.cat(found) if found else torch.empty(0, 2)

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
        guessed = (logits.argmax(-1) == targets).sum(-1)
        return torch.stack([-losses.sum(-1), guessed.float()], -1).cpu()


class HeldOut:
    """Votes that training never sees, and how well a policy agrees with them."""

    def __init__(
        self, rows: Sequence[Mapping[str, Any]], base: Base, settings: PreferenceSettings
    ) -> None:
        self._beta = settings.beta
        found: list[tuple[Tokens, bool]] = []
        for row in rows:
            for name in ("completion", "chosen", "rejected"):
                if name in row:
                    label = row["label"] if name == "completion" else name == "chosen"
                    tokens = tokenise(base.tokenizer, row["prompt"], row[name], base.ends)
                    found.append((Tokens(tokens.ids[: settings.max_length], tokens.start), label))
        # By length: a batch is as wide as its longest row.
        found.sort(key=lambda item: len(item[0].ids))
        ordered = [answer for answer, _ in found]
        self._answers = Answers(ordered, base.tokenizer.pad_token_id, settings.micro_batch)
        self._labels = torch.tensor([label for _, label in found], dtype=torch.bool)
        self._reference = self._answers.measure(base.model)[:, 0]

    def __bool__(self) -> bool:
        """Say whether there is anything to agree with: both liked and disliked answers."""
        return bool(len(self._labels) and self._labels.any() and not self._labels.all())

    def look(self, model: Any, step: int) -> Look:
        """Measure a policy."""
        ratios = self._answers.measure(model)[:, 0] - self._reference
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


class HeldOutAnswers:
    """Answers as they should be, which training never sees."""

    def __init__(self, tokens: Sequence[Tokens], pad: int, batch: int) -> None:
        ordered = sorted(tokens, key=lambda row: len(row.ids))
        self._answers = Answers(ordered, pad, batch)
        self._count = sum(len(row.ids) - row.start for row in ordered)

    def __bool__(self) -> bool:
        """Say whether there are any."""
        return self._count > 0

    def look(self, model: Any, step: int) -> Look:
        """Measure how likely a model finds the answers, token by token."""
        log_probability, guessed = (self._answers.measure(model).sum(0) / self._count).tolist()
        return Look(step=step, loss=-log_probability, value=log_probability, accuracy=guessed)


class Watch(TrainerCallback):
    """Reports every step, looks at held-out rows, and remembers the best state."""

    def __init__(self, heldout: HeldOut | HeldOutAnswers, looks: int, report: Report) -> None:
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
                name: value.detach().to("cpu", copy=True)
                for name, value in model.named_parameters()
                if value.requires_grad
            }

    def restore_best(self, model: Any) -> None:
        """Put the best state back, if held-out rows could tell which it was."""
        with torch.no_grad():
            for name, value in model.named_parameters():
                if name in self.best:
                    value.copy_(self.best[name])
