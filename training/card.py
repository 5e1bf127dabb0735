"""An adapter's model card: what it learned from, by which method, and how held-out votes liked it.

Invariant: a card states what a job's result and its dataset's manifest say, and no verdict.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from training.job import JobResult


@dataclass(frozen=True)
class Card:
    """What an adapter learned from: the front of its model card."""

    method: str
    base_model: str
    base_hash: str
    dataset: str
    rows: int
    answers: int
    people: int
    created: str
    """ISO 8601, UTC."""
    cycle: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)


def describe(
    result: JobResult,
    manifest: Mapping[str, Any],
    *,
    base_model: str,
    base_hash: str,
    created: str,
    cycle: str = "",
) -> Card:
    """Write the card of what a job trained, from its result and its dataset's manifest."""
    ids = [*manifest["sources"]["train"], *manifest["sources"]["heldout"]]
    answers = {i for item in ids for i in ([item] if isinstance(item, str) else item)}
    best = [look for look in result.heldout if look.step == result.best_step]
    metrics = {"steps": float(result.best_step)}
    for look in best:
        metrics |= {"accuracy": look.accuracy, "loss": look.loss}
    return Card(
        method=result.kind,
        base_model=base_model,
        base_hash=base_hash,
        dataset=manifest["hash"],
        rows=result.rows.train,
        answers=len(answers),
        people=manifest["people"]["train"],
        created=created,
        cycle=cycle,
        metrics=metrics,
        versions=result.versions,
    )


def render(name: str, card: Card) -> str:
    """Write a card as Markdown, with the front matter that PEFT's tools read."""
    figures = "".join(f"| {key} | {value:.4g} |\n" for key, value in sorted(card.metrics.items()))
    versions = ", ".join(f"{key} {value}" for key, value in sorted(card.versions.items()))
    return f"""---
library_name: peft
base_model: {card.base_model}
tags: [ratchet, lora, {card.method}]
---

# {name}

A LoRA adapter that Ratchet trained from what people said about its answers.

| | |
|---|---|
| method | {card.method} |
| base model | `{card.base_model}` (`{card.base_hash}`) |
| dataset | `{card.dataset}` |
| learned from | {card.rows} rows from {card.answers} answers that {card.people} people judged |
| cycle | {card.cycle or "none"} |
| created | {card.created} |
| trained with | {versions or "unknown"} |

Held-out votes of the same people, from questions that were not trained on:

| | |
|---|---|
{figures or "| not measured | |" + chr(10)}
It was trained on the base itself, not on an earlier adapter, and it does nothing without that base.
Whether it is better than what was live before is not for this card to say: the gate's decision is
in the service's registry.
"""
