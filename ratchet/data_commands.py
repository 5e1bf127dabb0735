"""The commands that work on what is stored: adapters, keys, feedback, training, tests.

They open the database themselves and need no running service, except where answers are asked for.
Invariant: each imports what it needs when it runs; parsing alone loads nothing heavy.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from ratchet import voter_commands
from ratchet.console import Bar, note, result, table
from ratchet.document_commands import documents
from ratchet.settings import load_settings

Json = Annotated[bool, typer.Option("--json", help="Print exactly one JSON object.")]


def _group(name: str, text: str) -> typer.Typer:
    return typer.Typer(name=name, help=text, no_args_is_help=True)


adapters = _group("adapters", "What was trained.")
keys = _group("keys", "API keys; once there is one, nobody is trusted for coming with nothing.")
feedback = _group("feedback", "What people said: out, in, and forgotten.")
evaluation = _group("eval", "Ask, compare and decide again.")
demo = _group("demo", "The embedded demonstration.")


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    for group in (adapters, keys, feedback, documents, evaluation, demo):
        app.add_typer(group)
    voter_commands.register(feedback)
    app.command("train")(train)
    app.command("advise")(advise)


def _table(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str:
    return table(columns, [[row[column] for column in columns] for row in rows])


@adapters.command("list")
def list_adapters(as_json: Json = False) -> None:
    """List every adapter, those of other bases too."""
    from ratchet.wiring import open_parts

    parts = open_parts(load_settings())
    rows = [
        asdict(a) | {"usable": a.base_hash == parts.base_hash} for a in parts.registry.adapters()
    ]
    columns = ("name", "recipe", "dataset", "cycle", "usable")
    result({"adapters": rows}, as_json, lambda: _table(columns, rows))


@adapters.command("show")
def show_adapter(name: str, as_json: Json = False) -> None:
    """Show an adapter, what the gate said of it and when it was live."""
    from ratchet.inspect_adapter import describe
    from ratchet.wiring import open_parts

    result(describe(open_parts(load_settings()), name), as_json)


@keys.command("add")
def add_key(
    holder: str,
    rights: Annotated[
        list[str] | None,
        typer.Option(
            "--rights", "--right", help="chat, feedback, status, act, operator; by commas."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a key; its secret is shown this once."""
    from ratchet.wiring import open_parts
    from serving.keys import DEFAULT_RIGHTS, ApiKeys

    given = [right.strip() for words in rights or () for right in words.split(",")]
    made, secret = ApiKeys(open_parts(load_settings()).database).add(
        holder, given or DEFAULT_RIGHTS
    )
    shown = {"id": made.id, "holder": made.holder, "rights": sorted(made.rights), "secret": secret}
    result(
        shown, as_json, lambda: f"{secret}\n(id {made.id}, {holder}: {', '.join(shown['rights'])})"
    )


@keys.command("list")
def list_keys(as_json: Json = False) -> None:
    """List the keys, without their secrets."""
    from ratchet.wiring import open_parts
    from serving.keys import ApiKeys

    found = ApiKeys(open_parts(load_settings()).database).list()
    rows = [asdict(key) | {"rights": sorted(key.rights)} for key in found]
    columns = ("id", "holder", "rights", "created", "revoked")
    result({"keys": rows}, as_json, lambda: _table(columns, rows))


@keys.command("revoke")
def revoke_key(key_id: str, as_json: Json = False) -> None:
    """Make a key worthless."""
    from ratchet.wiring import open_parts
    from serving.keys import ApiKeys

    ApiKeys(open_parts(load_settings()).database).revoke(key_id)
    result({"revoked": key_id}, as_json, lambda: f"{key_id} is revoked")


TO = (
    "TRL: kto, dpo, sft, reward, reward-prompt. OpenAI: openai, openai-preference,"
    " prompt-completion. Folders: llamafactory, axolotl, parquet, huggingface. Also alpaca, and raw"
    " for another Ratchet."
)
FROM = (
    "auto tells it from the first row. Else TRL: kto, dpo, sft, reward. OpenAI: openai,"
    " openai-preference. Also openwebui, arena (LMSYS), gradio (flags), raw."
)


