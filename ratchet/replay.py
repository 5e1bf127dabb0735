"""Decides again from the evidence of an earlier cycle, by the rules of today.

Invariant: the evidence is as it was recorded; nothing is asked, and nothing is written.
"""

from typing import Any

from eval.evidence import Evidence
from eval.gate import decide
from ratchet.cycles import Cycle, CycleStore
from ratchet.prove import gate_rules
from ratchet.settings import Settings
from ratchet.wiring import open_parts


class NoEvidence(Exception):
    """No cycle with evidence to decide from."""


def decide_again(settings: Settings, number: int | None) -> dict[str, Any]:
    """Return the decisions of a cycle as they were and as they would be now.

    Raises:
        NoEvidence: the cycle never got to its evaluation.
    """
    cycle = _decided(open_parts(settings).cycles, number)
    evidence = Evidence.from_json(cycle.work["evidence"])
    rules = gate_rules(settings)
    try:
        now = {r: decide(known, rules).to_json() for r, known in evidence.candidates.items()}
    except ValueError as err:
        raise NoEvidence(f"cycle {cycle.id} cannot be decided by these rules: {err}") from err
    before = cycle.gate or {}
    same = all(now[r]["decision"] == before.get(r, {}).get("decision") for r in now)
    return {"cycle": cycle.id, "same": same, "before": before, "now": now}


def _decided(cycles: CycleStore, number: int | None) -> Cycle:
    candidates = cycles.decided() if number is None else [cycles.cycle(number)]
    for cycle in reversed(candidates):
        if "evidence" in cycle.work:
            return cycle
    which = "no cycle has" if number is None else f"cycle {number} has not"
    raise NoEvidence(f"{which} reached its evaluation: run `ratchet cycle` first.")


def replay_text(found: dict[str, Any]) -> str:
    """The comparison for people."""
    lines = [f"cycle {found['cycle']}: {'the same' if found['same'] else 'NOT the same'}"]
    for responder, decision in found["now"].items():
        before = found["before"].get(responder, {}).get("decision")
        lines.append(f"{responder}: {before} -> {decision['decision']}: {decision['reason']}")
    return "\n".join(lines)
