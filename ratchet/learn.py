"""The stages that make an adapter: collect, curate, train, judge, publish.

Each leaves what the next one needs in `work` or in files that `work` names. Invariant: nothing here
touches what is live; an adapter that comes out is registered, and nobody is answered by it yet.
"""

from collections.abc import Container
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from eval.stats import judge_check
from eval.suite import load_suite
from feedback.standing import Standings
from feedback.uses import Uses
from knowledge.errors import NoIndex
from knowledge.index import current_passages
from ratchet.base_model import is_tiny
from ratchet.cycle import CycleRun, Ending
from ratchet.heard import heard, shortage
from ratchet.settings import Settings, SettingsError, find_path
from ratchet.wiring import Parts, consent_rule, largest_rank
from serving.records import AdapterRecord
from training.adapter import Published, fingerprint
from training.adapter import publish as publish_adapter
from training.card import describe
from training.curation import Curated, Method, Rules, curate
from training.dataset import is_erased, measured, read_manifest, write_dataset
from training.erased import answers_behind
from training.fates import fates
from training.job import Job, JobResult, Kind, Progress, choose_method
from training.launcher import TrainingCancelled, run_job
from training.masking import masked, masked_questions
from training.reviewed import read_reviewed
from training.shares import ShareRules

TINY: dict[str, Any] = {
    "learning_rate": 1.5e-3,
    "epochs": 4,
    "warmup_steps": 10,
    "lora": {"r": 8, "alpha": 16},
}
REAL: dict[str, Any] = {"learning_rate": 5e-6}
"""What differs from the recipe's defaults by the base's size: docs/decisions/0007."""
TINY_BETA, REAL_BETA = 5.0, 0.1
"""KTO's, likewise."""


def collect(parts: Parts, run: CycleRun) -> str | Ending:
    """Count the window and stop when it holds too little."""
    found = heard(parts, run.cycle.cutoff)
    missing = shortage(found, parts.settings)
    if missing:
        return Ending("skipped", missing)
    return f"{found.liked} liked, {found.disliked} disliked, {found.pairs} pairs"


def curated(parts: Parts, until: float, method: str, on_step: Any = None) -> Curated:
    """Read and clean the window: what would be trained, and what is left out."""
    step = on_step or (lambda fraction, detail: None)
    step(0.1, "reading feedback")
    preferences = read_reviewed(
        parts.store,
        until=until,
        current=_passages(parts.settings.home),
        consent=consent_rule(parts.settings),
    )
    protected = protected_questions(parts.settings)
    if parts.settings.training.mask_personal:
        preferences = masked(preferences)
        protected += masked_questions(protected)
    if method == "auto":
        method = choose_method(len(preferences.pairs), len(preferences.unpaired))
    training = parts.settings.training
    rules = Rules(
        rows_max=training.max_rows,
        shares=parts.settings.judge.shares,
        longest=training.longest_answer,
        most=ShareRules(training.per_person_share, block=training.per_block_share),
    )
    standings = Standings(parts.database)
    step(0.5, "leaving out what may not be trained on")
    return curate(
        preferences,
        method=cast(Method, method),
        seed=training.seed,
        protected=protected,
        rules=rules,
        blocked=standings.people("block"),
        restored=standings.people("restore"),
    )


def _passages(home: Path) -> Container[str] | None:
    """The ids of what may be found now; None where this machine has no index."""
    try:
        return {passage.id for passage in current_passages(home)} or None
    except NoIndex:
        return None


def suite_path(settings: Settings) -> Path:
    """The file of reference questions.

    Raises:
        SettingsError: it does not exist.
    """
    path = find_path(settings.evaluation.suite)
    if path is None:
        raise SettingsError(
            f"evaluation.suite = {settings.evaluation.suite!r} does not exist: write the reference "
            "questions there, one JSON object a line (docs/evaluation.md)."
        )
    return path


def protected_questions(settings: Settings) -> list[str]:
    """What the gate asks: nothing like it may be trained on."""
    suite = load_suite(suite_path(settings))
    return [m["content"] for s in suite.samples for m in s.messages if m["role"] == "user"]


def curate_window(parts: Parts, run: CycleRun) -> str | Ending:
    """Freeze the round's rows as a dataset."""
    rows = curated(parts, run.cycle.cutoff, run.cycle.method, run.progress)
    labels = {getattr(form.row, "label", None) for form in rows.train}
    if not rows.train or (rows.method == "kto" and len(labels) < 2):
        return Ending("skipped", f"too little is left to train on: {left_out(rows)}.")
    meta = {"cycle": run.id, "cutoff": run.cycle.cutoff, "base": parts.base_hash}
    meta["mask_personal"] = parts.settings.training.mask_personal
    meta["consent"] = asdict(consent_rule(parts.settings))
    run.progress(0.9, "writing the dataset")
    dataset = write_dataset(parts.settings.home, rows, meta)
    shown = {"hash": dataset.hash, "method": rows.method, "counts": dataset.counts}
    shown |= {"left_out": rows.left_out, "people": rows.people, "split_by": rows.split_by}
    Uses(parts.database).record(run.id, run.cycle.cutoff, fates(rows))
    run.keep(dataset=shown, dataset_path=str(dataset.path), method=rows.method)
    split = "" if rows.split_by == "person" else "; too few people, so split by question"
    return f"{dataset.counts['train']} rows for {rows.method}; {left_out(rows)}{split}"


