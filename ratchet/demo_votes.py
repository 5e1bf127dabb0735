"""Lets the simulated people of the demo vote through the running service.

Invariant: they come over the public API, like anybody; nothing is written to the database here.
"""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from demo.voters import vote
from ratchet.client import operator_service, service_url
from ratchet.settings import Settings


def cast_votes(
    settings: Settings,
    show: Callable[[float, str], None],
    *,
    votes: int,
    users: int,
    seed: int,
    noise: float,
    adversaries: float,
) -> dict[str, Any]:
    """Give the votes and return what was said.

    Raises:
        ServiceMissing: there is no service.
        AskingFailed: it refused something.
    """
    service = operator_service(settings)
    try:
        service.call("GET", "/v1/models")  # says at once, and how to start it, if it is not there
    finally:
        service.close()
    report = vote(
        service_url(settings),
        votes=votes,
        users=users,
        seed=seed,
        noise=noise,
        adversaries=adversaries,
        # Once there are keys, or off loopback, only a known caller may speak for others.
        key=settings.secret("operator.token") or None,
        on_progress=lambda done, total: show(done / total, f"{done}/{total}"),
    )
    return asdict(report)
