"""Requests a second through the service on one core, beside LiteLLM's proxy on the same core.

Behind both stands the same engine that costs next to nothing (benchmarks/upstream.py), in front of
both the same client; these two share the other core. Ours records every answer on disk before it is
acknowledged; LiteLLM runs one worker without logging, database or callbacks. It is installed from
PyPI into an environment of its own, in the user's cache.
"""

import argparse
import asyncio
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import aiohttp

from benchmarks.client import CHAT, ask, closed_loop, session
from benchmarks.processes import ENGINE_CORE, OUR_CORE, gateway, pin, started, upstream
from benchmarks.results import table, write_section
from benchmarks.upstream import TOKENS
from serving.engine_process import free_port

LITELLM = "1.105.0"
BODY = {"messages": [{"role": "user", "content": "What is the deductible?"}]}


Gateway = tuple[str, "subprocess.Popen[bytes]"]
"""Where it is reached, and its process."""


@contextmanager
def alone(process: "subprocess.Popen[bytes]", others: Iterable[Gateway]) -> Iterator[None]:
    """Hold every other gateway still: even an idle one takes its share of the core."""
    held = [other for _, other in others if other is not process]
    for other in held:
        other.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for other in held:
            other.send_signal(signal.SIGCONT)


@contextmanager
def litellm(folder: Path, engine_url: str, key: str) -> Iterator[Gateway]:
    """Run LiteLLM's proxy in front of the engine; it starts only with a key."""
    program = _install() / "bin" / "litellm"
    config = folder / "litellm.json"
    routed = {"model": "openai/base", "api_base": f"{engine_url}/v1", "api_key": "none"}
    config.write_text(
        json.dumps(
            {
                "model_list": [{"model_name": "base", "litellm_params": routed}],
                "litellm_settings": {"telemetry": False, "num_retries": 0, "callbacks": []},
            }
        ),
        encoding="utf-8",
    )
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    words: list[str | Path] = [
        program,
        "--config",
        config,
        "--port",
        str(port),
        "--num_workers",
        "1",
    ]
    quiet = {
        "LITELLM_LOG": "ERROR",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_MASTER_KEY": key,
    }
    ready = f"{url}/health/liveliness"
    with started(words, OUR_CORE, folder / "litellm.log", ready, quiet) as process:
        yield url, process


def _install() -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    place = cache / "ratchet-benchmarks" / f"litellm-{LITELLM}"
    if not (place / "bin" / "litellm").is_file():
        print(f"installing LiteLLM {LITELLM} into {place}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", place], check=True)
        wanted = f"litellm[proxy]=={LITELLM}"
        subprocess.run([place / "bin" / "pip", "install", "-q", wanted], check=True)
    return place


async def rate(url: str, requests: int, clients: int, *, stream: bool, key: str = "") -> float:
    """Return answers a second; every one must be whole."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    async with session() as http:

        async def one(_: int) -> None:
            if not stream:
                await _whole(http, url, headers)
                return
            reply = await ask(http, url, {**BODY, "model": "base"}, headers)
            if not reply.whole or reply.tokens != TOKENS:
                raise RuntimeError(f"a broken answer: {reply}")

        await closed_loop(clients, max(clients, requests // 10), one)
        _, seconds = await closed_loop(clients, requests, one)
        return requests / seconds


async def _whole(http: aiohttp.ClientSession, url: str, headers: dict[str, str]) -> None:
    asked = {**BODY, "model": "base"}
    async with http.post(url + CHAT, json=asked, headers=headers) as response:
        answer = await response.json()
        if answer.get("usage", {}).get("completion_tokens") != TOKENS:
            raise RuntimeError(f"a broken answer: {answer}")


def main() -> None:
    """Run every arm in turn, again and again, and write the section."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=3000)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    measured: dict[tuple[str, bool], list[float]] = {}
    with tempfile.TemporaryDirectory() as name:
        root, key = Path(name), f"sk-{secrets.token_hex(16)}"
        with (
            upstream(root) as bare,
            gateway(root / "home", bare) as ours,
            litellm(root, bare, key) as other,
        ):
            pin(ENGINE_CORE)
            for _ in range(arguments.rounds):
                # LiteLLM gets fewer requests: what counts is its rate.
                for arm, (url, process), its_key, part in (
                    ("ours", ours, "", 1), ("LiteLLM", other, key, 5)
                ):  # fmt: skip
                    with alone(process, (ours, other)):
                        for stream in (False, True):
                            running = rate(
                                url, arguments.requests // part, arguments.clients,
                                stream=stream, key=its_key,
                            )  # fmt: skip
                            found = asyncio.run(running)
                            measured.setdefault((arm, stream), []).append(found)
                            form = "streams" if stream else "whole"
                            print(f"{arm}, {form}: {found:.0f}/s", flush=True)
            for stream in (False, True):
                running = rate(bare, arguments.requests, arguments.clients, stream=stream)
                measured["upstream", stream] = [asyncio.run(running)]
    figures = {key: median(found) for key, found in measured.items()}
    rows = []
    for stream, what in ((False, "whole answers"), (True, f"streams of {TOKENS} tokens")):
        three = [figures[arm, stream] for arm in ("upstream", "ours", "LiteLLM")]
        rates = (f"{found:,.0f}/s" for found in three)
        rows.append((what, *rates, f"{three[1] / three[2]:.1f} ×"))
    heads = ("requests", "the upstream itself", "ours", "LiteLLM", "ours / LiteLLM")
    body = (
        f"One core, {arguments.clients} clients, medians of {arguments.rounds} rounds; ours with "
        f"recording on, LiteLLM {LITELLM} with logging off. Goal: 5 ×.\n\n{table(heads, rows)}"
    )
    write_section("Gateway", body)
    print(body)


if __name__ == "__main__":
    main()