def left_out(rows: Curated) -> str:
    """One line on what is left out and why."""
    reasons = ", ".join(f"{count} {reason}" for reason, count in rows.left_out.items())
    return f"left out: {reasons}" if reasons else "nothing left out"


def hyper(parts: Parts, method: str) -> dict[str, Any]:
    """The recipe's settings: ours where set, the recipe's own else."""
    training = parts.settings.training
    tiny = is_tiny(parts.base)
    chosen = dict(TINY if tiny else REAL)
    if method == "kto":
        chosen["beta"] = TINY_BETA if tiny else REAL_BETA
    if training.learning_rate is not None:
        chosen["learning_rate"] = training.learning_rate
    if training.epochs is not None:
        chosen["epochs"] = training.epochs
    return {**chosen, **training.hyper}


def train(parts: Parts, run: CycleRun) -> str | Ending:
    """Train a fresh adapter in a child process."""
    if "name" not in run.work:
        run.keep(name=_new_name(parts))
    method = run.work["method"]
    chosen = measured(Path(run.work["dataset_path"]), method) | hyper(parts, method)
    result = _child(parts, run, method, run.work["name"], chosen)
    run.keep(train=result.model_dump(mode="json"))
    return f"{result.steps} steps, best at {result.best_step}, in {result.seconds:.0f} s"


def _new_name(parts: Parts) -> str:
    """Spend numbers until one has no folder: a new database starts to count again at 1."""
    while (
        parts.settings.home / "adapters" / (name := parts.registry.next_adapter_name())
    ).exists():
        continue
    return name


def judge(parts: Parts, run: CycleRun) -> str | Ending:
    """Fit the judge on votes that the adapter never saw, and check it on others."""
    labels = read_manifest(Path(run.work["dataset_path"]))["labels"]
    short = [p for p in ("judge", "check") if min(labels[p]["liked"], labels[p]["disliked"]) < 2]
    if short:
        run.keep(judge=None)
        return f"no judge: part '{short[0]}' has too few votes of one kind"
    result = _child(parts, run, "reward", f"judge-{run.id}", {})
    check = judge_check(result.check_scores, result.check_labels)
    run.keep(judge={"folder": str(result.checkpoint), "check": asdict(check)})
    return f"agrees with {check.accuracy:.0%} of the votes that nothing was fitted on"


def _child(
    parts: Parts, run: CycleRun, kind: str, name: str, settings: dict[str, Any]
) -> JobResult:
    folder = parts.settings.home / "jobs" / str(run.id) / kind
    job = Job(
        kind=cast(Kind, kind),
        base_model=str(parts.base),
        dataset=Path(run.work["dataset_path"]),
        out=(folder / "checkpoint").resolve(),
        name=name,
        seed=parts.settings.training.seed,
        hyper=settings,
        threads=parts.settings.training.threads or None,
    )

    def report(progress: Progress) -> None:
        loss = f", loss {progress.loss:.3f}" if progress.loss is not None else ""
        steps = f" {progress.step}/{progress.steps}" if progress.steps else ""
        run.progress(progress.percent / 100, f"{progress.stage}{steps}{loss}")

    def stopped() -> bool:
        return run.interrupted() or is_erased(job.dataset)

    try:
        return run_job(job, folder.resolve(), report, stopped)
    except TrainingCancelled:
        run.check()  # the worker is asked to stop: the cycle is interrupted, it has not failed
        raise


def publish(parts: Parts, run: CycleRun) -> str | Ending:
    """Give the trained adapter its name and its place, for ever."""
    name, result = run.work["name"], JobResult.model_validate(run.work["train"])
    if parts.registry.adapter(name) is None:
        found = _published(parts, run, name, result)
        parts.registry.add_adapter(
            AdapterRecord(
                name=name,
                path=str(found.path),
                fingerprint=found.fingerprint,
                base_hash=parts.base_hash,
                recipe=run.work["method"],
                dataset=str((run.cycle.dataset or {}).get("hash", "")),
                cycle=str(run.id),
                metrics=result.metrics,
            ),
            answers_behind(Path(run.work["dataset_path"])),
        )
    Uses(parts.database).publish(run.id, name)
    run.keep(adapter=name)
    return f"{name} is published"


def _published(parts: Parts, run: CycleRun, name: str, result: JobResult) -> Published:
    home = parts.settings.home.resolve()
    path = home / "adapters" / name
    if path.is_dir():  # a crash came between its renaming and its registration
        return Published(path, fingerprint(path))
    card = describe(
        result,
        read_manifest(Path(run.work["dataset_path"])),
        base_model=parts.settings.base_model,
        base_hash=parts.base_hash,
        created=datetime.fromtimestamp(parts.cycles.clock(), UTC).isoformat(timespec="seconds"),
        cycle=str(run.id),
    )
    rank = largest_rank(parts.settings, parts.base)
    return publish_adapter(result.checkpoint, home, name, card, max_rank=rank)
