"""How much of a round simulated adversaries get to teach, and what is used where all ask the same.

The demo's people ask what `demo.voters.plan` has them ask; answers are drawn in the styles that the
base model mixes, and everybody votes by the demo's taste, adversaries by its opposite. No engine.
"""

import argparse
import math
from collections import Counter
from dataclasses import replace
from random import Random
from typing import NamedTuple

from benchmarks.results import table, write_section
from demo import answers
from demo.voters import Errand, likes, plan
from training.curation import Curated, curate
from training.places import owners, places
from training.preferences import Preferences, UnpairedPreference
from training.split import PARTS, Part, question_key, split_people

SHARES = (0.6, 0.2, 0.2)
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
    lost: float
    """Of what the others judged, the share that trust takes: set aside, or beyond their weight."""
    names: tuple[str, ...]
    """Who is set aside, as the report names them."""


class FaqSite(NamedTuple):
    """Where everybody asks the same: rows by part."""

    votes: int
    before: Counter[Part]
    after: Counter[Part]


def simulated(
    seed: int, *, votes: int, users: int, share: float, noise: float = 0.05, coin: bool = False
) -> tuple[list[UnpairedPreference], set[str]]:
    """Return votes as rows, and who of the people is an adversary; `coin`: they only flip one."""
    rng = Random(f"{seed} answers")
    errands = [e for e in plan(votes, users, seed, noise=noise, adversaries=share) if not e.compare]
    honest = plan(votes, users, seed, noise=0.0, adversaries=share)
    hostile = {errand.person for errand in honest if errand.turned}
    rows = [_row(n, errand, rng) for n, errand in enumerate(errands)]
    if coin:
        flips = Random(f"{seed} coins")
        rows = [
            replace(row, label=flips.random() < 0.5) if row.person in hostile else row
            for row in rows
        ]
    return rows, hostile


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


def measure(seed: int, *, votes: int, users: int, share: float, coin: bool = False) -> Round:
    """Curate a round and count whose rows are in it."""
    rows, hostile = simulated(seed, votes=votes, users=users, share=share, coin=coin)
    found = curate(Preferences(tuple(rows), (), {}), method="kto", seed=seed)
    gave = {voter.person: voter.rows for voter in found.voters}
    aside = {voter.person for voter in found.voters if voter.set_aside}
    return Round(
        sum(n for person, n in gave.items() if person in hostile) / max(1, sum(gave.values())),
        _share_of(found, hostile),
        len(aside & hostile),
        len(gave.keys() & hostile),
        len(aside - hostile),
        _lost(found, hostile),
        tuple(sorted(aside)),
    )


def _share_of(found: Curated, people: set[str]) -> float:
    rows = Counter(form.row.person in people for form in (*found.train, *found.heldout))
    return rows[True] / max(1, rows.total())


def _lost(found: Curated, hostile: set[str]) -> float:
    others = [voter for voter in found.voters if voter.person not in hostile]
    # Shares cut everybody alike, adversaries or not; what is thinned is the rest of what is capped.
    weighed = sum(voter.rows - math.ceil(voter.weight * voter.rows) for voter in others)
    aside = sum(voter.set_aside for voter in others)
    return (weighed + aside) / max(1, sum(voter.rows for voter in others))


def faq(seed: int, *, votes: int = 600, users: int = 200, questions: int = 20) -> FaqSite:
    """Let everybody ask the same few questions, some of them most, and count what is used."""
    rng = Random(seed)
    often = [1 / (n + 1) for n in range(questions)]
    asked = rng.choices(range(questions), often, k=votes)
    rows = []
    for n, q in enumerate(asked):
        turn = ({"role": "user", "content": f"Frequent question number {q}?"},)
        answer = ({"role": "assistant", "content": f"Answer {n}"},)
        rows.append(
            UnpairedPreference(
                prompt=turn, completion=answer, label=n % 2 == 0,  # type: ignore[arg-type]
                person=f"p{rng.randrange(users)}", completion_id=f"c{n}", origin="vote",
                created=float(n), question=turn, by_heart=True,  # type: ignore[arg-type]
            )
        )  # fmt: skip
    people = split_people(Counter(row.person for row in rows), SHARES, seed=seed)
    owner = owners(Counter((row.person, question_key(row)) for row in rows), people, SHARES)
    before = Counter(
        people[row.person] for row in rows if people[row.person] == owner[question_key(row)]
    )
    part_of, _ = places(rows, question_key, SHARES, seed)
    after = Counter(part for row in rows if (part := part_of(row)))
    return FaqSite(votes, before, after)


def main() -> None:
    """Measure and write the sections."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    seeds = range(1, parser.parse_args().seeds + 1)
    rounds = [
        (300, 25, 0.2, False), (1500, 60, 0.2, False), (1500, 60, 0.4, False),
        (1500, 60, 0.2, True), (300, 25, 0.0, False), (1500, 60, 0.0, False),
    ]  # fmt: skip
    rows = [
        _line(seed, measure(seed, votes=votes, users=users, share=share, coin=coin), setting)
        for votes, users, share, coin in rounds
        for seed in seeds
        for setting in [f"{votes} votes, {users} people, {share:.0%} {_KIND[coin]}"]
    ]
    heads = ("round", "seed", "of the votes", "of the rows", "set aside", "others set aside")
    body = (
        "Simulated people, one finger in twenty slips; adversaries vote the opposite of the taste, "
        "flippers a coin's. Of the part that trains; goal with a fifth of adversaries: at most "
        "half their share. Others lose: of what everybody else judged, the share that is set aside "
        "or beyond the weight of their word.\n\n" + table((*heads, "others lose", "named"), rows)
    )
    write_section("Adversaries", body)
    print(body)
    sites = [(seed, faq(seed)) for seed in seeds]
    body = (
        "600 votes of 200 people on the same twenty questions: rows whose person and question are "
        "in one part, when only questions follow people, and when both follow each other.\n\n"
        + table(
            ("seed", "before: train, judge, check", "kept", "now: train, judge, check", "kept"),
            [(seed, *_kept(site.before, site), *_kept(site.after, site)) for seed, site in sites],
        )
    )
    write_section("Everybody asks the same", body)
    print(body)


_KIND = {False: "adversaries", True: "flippers"}


def _line(seed: int, it: Round, setting: str) -> tuple[object, ...]:
    shares = (f"{it.votes:.1%}", f"{it.rows:.1%}")
    named = ", ".join(name.removeprefix("simulated-") for name in it.names)
    return (setting, seed, *shares, f"{it.found} of {it.of}", it.wrongly, f"{it.lost:.1%}", named)


def _kept(rows: Counter[Part], site: FaqSite) -> tuple[str, str]:
    sizes = ", ".join(str(rows[part]) for part in PARTS)
    return sizes, f"{rows.total() / site.votes:.0%}"


if __name__ == "__main__":
    main()
