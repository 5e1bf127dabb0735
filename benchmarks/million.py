"""A million synthetic votes to a dataset with every step on: votes a second, and peak memory.

Two ways: the product's own, which looks at the newest 50,000 votes and trains on 5,000 rows, and
one without these caps. Each size runs in a process of its own, for its peak memory.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import training.curation as curation
from benchmarks.million_votes import fill
from benchmarks.results import table, write_section
from feedback.database import Database
from feedback.store import FeedbackStore
from ratchet.learn import protected_questions
from ratchet.settings import Settings
from training.dataset import write_dataset
from training.masking import masked, masked_questions
from training.preferences import NEWEST, read_preferences

STEPS = {
    "Asked": "clusters and leaks",
    "_refused": "clusters and leaks",
    "places": "split",
    "find_doubts": "trust",
    "weighed": "trust",
    "agreed": "forms and order",
    "_ordered": "forms and order",
}
"""Functions of training/curation.py by the step that they are counted to."""
GOAL, MEMORY = 10_000, 1024


def measure(url: str, home: Path, count: int, *, capped: bool) -> dict[str, Any]:
    """Turn the votes into a dataset; return the seconds of every step and the peak memory."""
    spent: defaultdict[str, float] = defaultdict(float)
    for name, step in STEPS.items():
        setattr(curation, name, _timed(getattr(curation, name), step, spent))
    database = Database(url)
    began = time.perf_counter()
    read = _timed(read_preferences, "read", spent)
    preferences = read(FeedbackStore(database), newest=NEWEST if capped else count)
    preferences = _timed(masked, "mask", spent)(preferences)
    questions = protected_questions(Settings())
    rules = curation.Rules() if capped else curation.Rules(rows_max=2 * count, judged_max=count)
    curate = _timed(curation.curate, "curate", spent)
    curated = curate(
        preferences,
        method="kto",
        seed=1,
        protected=questions + masked_questions(questions),
        rules=rules,
    )
    dataset = _timed(write_dataset, "card and files", spent)(home, curated, {})
    total = time.perf_counter() - began
    spent["rest of curation"] = spent.pop("curate") - sum(
        spent[step] for step in set(STEPS.values())
    )
    database.dispose()
    return {
        "seconds": total,
        "steps": spent,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "counts": dataset.counts,
    }


def _timed(
    function: Callable[..., Any], step: str, spent: defaultdict[str, float]
) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        began = time.perf_counter()
        try:
            return function(*args, **kwargs)
        finally:
            spent[step] += time.perf_counter() - began

    return call


def _in_child(url: str, home: Path, count: int, capped: bool) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.million", "--child", url, str(home), str(count)]
    told = subprocess.run(
        [*command, str(int(capped))], check=True, stdout=subprocess.PIPE, text=True
    )
    return dict(json.loads(told.stdout.splitlines()[-1]))


def _section(found: dict[tuple[int, bool], dict[str, Any]]) -> str:
    steps = list(dict.fromkeys(step for each in found.values() for step in each["steps"]))
    ways = {True: "the newest", False: "all"}
    rows = [
        (
            f"{count:,}",
            ways[capped],
            *(f"{each['steps'].get(step, 0.0):.1f}" for step in steps),
            f"{each['seconds']:.1f}",
            f"{count / each['seconds']:,.0f}/s",
            f"{each['memory']:,.0f} MiB",
        )
        for (count, capped), each in found.items()
    ]
    heads = ("votes", "used", *steps, "all, s", "votes", "peak")
    return (
        "Synthetic votes of 50 each by people on three tenths as many answers in English, Korean, "
        "German and Japanese, near-duplicates and personal data among them, from SQLite to a KTO "
        "dataset with every step on; seconds a step. `the newest`: as a round does it, which looks "
        f"at {NEWEST:,} votes and trains on 5,000 rows; `all`: without these caps. Goal for a "
        f"million: {GOAL:,} votes/s, {MEMORY:,} MiB. Loading scikit-learn is in it.\n\n"
        + table(heads, rows)
    )


def main() -> None:
    """Measure and write the section."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--votes", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--ways", type=int, nargs="*", default=[1, 0], help="1: capped, 0: all")
    parser.add_argument("--keep", type=Path, help="keep the databases here, for another run")
    parser.add_argument("--dry", action="store_true", help="print the section, do not write it")
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        url, home, count, capped = arguments.child
        told = measure(url, Path(home), int(count), capped=capped == "1")
        print(json.dumps(told))
        return
    found = {}
    with tempfile.TemporaryDirectory() as name:
        root = arguments.keep or Path(name)
        for count in arguments.votes:
            file = root / f"votes-{count}.db"
            if not file.exists():
                database = Database(f"sqlite:///{file}")
                fill(database, count)
                database.dispose()
            for capped in map(bool, arguments.ways):
                with tempfile.TemporaryDirectory() as home:
                    each = _in_child(f"sqlite:///{file}", Path(home), count, capped)
                found[count, capped] = each
                print(count, capped, json.dumps(each), flush=True)
    body = _section(found)
    print(body)
    if not arguments.dry:
        write_section("A million votes", body)


if __name__ == "__main__":
    main()
