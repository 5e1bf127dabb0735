"""The stages that decide over an adapter: load, evaluate, decide, promote.

The candidate is asked through the service's own API, as people are. Invariant: `promote` is the
only stage that changes what is live, for a responder that the gate has passed against
what is live at that moment.
"""

import asyncio
import json
import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from eval.contest import Contest, EvalSettings, Jury, Progress
from eval.evidence import Evidence
from eval.gate import Decision, GateRules, choose, decide
from eval.run import cache_key, evaluate
from eval.stats import JudgeCheck, error_levels
from eval.subjects import Subject
from eval.suite import load_suite
from knowledge.index import current_version
from ratchet.base_model import is_tiny
from ratchet.client import ServiceMissing, ServiceRefused, internal_service, service_url
from ratchet.cycle import CycleRun, Ending
from ratchet.learn import suite_path
from ratchet.settings import Settings
from ratchet.wiring import Parts
from serving.errors import LiveMoved, PromotionHeld
from serving.responders import BASE, of_adapter, parse
from training.launcher import JudgeProcess

logger = logging.getLogger(__name__)

TINY_LENGTH, REAL_LENGTH = 96, 1024
"""Tokens of the longest answer, by the base's size."""
LOOK_EVERY = 0.2
"""Seconds between two looks whether web has loaded the candidate."""


class NotLoaded(Exception):
    """No engine holds the candidate in time."""


class LiveChanged(Exception):
    """What is live is no longer what the candidate was compared with."""


def load(parts: Parts, run: CycleRun) -> str | Ending:
    """Make the adapter the candidate and wait until web has loaded and probed it everywhere."""
    name = run.work["name"]
    parts.registry.set_candidate(name)
    wait_until_loaded(parts, run, name)
    return f"{name} is loaded beside what is live"


def wait_until_loaded(parts: Parts, run: CycleRun, name: str) -> None:
    """Wait for every engine to hold the adapter; an engine that is starting gets its time first.

    Raises:
        NotLoaded: it took too long; the message has what web says of the engines.
    """
    started, ready_since = time.monotonic(), 0.0
    while not parts.registry.reports.loaded_everywhere(name):
        replicas, now = parts.registry.reports.latest(), time.monotonic()
        if not ready_since and any(r.ready for r in replicas):
            ready_since = now
        settings = parts.settings
        limit = settings.evaluation.load_seconds if ready_since else settings.engine.start_seconds
        waited = now - (ready_since or started)
        if waited > limit:
            states = "; ".join(f"{r.url}: {r.detail}" for r in replicas)
            raise NotLoaded(
                f"{name} was not loaded within {waited:.0f} s ({states or 'no engine reported'}): "
                "see logs/web.log and logs/engine.log."
            )
        run.progress(None, f"waiting for web to load {name}")
        time.sleep(LOOK_EVERY)


def gate_rules(settings: Settings) -> GateRules:
    """The gate's rules as the settings have them."""
    return GateRules(judge_floor=settings.judge.min_accuracy, **settings.gate.model_dump())


def temperature(settings: Settings, base: Path) -> float:
    """What people get: the setting, else the model's generation_config, else 1."""
    if settings.evaluation.temperature is not None:
        return settings.evaluation.temperature
    path = base / "generation_config.json"
    config = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return float(config.get("temperature") or 1.0)


def longest_answer(settings: Settings, base: Path) -> int:
    """How many tokens an answer may have: one that is cut would be judged for what it lacks."""
    return settings.evaluation.max_tokens or (TINY_LENGTH if is_tiny(base) else REAL_LENGTH)


def eval_settings(settings: Settings, base: Path, cycle: int) -> EvalSettings:
    """How the evaluation asks; every cycle draws other prompts."""
    evaluation = settings.evaluation
    return EvalSettings(
        streams=evaluation.streams,
        max_tokens=longest_answer(settings, base),
        temperature=temperature(settings, base),
        round_size=evaluation.round_size,
        max_prompts=evaluation.prompts,
        seed=settings.training.seed + cycle,
    )


def index_version(settings: Settings) -> str | None:
    """The index that retrieval uses now; None where this machine holds none."""
    return current_version(settings.home) if (settings.home / "index").is_dir() else None


