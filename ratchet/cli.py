"""The command line: parses, calls, prints. What it prints is in docs/operations.md.

Invariant: nothing heavy is imported before a command needs it, so that `--help` and `status`
answer at once; an error that one of our packages raised on purpose ends with its sentence.
"""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from ratchet import data_commands
from ratchet.console import Bar, failure, note, result, table
from ratchet.settings import load_settings

app = typer.Typer(
    name="ratchet",
    help="A chat service that learns from the people who use it, and only ever moves forward.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Json = Annotated[bool, typer.Option("--json", help="Print exactly one JSON object.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it is kept in the history.")]
OURS = ("serving", "feedback", "knowledge", "training", "eval", "ratchet", "demo")


@app.command()
def up() -> None:
    """Start everything: engine, web and worker; Ctrl-C stops it."""
    from ratchet.supervisor import run_service

    raise typer.Exit(run_service(load_settings(), sys.stdout))


@app.command()
def serve() -> None:
    """Start web alone (engine and worker run elsewhere)."""
    from ratchet.web import run_web

    run_web(load_settings())


@app.command()
def worker() -> None:
    """Start the worker alone: the scheduler and the cycles."""
    from ratchet.worker import work

    work(load_settings())


@app.command()
def status(as_json: Json = False) -> None:
    """Show what is live and how the loop is doing."""
    from ratchet.client import operator_service

    found = operator_service(load_settings()).call("GET", "/v1/status")
    result(found, as_json, lambda: _status_text(found))


def _status_text(found: dict[str, Any]) -> str:
    counts, last = found["feedback"], found["last_cycle"]
    said = ", ".join(f"{count} {kind}" for kind, count in counts.items())
    lines = [
        ("live", found["live"]),
        ("previous", found["previous"] or "none"),
        ("candidate", found["candidate"] or "none"),
        ("held", found["hold"]["reason"] if found.get("hold") else "no"),
        ("engine", found["engine"]),
        ("feedback", said),
        ("forgotten", _knew(found["knew_forgotten"])),
        ("last cycle", f"{last['outcome'] or last['stage']}: {last['reason']}" if last else "none"),
    ]
    return "\n".join(f"{name:<11} {value}" for name, value in lines)


def _knew(adapters: list[str]) -> str:
    if not adapters:
        return "no adapter in use learned from a person who was forgotten"
    return f"{', '.join(adapters)} learned from a person who was forgotten: promote a newer one"


@app.command()
def cycle(
    method: Annotated[str, typer.Option(help="auto, kto or dpo.")] = "auto",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what it would do.")] = False,
    as_json: Json = False,
) -> None:
    """Run one turn of the loop and wait for it."""
    from ratchet.cycles import METHODS

    if method not in METHODS:
        raise typer.BadParameter(
            f"{method!r} is none of {', '.join(METHODS)}", param_hint="--method"
        )
    if dry_run:
        from ratchet.plan import plan_cycle, plan_text

        plan = plan_cycle(load_settings(), method)
        result(plan, as_json, lambda: plan_text(plan))
        return
    found = _run_cycle(method)
    result(found, as_json, lambda: _cycle_text(found))
    raise typer.Exit(1 if found["outcome"] == "failed" else 0)


def _run_cycle(method: str) -> dict[str, Any]:
    from ratchet.client import operator_service
    from ratchet.follow import follow, request_cycle

    service = operator_service(load_settings())
    with Bar() as bar:

        def show(row: dict[str, Any]) -> None:
            for s in row["stages"]:
                bar.show(s["name"], s["progress"], s["detail"], s["state"])

        try:
            return follow(service, request_cycle(service, method), show)
        except KeyboardInterrupt:
            note("The cycle goes on in the worker; `ratchet status` shows how it ends.")
            raise


def _cycle_text(row: dict[str, Any]) -> str:
    lines = [f"{row['outcome']}: {row['reason']}", ""]
    stages = [(s["name"], f"{s['seconds']:.1f} s", s["detail"]) for s in row["stages"]]
    lines.append(table(("stage", "took", "what"), stages))
    for responder, decision in (row["gate"] or {}).items():
        lines += ["", f"{responder}: {decision['decision']}"]
        marks = {True: "yes", False: "no", None: "cannot tell"}
        checks = [(c["name"], marks[c["passed"]], c["reason"]) for c in decision["checks"]]
        lines.append(table(("check", "passed", "reason"), checks))
    return "\n".join(lines)


@app.command()
def promote(
    responder: Annotated[str, typer.Argument(help="e.g. ratchet-0007+rag, rag, agent or base.")],
    reason: Reason,
    force: Annotated[
        bool, typer.Option("--force", help="Even if the gate has not passed it.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make a responder live; returns when the next request is answered by it."""
    _operate("promote", as_json, responder=responder, reason=reason, force=force)


@app.command()
def rollback(reason: Reason, as_json: Json = False) -> None:
    """Make live again what was live before."""
    _operate("rollback", as_json, reason=reason)


@app.command()
def hold(reason: Reason, as_json: Json = False) -> None:
    """Stop automatic promotion."""
    _operate("hold", as_json, reason=reason)


@app.command()
def resume(reason: Reason, as_json: Json = False) -> None:
    """Allow automatic promotion again."""
    _operate("resume", as_json, reason=reason)


def _operate(action: str, as_json: bool, **body: Any) -> None:
    from ratchet.client import operator_service

    settings = load_settings()
    # A promotion may have to load the adapter first.
    wait = settings.promotion.wait_seconds + 10
    found = operator_service(settings).call("POST", f"/v1/{action}", body, wait)
    result(found, as_json, lambda: _operated_text(found))


def _operated_text(found: dict[str, Any]) -> str:
    held = found.get("held")
    shown = {
        "live": found.get("live"),
        "previous": found.get("previous") or ("none" if "previous" in found else None),
        "held": held["reason"] if held else ("no" if "held" in found else None),
    }
    return "\n".join(f"{name:<11} {value}" for name, value in shown.items() if value)


@app.command()
def doctor(as_json: Json = False) -> None:
    """Check what the service needs, and say how to mend what is missing."""
    from ratchet.doctor import examine

    checks = examine(load_settings())
    found = {"ok": all(c.ok for c in checks), "checks": [c._asdict() for c in checks]}
    rows = [("ok" if c.ok else "FAIL", c.name, c.found, "" if c.ok else c.fix) for c in checks]
    result(found, as_json, lambda: table(("", "check", "found", "fix"), rows))
    raise typer.Exit(0 if found["ok"] else 1)


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(help="The archive to write, e.g. ratchet.tar.")],
    as_json: Json = False,
) -> None:
    """Write database, adapters and documents into one archive, while the service runs."""
    from ratchet.archive import write_backup

    found = write_backup(load_settings(), file)
    said = f"{found['file']}: {found['files']} files, {found['bytes']} bytes"
    result(found, as_json, lambda: said)


@app.command()
def restore(
    file: Path,
    replace: Annotated[
        bool, typer.Option("--replace", help="Set what is there aside, and take its place.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Bring a backup back into an empty RATCHET_HOME, and an empty database."""
    from ratchet.restore import read_backup

    found = read_backup(load_settings(), file, replace=replace)
    said = f"restored {found['files']} files into {found['home']}"
    if not found["checked"]:
        said += "; nothing of it was checked: the archive is older than the list of hashes"
    if found["forgotten"]:
        said += f"; {found['forgotten']} people who were forgotten since are forgotten again"
    if found["answered"]:
        said += f"; of {found['answered']} people the answer about training given since counts"
    if found["aside"]:
        said += (
            f"; what was there is in {found['aside']}: a full copy, which `feedback forget` and"
            " retention do not clean; delete it when it is not needed any more"
        )
    result(found, as_json, lambda: said)


data_commands.register(app)


def _sentence(err: Exception) -> Exception:
    """Say of an operating system's or a database's error what it is about, and what to look at."""
    said = getattr(err, "orig", None)
    if said is not None:  # SQLAlchemy would add the statement and what was in it
        first = (str(said).strip() or type(said).__name__).splitlines()[0]
        return RuntimeError(f"the database refused: {first}; check RATCHET_DATABASE_URL")
    if not isinstance(err, OSError) or err.strerror is None:
        return err
    path = err.filename2 or err.filename
    return type(err)(f"{path}: {err.strerror.lower()}; check that it exists and may be used")


def main() -> None:
    """Run the command line."""
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as err:
        # A path that cannot be read or written and a database that cannot be reached are the
        # user's to mend; what else a library raises is ours, and its traceback is needed.
        foreign = type(err).__module__.partition(".")[0] not in (*OURS, "sqlalchemy")
        if foreign and not isinstance(err, OSError | UnicodeError):
            raise
        failure(_sentence(err), "--json" in sys.argv)
        sys.exit(1)


if __name__ == "__main__":
    main()
