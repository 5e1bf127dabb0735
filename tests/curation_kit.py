"""Rows as curation gets them, each with what matters to a test and defaults for the rest."""

from typing import Any

from training.curation import Curated, curate
from training.preferences import PreferencePair, Preferences, UnpairedPreference
from training.served import Turns


def turns(text: str, role: str = "user") -> Turns:
    return ({"role": role, "content": text},)


def row(number: int, person: str = "ada", liked: bool = True, **changes: Any) -> UnpairedPreference:
    question = changes.pop("question", f"What about question number {number}?")
    prompt = turns(f"Passages for {question}") if changes.pop("passages", False) else None
    fields: dict[str, Any] = {
        "prompt": prompt or turns(question),
        "completion": turns(changes.pop("text", f"Answer {number}"), "assistant"),
        "label": liked,
        "person": person,
        "completion_id": f"id-{number:05d}",
        "origin": "vote",
        "created": float(number),
        "question": turns(question),
        "by_heart": True,
        **changes,
    }
    return UnpairedPreference(**fields)


def pair(number: int, person: str = "ada", **changes: Any) -> PreferencePair:
    fields: dict[str, Any] = {
        "prompt": turns(f"Question {number}?"),
        "chosen": turns("good", "assistant"),
        "rejected": turns("bad", "assistant"),
        "person": person,
        "chosen_id": f"good-{number}",
        "rejected_id": f"bad-{number}",
        "origin": "comparison",
        "created": float(number),
        "question": turns(f"Question {number}?"),
        "by_heart": True,
        **changes,
    }
    return PreferencePair(**fields)


def people(count: int, each: int, **changes: Any) -> list[UnpairedPreference]:
    return [
        row(p * each + n, f"person-{p}", n % 2 == 0, **changes)
        for p in range(count)
        for n in range(each)
    ]


def rounds(rows: list[UnpairedPreference], **options: Any) -> Curated:
    preferences = Preferences(tuple(rows), options.pop("pairs", ()), {})
    return curate(preferences, **{"method": "kto", "seed": 1, **options})
