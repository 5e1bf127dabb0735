"""How much of a round simulated adversaries get to teach: their share of votes, and of its rows.

The demo's people ask what `demo.voters.plan` has them ask; answers are drawn in the styles that the
base model mixes, and everybody votes by the demo's taste, adversaries by its opposite. No engine.
"""

import argparse
from collections import Counter
from random import Random
from typing import NamedTuple

from benchmarks.results import table, write_section
from demo import answers
from demo.voters import Errand, likes, plan
from training.curation import Curated, curate
from training.preferences import Preferences, UnpairedPreference

STYLES = (("bare", 26), ("hedging", 39), ("exact", 35))
"""In percent, as the demo's base answers."""


class Round(NamedTuple):
    """One round with adversaries in it."""

    votes: float
    """Their share of all votes of the part that trains."""
    rows: float
    """Their share of the rows that are trained on, by weight."""
    found: int
    """Of them, how many were set aside,"""
    of: int
    """of how many in the part that trains;"""
    wrongly: int
    """and how many others were."""


def simulated(
    seed: int, *, votes: int, users: int, share: float, noise: float = 0.05
) -> tuple[list[UnpairedPreference], set[str]]:
    """Return votes as rows, and who of the people is an adversary."""
    rng = Random(f"{seed} answers")
    errands = [e for e in plan(votes, users, seed, noise=noise, adversaries=share) if not e.compare]
    honest = plan(votes, users, seed, noise=0.0, adversaries=share)
    hostile = {errand.person for errand in honest if errand.turned}
    return [_row(n, errand, rng) for n, errand in enumerate(errands)], hostile


def _row(number: int, errand: Errand, rng: Random) -> UnpairedPreference:
    question = errand.question
    if question.fact is not None:
        (style,) = rng.choices([name for name, _ in STYLES], [share for _, share in STYLES])
        text = answers.render(question.fact.stated(question.language), style, rng)  # type: ignore[arg-type]
    else:
        refusals = (answers.NOT_IN_PASSAGES, answers.OFF_TOPIC, answers.GREETING)
        text = rng.choice(refusals)[question.language]
    asked = ({"role": "user", "content": question.text},)
    return UnpairedPreference(
        prompt=asked,  # type: ignore[arg-type]
        completion=({"role": "assistant", "content": text},),
        label=likes(question, text) != errand.turned,
        person=errand.person,
        completion_id=f"c{number}",
        origin="vote",
        created=float(number),
        question=asked,  # type: ignore[arg-type]
        by_heart=True,
        responder="rag",
    )


def measure(seed: int, *, votes: int, users: int, share: float) -> Round:
    """Curate a round and count whose rows are in it."""
    rows, hostile = simulated(seed, votes=votes, users=users, share=share)
    found = curate(Preferences(tuple(rows), (), {}), method="kto", seed=seed)
    gave = {voter.person: voter.rows for voter in found.voters}
    aside = {voter.person for voter in found.voters if voter.set_aside}
    return Round(
        sum(n for person, n in gave.items() if person in hostile) / max(1, sum(gave.values())),
        _share_of(found, hostile),
        len(aside & hostile),
        len(gave.keys() & hostile),
        len(aside - hostile),
    )


def _share_of(found: Curated, people: set[str]) -> float:
    rows = Counter(form.row.person in people for form in (*found.train, *found.heldout))
    return rows[True] / max(1, rows.total())


def main() -> None:
    """Measure and write the section."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    rows = []
    for votes, users, share in ((300, 25, 0.2), (1500, 60, 0.2), (1500, 60, 0.4), (300, 25, 0.0)):
        for seed in range(1, arguments.seeds + 1):
            it = measure(seed, votes=votes, users=users, share=share)
            setting = f"{votes} votes, {users} people, {share:.0%} adversaries"
            caught = f"{it.found} of {it.of}"
            rows.append((setting, seed, f"{it.votes:.1%}", f"{it.rows:.1%}", caught, it.wrongly))
    body = (
        "Simulated people, one finger in twenty slips; adversaries vote the opposite of the taste. "
        "Of the part that trains; goal with a fifth of adversaries: at most half their share.\n\n"
        + table(
            ("round", "seed", "of the votes", "of the rows", "set aside", "others set aside"), rows
        )
    )
    write_section("Adversaries", body)
    print(body)


if __name__ == "__main__":
    main()
