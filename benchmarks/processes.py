"""The processes that the serving benchmarks measure, each pinned to a core.

The engine (or what stands in for it) gets the first core that we may use, the gateway and the
client the last one, in every arm: what a gateway costs is then taken from the client, not from the
engine. Everything that is started here ends with its `with` block.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

from ratchet.base_model import base_hash, base_path
from ratchet.settings import Settings
from ratchet.wiring import serving_config
from serving.engine_process import EngineProcess, free_port

ROOT = Path(__file__).parents[1]
_CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]
ENGINE_CORE, OUR_CORE = _CORES[0], _CORES[-1]
READY_SECONDS = 180
OPERATOR = "benchmark-operator"


@contextmanager
def started(
    words: Sequence[str | Path],
    core: int,
    log: Path,
    ready: str,
    environment: Mapping[str, str] | None = None,
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a command pinned to a core, from when `ready` answers 200 to the end of the block.

    Raises:
        RuntimeError: it ended, or took longer than `READY_SECONDS`.
    """
    with log.open("wb") as file:
        process = subprocess.Popen(
            words, cwd=ROOT, env=os.environ | dict(environment or {}), stdout=file, stderr=file,
            preexec_fn=lambda: pin(core),
        )  # fmt: skip
    try:
        _wait(process, ready, log)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def upstream(folder: Path, core: int = ENGINE_CORE) -> Iterator[str]:
    """Run the engine that costs nothing; give its address."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    words = [sys.executable, "-m", "benchmarks.upstream", str(port)]
    with started(words, core, folder / "upstream.log", f"{url}/health"):
        yield url


@contextmanager
def gateway(
    home: Path, engine_url: str, core: int = OUR_CORE, **settings: str
) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """Run the service as people run it, in front of this engine; give its address and process.

    `settings` are further ones, e.g. `RATCHET_PAIR_RATE="0"`.
    """
    home.mkdir(parents=True, exist_ok=True)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environment = {
        "RATCHET_HOME": str(home),
        "RATCHET_PORT": str(port),
        "RATCHET_ENGINE_URL": engine_url,
        "RATCHET_SCHEDULE": "off",
        "RATCHET_OPERATOR_TOKEN": OPERATOR,
        **settings,
    }
    words = [sys.executable, "-m", "ratchet", "serve"]
    with started(words, core, home / "serve.log", f"{url}/readyz", environment) as process:
        yield url, process


@contextmanager
def engine(home: Path, core: int = ENGINE_CORE) -> Iterator[str]:
    """Run a real vLLM with the base model that the settings name; give its address."""
    settings = Settings(home=home)
    base = base_path(settings)
    config = serving_config(settings, base, base_hash(base, home / "run" / "base-hash.json"))
    process = EngineProcess(config, home / "engine.log")
    own = os.sched_getaffinity(0)
    pin(core)
    try:
        process.start()
    finally:
        os.sched_setaffinity(0, own)
    try:
        process.wait_healthy(READY_SECONDS)
        yield process.url
    finally:
        process.stop()


def pin(core: int) -> None:
    """Keep this process, and what it starts, on one core."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})


def _wait(process: "subprocess.Popen[bytes]", ready: str, log: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            said = log.read_text(encoding="utf-8", errors="replace")[-2000:]
            raise RuntimeError(f"{log.stem} ended with {process.returncode}:\n{said}")
        try:
            if httpx.get(ready, timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise RuntimeError(f"{ready} is not ready after {READY_SECONDS} s; see {log}")