def contest(parts: Parts, name: str, cache: Mapping[str, Any]) -> Contest:
    """Who meets whom: the adapter's two responders, live, the baseline, base and the best ever."""
    registry, rules = parts.registry, gate_rules(parts.settings)
    candidates = of_adapter(name)
    history = [d["decision"] == "promote" for d in registry.decisions() if d["body"]["spent"]]
    # The first gate may spend most: it goes to the form in which an adapter wins most often.
    likeliest = candidates[::-1]
    levels = error_levels(history, rules.alpha, len(likeliest))
    best = best_ever(parts, cache)
    guards = dict.fromkeys([BASE, *([best] if best else [])])
    return Contest(
        candidates=candidates,
        live=registry.live(),
        levels=dict(zip(likeliest, levels, strict=True)),
        baseline=parts.settings.promotion.baseline,
        guards=tuple(guards),
        rules=rules,
        index_version=index_version(parts.settings),
        versions={name: versioned(parts, name) for name in (*candidates, registry.live(), *guards)},
    )


def versioned(parts: Parts, responder: str) -> str:
    """A responder's name with its adapter's fingerprint: names start again in a new database."""
    adapter = parse(responder).adapter
    record = parts.registry.adapter(adapter) if adapter else None
    return f"{responder}#{record.fingerprint[:16]}" if record else responder


def best_ever(parts: Parts, cache: Mapping[str, Any]) -> str | None:
    """Of all that was ever live, the one with most right answers to today's reference questions.

    It need not be loaded any more: its answers to these very questions are in the cache.
    """
    suite = load_suite(suite_path(parts.settings))
    was_live = {d.responder for d in parts.registry.deployments()}
    version, length = index_version(parts.settings), longest_answer(parts.settings, parts.base)
    answers = {
        name: cache.get(cache_key(versioned(parts, name), suite, version, length), {})
        for name in was_live
    }
    right = {
        name: sum(bool(score[0]) for score in scores.values())
        for name, scores in answers.items()
        if len(scores) == len(suite.reference)
    }
    return max(right, key=lambda name: (right[name], name), default=None)


def evaluate_candidate(parts: Parts, run: CycleRun) -> str | Ending:
    """Ask candidate, live, baseline and base, and keep the evidence."""
    wait_until_loaded(parts, run, run.work["name"])  # after a restart it may not be, yet
    cache_file = parts.settings.home / "jobs" / f"reference-{parts.base_hash}.json"
    cache = json.loads(cache_file.read_text(encoding="utf-8")) if cache_file.is_file() else {}
    if index_version(parts.settings) is None:
        cache = {}  # web's index is elsewhere, so nobody here knows whether it is still the same
    fitted = run.work.get("judge")
    if fitted is None:
        evidence = asyncio.run(_ask(parts, run, Jury(None, None), cache))
    else:
        check = JudgeCheck(**fitted["check"])
        with JudgeProcess(Path(fitted["folder"]), str(parts.base)) as scorer:
            evidence = asyncio.run(_ask(parts, run, Jury(scorer, check), cache))
    temporary = cache_file.with_suffix(".new")
    temporary.write_text(json.dumps(cache), encoding="utf-8")
    temporary.replace(cache_file)
    run.keep(evidence=evidence.to_json())
    rates = ", ".join(f"{name} {r.right}/{r.total}" for name, r in evidence.rates.items())
    return f"{len(evidence.prompts)} comparisons a contest; right answers: {rates}"


async def _ask(parts: Parts, run: CycleRun, jury: Jury, cache: dict[str, Any]) -> Evidence:
    settings = parts.settings
    suite = load_suite(suite_path(settings))

    def report(progress: Progress) -> None:
        # Reference questions come first and are about half of the work.
        share = progress.done / max(progress.total, 1)
        half = share / 2 if progress.stage == "reference" else 0.5 + share / 2
        run.progress(half, f"{progress.stage} {progress.done}/{progress.total}: {progress.detail}")

    async with Subject(service_url(settings), settings.secret("internal.key")) as subject:
        return await evaluate(
            contest(parts, run.work["name"], cache),
            suite,
            subject,
            jury,
            eval_settings(settings, parts.base, run.id),
            cache=cache,
            on_progress=report,
        )


