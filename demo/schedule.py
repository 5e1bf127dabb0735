"""The plan of the demo model's training: how fast to learn, and what to draw, at each part of it.

Invariant: everything is a function of the part of the time that has passed, so a shorter training
is the same one, only coarser.
"""

from dataclasses import dataclass

from demo.model_data import Mix


@dataclass(frozen=True)
class Plan:
    """How long and how to train."""

    minutes: float
    length: int = 320
    batch: int = 8
    """Rows a step in each process."""
    rate: float = 2.5e-3
    warmup: int = 60
    falling_from: float = 0.5
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
