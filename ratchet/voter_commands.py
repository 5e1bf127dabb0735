"""The commands about voters: who moves the next round how much; block, restore, comment.

Invariant: the report is that of the plan, made by the same functions as a cycle.
"""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from ratchet.console import result
from ratchet.settings import load_settings

Json = Annotated[bool, typer.Option("--json", help="Print exactly one JSON object.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it is kept in the history.")]


def register(feedback: typer.Typer) -> None:
    """Add these commands to those about feedback."""
    feedback.command("voters")(voters)
    feedback.command("block")(block)
    feedback.command("restore")(restore)
    feedback.command("comment")(comment)


def voters(
    method: Annotated[str, typer.Option(help="auto, kto or dpo.")] = "auto", as_json: Json = False
) -> None:
    """Say by name how much each voter would move the next round, and what operators decided."""
    from feedback.standing import Standings
    from ratchet.plan import plan_cycle
    from ratchet.wiring import open_store
    from training.voters import lines

    settings = load_settings()
    report = plan_cycle(settings, method)["trust"]
    decisions = Standings(open_store(settings).database).history()
    found = {"voters": report, "decisions": [asdict(each) for each in decisions]}

    def text() -> str:
        said = [f"{d.action}: {d.person}, by {d.actor}: {d.comment}" for d in decisions]
        return "\n".join([*lines(report, most=len(report)), *said]) or "nobody has voted yet"

    result(found, as_json, text)


def block(person: str, reason: Reason, as_json: Json = False) -> None:
    """Leave out all that a person says, from the next round on; nothing is deleted."""
    _decide("block", person, reason, as_json)


def restore(person: str, reason: Reason, as_json: Json = False) -> None:
    """Give a person their word back, whatever the rules of trust make of their votes."""
    _decide("restore", person, reason, as_json)


def comment(person: str, reason: Reason, as_json: Json = False) -> None:
    """Keep a comment on a person; it changes nothing."""
    _decide("comment", person, reason, as_json)


def _decide(action: Any, person: str, reason: str, as_json: bool) -> None:
    from feedback.standing import Standings
    from ratchet.wiring import open_store

    database = open_store(load_settings()).database
    made = Standings(database).decide(person, action, reason, "command line")
    result(asdict(made), as_json, lambda: f"{made.action}: {made.person}: {made.comment}")