def decide_candidate(parts: Parts, run: CycleRun) -> str | Ending:
    """Let the gate decide on each responder of the adapter, and keep its reasons."""
    evidence = Evidence.from_json(run.work["evidence"])
    rules = gate_rules(parts.settings)
    decisions = [decide(known, rules) for known in evidence.candidates.values()]
    known = {(d["cycle"], d["responder"]) for d in parts.registry.decisions()}
    for decision in decisions:
        if (str(run.id), decision.responder) not in known:  # a restart must not spend twice
            parts.registry.record_decision(str(run.id), decision.responder, decision.to_json())
    chosen = choose(decisions)
    run.keep(gate={d.responder: d.to_json() for d in decisions}, chosen=chosen)
    if chosen is None:
        return undecided(decisions)
    return f"{chosen} passed the gate"


def undecided(decisions: list[Decision]) -> Ending:
    """How a cycle ends of which no responder passed: too little evidence is not a no."""
    pending = [d for d in decisions if d.decision == "pending"]
    shown = pending or decisions
    said: dict[str, list[str]] = {}
    for decision in shown:
        said.setdefault(decision.reason, []).append(decision.responder)
    reasons = " ".join(f"{' and '.join(names)}: {reason}" for reason, names in said.items())
    return Ending("pending" if pending else "rejected", reasons)


def promote(parts: Parts, run: CycleRun) -> str | Ending:
    """Make the winner live, unless a person has to say so first."""
    chosen, cycle = run.work["chosen"], run.cycle
    reason = _why(run)
    if not has_promoted(parts, run):
        # Else a restart finds its promotion done, and perhaps rolled back by somebody since.
        waiting = _waits_for_a_person(parts, chosen)
        if waiting:
            return waiting
        if not parts.registry.reports.loaded_everywhere(run.work["name"]):
            raise NotLoaded(f"{chosen} is no longer loaded: see logs/engine.log, and try again.")
        run.check()
        compared = run.work["evidence"]["live"]
        try:
            parts.registry.promote(
                chosen, reason=reason, actor="cycle", instead_of=compared, unless_held=True
            )
        except PromotionHeld as held:
            return Ending("awaiting", f"{chosen} passed the gate; {held.message}")
        except LiveMoved as err:
            raise LiveChanged(
                f"{err.message}, with which {chosen} was compared: start another cycle, or "
                "promote it by hand."
            ) from err
    run.keep(promoted=chosen)
    confirmed = _web_follows(parts, chosen)
    unseen = "" if confirmed else " Web has not confirmed it yet."
    return Ending("promoted", f"{chosen} is live. {(cycle.gate or {})[chosen]['reason']}{unseen}")


def has_promoted(parts: Parts, run: CycleRun) -> bool:
    """Whether this cycle has moved `live`, perhaps before a restart."""
    return any(d.reason == _why(run) for d in parts.registry.deployments())


def _why(run: CycleRun) -> str:
    return f"cycle {run.id}: passed the gate"


def _web_follows(parts: Parts, responder: str) -> bool:
    """Wait until web's next request is answered by what was promoted."""
    service = internal_service(parts.settings)
    deadline = time.monotonic() + parts.settings.promotion.wait_seconds
    try:
        while time.monotonic() < deadline:
            try:
                if service.call("GET", "/readyz")["live"] == responder:
                    return True
            except (ServiceMissing, ServiceRefused) as err:
                logger.warning("Waiting for web to go by the promotion: %s", err)
            if parts.registry.live() != responder:
                return True  # somebody was quicker and moved on from it
            time.sleep(LOOK_EVERY)
    finally:
        service.close()
    return False


def _waits_for_a_person(parts: Parts, chosen: str) -> Ending | None:
    held = parts.registry.held()
    if held:
        return Ending("awaiting", f"{chosen} passed the gate; held by {held.actor}: {held.reason}")
    if parts.settings.promotion.mode == "approve":
        return Ending("awaiting", f"{chosen} passed the gate and waits for an operator's approval.")
    return None
