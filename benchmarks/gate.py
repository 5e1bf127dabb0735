"""How often the gate errs: simulated candidates through the product's stopping rule and `decide`.

Run `python -m benchmarks.gate`; it writes its section of benchmarks/RESULTS.md. Only the answers
are simulated; the rounds, the stopping and the decision are the code that the service runs. Beside
it stands what people do without a gate: look at a z-test again and again.
"""

import argparse
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.results import table, write_section
from eval.contest import EvalSettings
from eval.evidence import Asked, CandidateEvidence, Paired, Preference
from eval.gate import Decision, GateRules, decide, surely_lower
from eval.run import ended
from eval.stats import JudgeCheck, error_levels

JUDGE = JudgeCheck(liked=60, liked_right=52, disliked=60, disliked_right=51)
QUESTIONS = 440
TIES = 0.2
LIVE, BASELINE = "ratchet-0001", "rag"


@dataclass(frozen=True)
class Truth:
    """What a simulated candidate is really like."""

    against_live: float = 0.5
    """Its chance to win a decided comparison with live."""
    against_baseline: float = 0.5
    more_right: float = 0.0
    """By how much its share of right reference answers is higher than both others'."""
    disagreement: float = 0.1
    """The share of reference questions that only one side gets right."""

    @property
    def better(self) -> bool:
        """Whether it deserves to be promoted."""
        return min(self.against_live, self.against_baseline) > 0.5


def gate(
    truth: Truth,
    level: float,
    rng: np.random.Generator,
    rules: GateRules | None = None,
    settings: EvalSettings | None = None,
) -> Decision:
    """Simulate one evaluation, round by round, and decide."""
    rules, settings = rules or GateRules(), settings or EvalSettings()
    evidence = CandidateEvidence(
        responder="ratchet-0002",
        live=LIVE,
        baseline=BASELINE,
        guards=(),
        level=level,
        judge=JUDGE,
        reference={name: _reference(truth, rng) for name in (LIVE, BASELINE)},
        asked={"ratchet-0002": Asked(asked=QUESTIONS)},
    )
    rates = {LIVE: truth.against_live, BASELINE: truth.against_baseline}
    seen = {} if surely_lower(evidence, rules) else dict.fromkeys(rates, Preference())
    left = settings.max_prompts
    while left and any(not one.ended for one in seen.values()):
        size = min(settings.round_size, left)
        left -= size
        for name, one in seen.items():
            if not one.ended:
                seen[name] = _round(one, rates[name], size, rng)
        evidence = replace(evidence, preference=dict(seen))
        for name, one in seen.items():
            if not one.ended:
                seen[name] = replace(one, ended=ended(one, evidence, rules, left))
        if any(one.ended not in ("", "won") for one in seen.values()):
            break
    return decide(replace(evidence, preference=dict(seen)), rules)


def _round(seen: Preference, rate: float, size: int, rng: np.random.Generator) -> Preference:
    wins, losses, ties = rng.multinomial(size, [(1 - TIES) * rate, (1 - TIES) * (1 - rate), TIES])
    return replace(
        seen,
        wins=seen.wins + int(wins),
        losses=seen.losses + int(losses),
        ties=seen.ties + int(ties),
    )


def _reference(truth: Truth, rng: np.random.Generator) -> Paired:
    more = (truth.disagreement + truth.more_right) / 2
    fewer = (truth.disagreement - truth.more_right) / 2
    rest = 1 - truth.disagreement
    counts = rng.multinomial(QUESTIONS, [0.95 * rest, more, fewer, 0.05 * rest])
    return Paired(*(int(count) for count in counts))


def rate_of(truth: Truth, level: float, runs: int, seed: int, verdict: str = "promote") -> float:
    """Return how often single gates at this level reach the verdict."""
    rng = np.random.default_rng(seed)
    return sum(gate(truth, level, rng).decision == verdict for _ in range(runs)) / runs


def naive_rate(runs: int, votes: int, seed: int, every: int = 10) -> float:
    """Return how often a one-sided 5 % z-test, looked at again and again, promotes an equal."""
    rng = np.random.default_rng(seed)
    wins = np.cumsum(rng.random((runs, votes)) < 0.5, axis=1)[:, every - 1 :: every]
    looks = np.arange(every, votes + 1, every)
    return float((((2 * wins - looks) / np.sqrt(looks)) > 1.6449).any(axis=1).mean())


Spending = Callable[[Sequence[bool], float], float]


def e_lond(history: Sequence[bool], alpha: float) -> float:
    """Spend as the product does."""
    return error_levels(history, alpha)[0]


def by_cycle(history: Sequence[bool], alpha: float) -> float:
    """Spend alpha * 6 / (pi t)^2, whatever was promoted: the gate freezes."""
    return alpha * 6 / (math.pi * (len(history) + 1)) ** 2


def unspent(_: Sequence[bool], alpha: float) -> float:
    """Give every gate the whole error: promotions by luck pile up."""
    return alpha