@feedback.command("export")
def export(
    form: Annotated[str, typer.Option("--format", help=TO)],
    out: Annotated[Path, typer.Option("--out", help="The file, or a folder that is new or empty.")],
    as_json: Json = False,
) -> None:
    """Write feedback to a file, or to a folder where the format has several."""
    from feedback.exchange import export_feedback
    from ratchet.wiring import consent_rule, open_store

    settings = load_settings()
    report = export_feedback(open_store(settings), form, out, consent_rule(settings))
    left_out = "".join(f"\nleft out: {n} {reason}" for reason, n in report.left_out.items())
    result(asdict(report), as_json, lambda: f"{report.rows} rows in {report.path}{left_out}")


@feedback.command("import")
def take_in(
    source: Annotated[Path, typer.Option("--in", exists=True, dir_okay=False)],
    form: Annotated[str, typer.Option("--format", help=FROM)] = "auto",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would happen.")] = False,
    report: Annotated[
        Path | None, typer.Option("--report", help="JSON lines: what became of each row, and why.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Take feedback in from a file; twice the same adds nothing."""
    from feedback.intake import import_feedback
    from ratchet.wiring import open_store

    store = open_store(load_settings())
    found = import_feedback(store, form, source, dry_run=dry_run, report=report)
    refused = "".join(f"\nline {r.line}: {r.reason}" for r in found.refused)
    would = "would be " if dry_run else ""
    text = f"{found.added} {would}added, {found.unchanged} unchanged, {found.refused_rows} refused"
    result(asdict(found), as_json, lambda: text + refused)


@feedback.command("forget")
def forget_person(user: str, as_json: Json = False) -> None:
    """Delete all that a person asked, was answered and said, and what was made of it; prove it."""
    from ratchet.erasure_proof import in_words
    from ratchet.forget import forget_everywhere

    found = forget_everywhere(load_settings(), user)
    if found["proof"] is None:
        said = f"{found['erasure']}: the rows are deleted; the worker does the rest and proves it,"
        result(found, as_json, lambda: f"{said} in the home where it runs.")
        return
    result(found, as_json, lambda: f"{in_words(found)}\nThis is kept in {found['proof']}")


def train(file: Annotated[Path, typer.Argument(exists=True)], as_json: Json = False) -> None:
    """Run one training job from a TOML file (`training/job.py` has the fields)."""
    from ratchet.train_job import run_job_file

    with Bar() as bar:
        found = run_job_file(file, lambda fraction, text: bar.show("train", fraction, text))
    result(found, as_json)


def advise(as_json: Json = False) -> None:
    """Say what the feedback so far is good for: which method, whether it is enough."""
    from ratchet.plan import advice, advice_text

    found = advice(load_settings())
    result(found, as_json, lambda: advice_text(found))


@evaluation.command("run")
def run_suite(responder: str, as_json: Json = False) -> None:
    """Ask a responder the reference questions."""
    from ratchet.bakeoff import compare, compare_text

    with Bar() as bar:
        found = compare(load_settings(), [responder], bar.show)
    result(found, as_json, lambda: compare_text(found))


@evaluation.command("bakeoff")
def bakeoff(responders: list[str], as_json: Json = False) -> None:
    """Ask several responders the reference questions and compare them."""
    from ratchet.bakeoff import compare, compare_text

    with Bar() as bar:
        found = compare(load_settings(), responders, bar.show)
    result(found, as_json, lambda: compare_text(found))


@evaluation.command("replay")
def replay(
    number: Annotated[
        int | None, typer.Argument(help="The cycle; empty: the last decided one.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Decide again from a cycle's evidence, by the rules of today."""
    from ratchet.replay import decide_again, replay_text

    found = decide_again(load_settings(), number)
    result(found, as_json, lambda: replay_text(found))


@demo.command("vote")
def demo_vote(
    votes: Annotated[int, typer.Option(min=1)] = 300,
    users: Annotated[int, typer.Option(min=1)] = 25,
    seed: int = 1,
    noise: Annotated[float, typer.Option(min=0, max=1)] = 0.05,
    adversaries: Annotated[float, typer.Option(min=0, max=1)] = 0.0,
    as_json: Json = False,
) -> None:
    """Let simulated people chat and vote through the running service."""
    from ratchet.demo_votes import cast_votes

    note(f"{users} simulated people give {votes} votes ...")
    with Bar() as bar:
        found = cast_votes(
            load_settings(),
            lambda fraction, text: bar.show("votes", fraction, text),
            votes=votes,
            users=users,
            seed=seed,
            noise=noise,
            adversaries=adversaries,
        )
    result(found, as_json, lambda: "\n".join(f"{k}: {v}" for k, v in found.items()))
