"""Asks responders the reference questions through the running service, and compares them.

Invariant: it decides nothing and writes nothing; the answers are marked as evaluation.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from eval.scorers import ReferenceScore, score_reference
from eval.stats import wilson
from eval.subjects import Subject
from eval.suite import Suite, load_suite
from ratchet.base_model import base_path
from ratchet.client import internal_service, service_url
from ratchet.console import table
from ratchet.learn import suite_path
from ratchet.prove import longest_answer
from ratchet.settings import Settings

Show = Callable[[str, float | None, str, str], None]


def compare(settings: Settings, responders: Sequence[str], show: Show) -> dict[str, Any]:
    """Ask each responder every reference question once, at temperature 0."""
    suite = load_suite(suite_path(settings))
    service = internal_service(settings)
    try:
        service.call("GET", "/v1/models")  # says at once, and how to start it, if it is not there
    finally:
        service.close()
    found = asyncio.run(_ask(settings, suite, responders, show))
    return {"suite": suite.hash, "questions": len(suite.reference), "responders": found}


async def _ask(
    settings: Settings, suite: Suite, responders: Sequence[str], show: Show
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    prompts = [sample.messages for sample in suite.reference]
    evaluation = settings.evaluation
    async with Subject(service_url(settings), settings.secret("internal.key")) as subject:
        for responder in responders:
            done = 0

            def answered(responder: str = responder) -> None:
                nonlocal done
                done += 1
                show(responder, done / len(prompts), f"{done}/{len(prompts)}", "running")

            answers = await subject.ask(
                responder,
                prompts,
                temperature=0.0,
                streams=evaluation.streams,
                max_tokens=longest_answer(settings, base_path(settings)),
                on_answer=answered,
            )
            scores = [
                score_reference(sample, answer.text)
                for sample, answer in zip(suite.reference, answers, strict=True)
                if answer.ok
            ]
            errors = [answer.error for answer in answers if answer.error]
            found[responder] = _summary(scores, errors)
            show(responder, 1.0, f"{found[responder]['right']}/{len(prompts)} right", "done")
    return found


def _summary(scores: Sequence[ReferenceScore], errors: Sequence[str]) -> dict[str, Any]:
    right = sum(score.right for score in scores)
    rate = wilson(right, len(scores))
    articles = [s.article_right for s in scores if s.article_right is not None]
    return {
        "right": right,
        "answered": len(scores),
        "rate": round(rate.estimate, 4),
        "interval": [round(rate.low, 4), round(rate.high, 4)],
        "article_right": sum(articles),
        "article_total": len(articles),
        "failed": len(errors),
        "example": errors[0] if errors else None,
    }


def compare_text(found: dict[str, Any]) -> str:
    """The comparison for people."""
    rows = [
        (
            name,
            f"{r['right']}/{r['answered']}",
            f"{r['interval'][0]:.0%} to {r['interval'][1]:.0%}",
            f"{r['article_right']}/{r['article_total']}",
            r["failed"],
        )
        for name, r in found["responders"].items()
    ]
    return table(("responder", "right", "95 %", "article right", "failed"), rows)
