"""A home in which one person has said everything that can be said, and an adapter learned from it.

What they said holds words that occur nowhere else, so that a search of bytes finds all of it.
"""

import json
from pathlib import Path

from feedback.database import Database
from feedback.rankings import Rankings
from feedback.store import FeedbackStore
from feedback.types import Comparison, Completion, Purpose, Ranking
from ratchet import learn
from ratchet.cycle import CycleRun
from ratchet.cycles import CycleStore
from ratchet.migrations import migrate
from ratchet.settings import Settings
from ratchet.wiring import Parts
from serving.records import AdapterRecord
from serving.registry import Registry
from training.job import JOB, Job

ADA = "zq-ada@example.com"
PLANTED = (
    b"zqask",
    b"zqanswer",
    b"zqcorrect",
    b"zqcomment",
    b"zqreason",
    b"zqagain",
    b"zqlog",
    b"zqstep",
)
"""In the person's own words and in the answers to them."""


def open_home(home: Path, url: str = "") -> Parts:
    """Open a home without engine and base model; close it with `parts.database.dispose()`."""
    home.mkdir(parents=True, exist_ok=True)
    suite = home.parent / "suite.jsonl"
    row = {"id": "a", "messages": [{"role": "user", "content": "Is hail covered by Roof One?"}]}
    line = json.dumps(row | {"language": "en", "kind": "fact", "value": "5 days"})
    suite.write_text(f"{line}\n", encoding="utf-8")
    settings = Settings(
        home=home, base_model=str(home), evaluation={"suite": str(suite)}, database_url=url
    )
    database = Database(settings.database)
    migrate(database)
    return Parts(
        settings, database, FeedbackStore(database), Registry(database, "hash"),
        CycleStore(database), home, "hash",
    )  # fmt: skip


def answer(parts: Parts, name: str, person: str, asked: str, text: str, **given: str) -> None:
    """Record an answer of a conversation."""
    purpose: Purpose = "evaluation" if given.get("purpose") == "evaluation" else "chat"
    parts.store.open_completion(
        Completion(
            id=name, conversation=given.get("conversation", name), person=person, responder="rag",
            sampling={}, messages=({"role": "user", "content": asked},), purpose=purpose,
            interface="page" if name == "c3-again" else "api", parent=given.get("parent"),
            steps=({"query": f"zqstep {asked}"},) if "zqask" in asked else (),
        )
    )  # fmt: skip
    parts.store.close_completion(name, text=text, status="complete", finish_reason="stop")


def speak(parts: Parts) -> None:
    """Let nine people vote on ten answers each, and Ada say everything that can be said."""
    for n in range(120):
        liked, mine = n // 10 % 2 == 0, n % 10 == 3
        word = "zqanswer " if mine else ""
        asked = f"How long is the wait {'for zqask ' if mine else ''}in policy {n}?"
        text = f"{word}The waiting period is {45 if liked else 46} days. Case {n}."
        person = ADA if mine else f"person-{n % 10}"
        answer(parts, f"c{n}", person, asked, text)
        said = ("zqreason made it up", "zqcomment because I know") if mine else ("", "")
        parts.store.record_vote(f"c{n}", person, liked, [said[0]] if mine else [], said[1])
    again = {"conversation": "c3", "parent": "c3"}
    answer(parts, "c3-again", ADA, "How long is the wait for zqask?", "zqagain 47 days.", **again)
    parts.store.record_correction("c3", ADA, "zqcorrect It is 48 days, and no more.")
    parts.store.open_comparison(Comparison("pair", ADA, "c13", "c23"))
    parts.store.record_outcome("pair", ADA, "left")
    rankings = Rankings(parts.database)
    rankings.open(Ranking("rank", ADA, ("c33", "c43", "c53")))
    rankings.record("rank", ADA, (("c43",), ("c33", "c53")))
    answer(
        parts, "test-1", "worker", "How long is the wait for zqask in policy 3?", "zqanswer",
        purpose="evaluation",
    )  # fmt: skip


def turn(parts: Parts, name: str = "ratchet-0001") -> CycleRun:
    """Turn the loop once without training: dataset, job folder, published adapter; then end it."""
    run = begin(parts)
    learn.curate_window(parts, run)
    adapter = publish(parts, run, name)
    parts.registry.promote(adapter, reason="better", actor="cycle", force=True)
    parts.cycles.update(run.id, "me", {"state": "done", "outcome": "promoted"})
    return run


def begin(parts: Parts) -> CycleRun:
    """Open a cycle."""
    parts.cycles.request("auto", "tester")
    request = parts.cycles.next_request()
    assert request is not None
    run = CycleRun(parts.cycles, parts.cycles.start(request, "me"), lambda: False)
    run.begin("curate")
    return run


def publish(parts: Parts, run: CycleRun, name: str) -> str:
    """Leave what training and publishing leave."""
    home, dataset = parts.settings.home, Path(run.work["dataset_path"])
    folder = home / "jobs" / str(run.id) / "kto"
    folder.mkdir(parents=True)
    job = Job(kind="kto", base_model="b", dataset=dataset, out=folder / "checkpoint", name=name)
    (folder / JOB).write_text(job.model_dump_json(), encoding="utf-8")
    (folder / "log.txt").write_text("tokenising zqlog zqask zqanswer\n", encoding="utf-8")
    adapter = home / "adapters" / name
    adapter.mkdir(parents=True)
    manifest = {"name": name, "dataset": dataset.name}
    (adapter / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    (adapter / "adapter_model.safetensors").write_bytes(b"weights")
    record = AdapterRecord(name, str(adapter), "f", "hash", "kto", dataset.name, str(run.id))
    parts.registry.add_adapter(record)
    return name


def litter(home: Path) -> None:
    """Leave what crashes and logs may leave."""
    (home / "logs").mkdir()
    lines = "INFO all is well\nERROR asked 'How long is the wait for zqask in policy 3?'\nINFO on\n"
    (home / "logs" / "web.log").write_text(lines, encoding="utf-8")
    for draft in (home / "datasets" / ".draft-x", home / ".restore-x"):
        draft.mkdir(parents=True)
        (draft / "train.jsonl").write_text('{"prompt": "zqask"}\n', encoding="utf-8")


def traces(home: Path) -> list[str]:
    """Name the files that hold the person's name or planted words, byte by byte."""
    words = (*PLANTED, ADA.encode())
    return sorted(
        str(path.relative_to(home))
        for path in home.rglob("*")
        if path.is_file() and any(word in path.read_bytes() for word in words)
    )