@dataclass(frozen=True)
class Sequences:
    """What became of many sequences of gates."""

    any_false: float
    """Share of sequences with at least one false promotion."""
    false_share: float
    """Mean share of false ones among a sequence's promotions (0 without promotions): the FDR."""
    found_early: float
    """Share of the better candidates that were promoted in the first ten gates."""
    found_late: float
    """The same in the last ten."""


def sequences(
    spending: Spending, better_share: float, better: Truth, runs: int, gates: int, seed: int
) -> Sequences:
    """Simulate sequences of gates where some candidates are better and the others equal to live.

    The others beat the baseline, so that one of the two comparisons alone has to hold them.
    """
    rng = np.random.default_rng(seed)
    worse = Truth(against_live=0.5, against_baseline=0.85)
    alpha = GateRules().alpha
    false_shares, found = [], {"early": [0, 0], "late": [0, 0]}
    for _ in range(runs):
        history: list[bool] = []
        false = 0
        for number in range(gates):
            truth = better if rng.random() < better_share else worse
            decision = gate(truth, spending(history, alpha), rng)
            promoted = decision.decision == "promote"
            if decision.spent:
                history.append(promoted)
            false += promoted and not truth.better
            part = "early" if number < 10 else "late" if number >= gates - 10 else None
            if part and truth.better:
                found[part][0] += promoted
                found[part][1] += 1
        false_shares.append((false, false / max(1, sum(history))))
    return Sequences(
        any_false=sum(count > 0 for count, _ in false_shares) / runs,
        false_share=sum(share for _, share in false_shares) / runs,
        found_early=found["early"][0] / max(1, found["early"][1]),
        found_late=found["late"][0] / max(1, found["late"][1]),
    )


def single_gates(runs: int, seed: int) -> str:
    """Return the table of single gates at the first level and at the whole error."""
    first, alpha = error_levels([], GateRules().alpha)[0], GateRules().alpha
    truths = [("equal to live, beats rag at 85 %", Truth(0.5, 0.85))]
    truths += [("equal to both", Truth()), ("worse than both, 40 %", Truth(0.4, 0.4))]
    truths += [
        (f"better than both, {rate:.0%}", Truth(rate, rate))
        for rate in (0.6, 0.65, 0.7, 0.75, 0.85)
    ]
    truths += [("85 %, but 5 points fewer right", Truth(0.85, 0.85, -0.05, 0.15))]
    rows = [
        [name, *(f"{rate_of(truth, level, runs, seed):.1%}" for level in (first, alpha))]
        for name, truth in truths
    ]
    header = ["candidate", f"promoted, first gate (level {first:.3f})", f"at level {alpha}"]
    return table(header, rows)


def many_gates(runs: int, gates: int, seed: int) -> str:
    """Return the table of sequences, for three ways to spend the error."""
    rows = []
    ways: list[tuple[str, Spending]] = [
        ("e-LOND (ours)", e_lond), ("6/(πt)² by cycle", by_cycle), ("5 % every time", unspent),
    ]  # fmt: skip
    for name, spending in ways:
        # Only ours needs the long run: the others are there to compare.
        many = runs if spending is e_lond else max(1, runs // 5)
        none = sequences(spending, 0.0, Truth(), many, gates, seed)
        some = sequences(spending, 0.3, Truth(0.65, 0.85), max(1, runs // 5), gates, seed)
        rows.append(
            [name, f"{none.any_false:.1%}", f"{some.false_share:.1%}",
             f"{some.found_early:.0%}", f"{some.found_late:.0%}"]
        )  # fmt: skip
    header = [
        "error spent", f"sequences of {gates} with a false promotion, none better",
        "false among promotions, 30 % better (65 %)", "better ones found, gates 1-10",
        f"gates {gates - 9}-{gates}",
    ]  # fmt: skip
    return table(header, rows)


def main() -> None:
    """Run everything and write the section."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--gates", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    started = time.perf_counter()
    naive = [f"{naive_rate(arguments.runs, votes, arguments.seed):.1%}" for votes in (500, 2000)]
    body = "\n\n".join(
        [
            f"{arguments.runs} simulated candidates a row, through the product's rounds (24 "
            f"prompts, at most 300, {TIES:.0%} ties), {QUESTIONS} reference questions and "
            "`decide`. What is not promoted is mostly pending: 440 questions leave the margin of "
            "5 points open for about one equal candidate in ten.",
            single_gates(arguments.runs, arguments.seed),
            "A one-sided 5 % z-test on equal models, looked at every 10 votes, promotes "
            f"{naive[0]} within 500 votes and {naive[1]} within 2,000.",
            f"{arguments.runs} sequences of {arguments.gates} gates:",
            many_gates(arguments.runs, arguments.gates, arguments.seed),
        ]
    )
    write_section("Gate", body)
    print(body)
    print(f"\n{time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
