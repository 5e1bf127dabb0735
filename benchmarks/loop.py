"""The whole loop on the demo, seed by seed: are honest votes promoted, and coin flips not?

Each run starts the real service in a home of its own, lets simulated people vote, turns the loop
once (once more with 150 votes after a `pending`), probes what is live at temperature 1, and rolls
back. Nothing is asserted here; the rows go to benchmarks/RESULTS.md.
"""

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from benchmarks.results import table, write_section
from demo.probe import probe

RATCHET = Path(sys.executable).with_name("ratchet")
READY_SECONDS = 120
CYCLE_SECONDS = 900


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port: int = s.getsockname()[1]
        return port


@contextmanager
def service(home: Path, schedule: str = "off") -> Iterator[dict[str, str]]:
    """Run `ratchet up` in `home`; yield the environment for commands."""
    env = os.environ | {
        "RATCHET_HOME": str(home),
        "RATCHET_PORT": str(free_port()),
        "RATCHET_SCHEDULE": schedule,
    }
    with (home.parent / f"{home.name}.log").open("wb") as log:
        up = subprocess.Popen([RATCHET, "up"], env=env, stdout=log, stderr=log)
    try:
        _wait_ready(env, up)
        yield env
    finally:
        up.terminate()
        up.wait(60)


def _wait_ready(env: dict[str, str], up: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        if up.poll() is not None:
            raise RuntimeError(f"ratchet up ended with {up.returncode}")
        if live(env):
            return
        time.sleep(0.5)
    raise RuntimeError(f"not ready within {READY_SECONDS} s")


def live(env: dict[str, str]) -> str | None:
    """Return the responder that is live, None while the service is not ready."""
    try:
        reply = httpx.get(f"http://127.0.0.1:{env['RATCHET_PORT']}/readyz", timeout=5)
    except httpx.TransportError:
        return None
    return str(reply.json()["live"]) if reply.status_code == 200 else None


def command(env: dict[str, str], *words: str) -> dict[str, Any]:
    """Run a ratchet command with --json and return its object."""
    done = subprocess.run(
        [RATCHET, *words, "--json"],
        env=env,
        capture_output=True,
        text=True,
        timeout=CYCLE_SECONDS,
        check=False,
    )
    if not done.stdout.strip():
        raise RuntimeError(f"ratchet {' '.join(words)} said nothing: {done.stderr[-2000:]}")
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def turn(seed: int, noise: float, home: Path) -> dict[str, Any]:
    """Turn the loop for one seed; return one row of the table."""
    with service(home) as env:
        url = f"http://127.0.0.1:{env['RATCHET_PORT']}"
        vote = ("demo", "vote", "--noise", str(noise))
        command(env, *vote, "--votes", "300", "--seed", str(seed))
        began = time.monotonic()
        cycle = command(env, "cycle")
        seconds, again = time.monotonic() - began, ""
        if cycle["outcome"] == "pending" and noise < 0.5:
            command(env, *vote, "--votes", "150", "--seed", str(seed + 1000))
            began = time.monotonic()
            again, cycle = "pending, then ", command(env, "cycle")
            seconds = time.monotonic() - began
        probed = (
            probe(url, responder="ratchet", questions=500, seed=seed) if cycle["promoted"] else None
        )
        if cycle["promoted"]:
            command(env, "rollback", "--reason", "the benchmark puts things back")
        return {
            "seed": seed,
            "noise": noise,
            "outcome": again + cycle["outcome"],
            "promoted": cycle["promoted"],
            "seconds": round(seconds),
            "stages": {s["name"]: round(s["seconds"], 1) for s in cycle["stages"]},
            "reason": cycle["reason"],
            "gate": cycle["gate"],
            "probe": probed,
        }


def untouched(seed: int, home: Path) -> str:
    """Let people vote with the schedule on, do nothing, and say what became live and when."""
    with service(home, schedule="on") as env:
        began = time.monotonic()
        votes = command(env, "demo", "vote", "--votes", "300", "--seed", str(seed))
        voted = time.monotonic() - began
        while live(env) in (None, "rag") and time.monotonic() - began < CYCLE_SECONDS:
            time.sleep(1)
        seconds, now = time.monotonic() - began, live(env)
        return (
            f"Schedule on, seed {seed}: {votes['votes']} votes in {voted:.0f} s; {now} was live "
            f"{seconds:.0f} s after the first vote, {seconds - voted:.0f} s after the last."
        )


def main() -> None:
    """Run the seeds that were asked for and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--honest", type=int, nargs="*", default=[1, 2, 3])
    parser.add_argument("--coin-flips", type=int, nargs="*", default=[1, 2, 3])
    parser.add_argument("--untouched", type=int, nargs="*", default=[1])
    args = parser.parse_args()
    root = Path(tempfile.mkdtemp(prefix="ratchet-loop-"))
    rows = []
    for noise, seeds in ((0.05, args.honest), (0.5, args.coin_flips)):
        for seed in seeds:
            home = root / f"{noise}-{seed}"
            home.mkdir()
            rows.append(turn(seed, noise, home))
            print(json.dumps(rows[-1], ensure_ascii=False, default=str), flush=True)
            write_section("The loop on the demo, seed by seed", as_table(rows))
    for seed in args.untouched:
        home = root / f"untouched-{seed}"
        home.mkdir()
        write_section("The loop on the demo, untouched", untouched(seed, home))
    shutil.rmtree(root)


def as_table(rows: list[dict[str, Any]]) -> str:
    """Render the rows as Markdown."""
    heads = (
        "seed", "votes turned", "outcome", "live then", "cycle, s", "reference: it / rag",
        "right and cited at temperature 1 [95 %]",
    )  # fmt: skip
    cells = [
        (
            row["seed"],
            f"{row['noise']:.0%}",
            row["outcome"],
            row["promoted"] or "rag",
            row["seconds"],
            reference(row),
            row["probe"] or f"not probed. {row['reason']}",
        )
        for row in rows
    ]
    return table(heads, cells)


def reference(row: dict[str, Any]) -> str:
    """Return the shares of right reference answers: of what was promoted, or of both candidates."""
    gates = {name: g for name, g in (row["gate"] or {}).items() if row["promoted"] in (None, name)}
    shown = []
    for name, gate in gates.items():
        figures = {check["name"]: check["figures"] for check in gate["checks"]}
        found = figures["as often right as rag"]
        form = "+rag" if name.endswith("+rag") else "alone"
        shown.append(f"{form} {found['right']:.1%} / {found['other_right']:.1%}")
    return ", ".join(shown)


if __name__ == "__main__":
    main()
