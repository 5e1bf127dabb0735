"""Starts the local vLLM, watches it, restarts it with backoff, and leaves nothing behind.

The engine lives in a process group of its own under a guard (`engine_guard.py`). The group's number
and the guard's start time are in `run/engine.json`, so that the next start can clear away whatever
was left.

Invariant: at most one engine of a home is running, on the one port that web was told.
"""

import contextlib
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from serving.config import ServingConfig
from serving.engine_guard import group_members

logger = logging.getLogger(__name__)

LORA_MODULES = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
"""Without this list vLLM wraps `lm_head` as well, and two requests for prompt logprobs in one batch
take a CPU engine down."""
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
STEADY_SECONDS = 60.0
"""An engine that ran for so long was fine: its end starts the pauses over."""
STOP_SECONDS = 14.0
"""More than the guard takes for a clean end and the killing behind it."""
LOOK_SECONDS = 2.0
HUNG_SECONDS = 60.0
"""An engine that has answered before and is silent for so long is started again."""
_SITE = Path(__file__).parent / "engine_site"
_ROOT = Path(__file__).parents[1]


class EngineFailed(Exception):
    """The engine did not come up; the message holds the end of its log."""


def command(config: ServingConfig, port: int) -> list[str]:
    """Return vLLM's command line."""
    words = [sys.executable, "-m", "vllm.entrypoints.openai.api_server"]
    words += ["--model", config.base_model, "--served-model-name", "base"]
    words += ["--host", "127.0.0.1", "--port", str(port), "--api-server-count", "1"]
    words += ["--enable-lora", "--max-loras", str(config.max_loras)]
    words += ["--max-cpu-loras", str(config.max_cpu_loras)]
    words += ["--max-lora-rank", str(config.max_lora_rank)]
    words += ["--lora-target-modules", *LORA_MODULES]
    words += ["--scheduling-policy", "priority", "--disable-uvicorn-access-log"]
    # Where the template knows the word: votes are about answers, and training renders it alike.
    words += ["--default-chat-template-kwargs", '{"enable_thinking": false}']
    if config.cpu:
        words += ["--distributed-executor-backend", "uni"]
    else:
        words += ["--gpu-memory-utilization", str(config.gpu_memory_utilization)]
    if config.tool_parser:
        words += ["--enable-auto-tool-choice", "--tool-call-parser", config.tool_parser]
    if config.max_model_len:
        words += ["--max-model-len", str(config.max_model_len)]
    return [*words, *config.engine_args]


def environment(config: ServingConfig) -> dict[str, str]:
    """Return the engine's environment: ours, without our secrets, with what vLLM reads from it."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("RATCHET_")}
    path = [str(_SITE), *filter(None, [ours.get("PYTHONPATH")])]
    added = {
        "PYTHONPATH": os.pathsep.join(path),
        "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "True",
        "VLLM_WORKER_MULTIPROC_METHOD": "spawn",
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }
    if config.cpu:
        added["VLLM_CPU_KVCACHE_SPACE"] = str(config.kv_cache_gib)
        # Core and worker in one process: two wait for each other in busy loops, which cost a whole
        # core while anybody is answered. This variable is how vLLM lets that be chosen.
        added["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
        added["VLLM_CPU_OMP_THREADS_BIND"] = "nobind"
        added["OMP_NUM_THREADS"] = str(config.cpu_threads)
    if Path(config.base_model).is_dir():
        added["HF_HUB_OFFLINE"] = "1"
    return ours | added


class EngineProcess:
    """A local vLLM."""

    def __init__(self, config: ServingConfig, log_path: Path, port: int | None = None) -> None:
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._config = config
        self._log = log_path
        self._file = config.home / "run" / "engine.json"
        self._guard: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()

    @property
    def running(self) -> bool:
        """Whether the guard, and so the engine, is there."""
        return self._guard is not None and self._guard.poll() is None

    @property
    def group(self) -> int | None:
        """The process group of guard and engine."""
        return self._guard.pid if self._guard else None

    def start(self) -> None:
        """Clear away an earlier engine and start this one; returns at once."""
        clear_leftover(self._file)
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            self._guard = subprocess.Popen(
                [sys.executable, "-m", "serving.engine_guard", *command(self._config, self.port)],
                cwd=_ROOT,
                env=environment(self._config),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._file.parent.mkdir(parents=True, exist_ok=True)
        known = {"group": self._guard.pid, "started": started_at(self._guard.pid)}
        draft = self._file.with_suffix(".tmp")
        draft.write_text(json.dumps(known | {"url": self.url}), encoding="utf-8")
        os.replace(draft, self._file)

    def wait_healthy(self, seconds: float = 900.0) -> None:
        """Wait until the engine answers.

        Raises:
            EngineFailed: it ended, or took too long.
        """
        deadline = time.monotonic() + seconds
        while not answers(self.url):
            if not self.running:
                raise EngineFailed(f"vLLM ended while starting; {self._log} ends:\n{self.tail()}")
            if time.monotonic() > deadline:
                raise EngineFailed(f"vLLM is not up after {seconds:.0f} s; see {self._log}")
            time.sleep(0.2)

    def run_forever(self, on_exit: Callable[[str], None] | None = None) -> None:
        """Start the engine and start it again whenever it ends or hangs, until `stop`."""
        pause = FIRST_PAUSE
        while not self._stopping.is_set():
            began = time.monotonic()
            self.start()
            status = self._watch()
            self._end_guard()
            if self._stopping.is_set():
                return
            if time.monotonic() - began > STEADY_SECONDS:
                pause = FIRST_PAUSE
            message = f"vLLM ended ({status}); it is started again in {pause:.0f} s"
            logger.error("%s. %s ends:\n%s", message, self._log, self.tail())
            if on_exit is not None:
                on_exit(message)
            self._stopping.wait(pause)
            pause = min(LONGEST_PAUSE, pause * 2)

    def stop(self) -> None:
        """End the engine and everything that it started; returns when it is gone."""
        self._stopping.set()
        self._end_guard()
        self._file.unlink(missing_ok=True)

    def _watch(self) -> str:
        """Wait until the engine ends, hangs or shall stop; say which."""
        guard = self._guard
        assert guard is not None
        answered_at: float | None = None
        while not self._stopping.is_set():
            try:
                return f"status {guard.wait(LOOK_SECONDS)}"
            except subprocess.TimeoutExpired:
                if answers(self.url):
                    answered_at = time.monotonic()
            if answered_at is not None and time.monotonic() - answered_at > HUNG_SECONDS:
                return f"no answer for {HUNG_SECONDS:.0f} s"
        return "stopped"

    def _end_guard(self) -> None:
        guard = self._guard
        if guard is None:
            return
        if guard.stdin is not None:
            # The end of the pipe is the order to stop.
            guard.stdin.close()
        try:
            guard.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            logger.warning("The engine's guard did not end by itself; it is killed.")
        kill_group(guard.pid)
        guard.wait()

    def tail(self, lines: int = 15) -> str:
        """Return the end of the engine's log."""
        try:
            with self._log.open("rb") as log:
                log.seek(max(0, self._log.stat().st_size - 20_000))
                text = log.read().decode("utf-8", "replace")
        except FileNotFoundError:
            return "(no log)"
        return "\n".join(text.splitlines()[-lines:])


def clear_leftover(file: Path) -> bool:
    """Kill the group that an earlier start noted, if it is still that group."""
    try:
        known = json.loads(file.read_text(encoding="utf-8"))
        group, started = int(known["group"]), float(known["started"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return False
    # A number is not given to a new process while a group still bears it. So either the guard is
    # the one that was noted, or it is gone and the members that are left are its own.
    leader = started_at(group)
    if leader and leader != started:
        return False
    members = group_members(group)
    if not members or min(started_at(pid) or started for pid in members) < started:
        return False
    logger.warning("An earlier engine is still there (group %d); it is ended first.", group)
    kill_group(group)
    return True


def kill_group(group: int, seconds: float = 5.0) -> None:
    """Kill every process of a group and wait until they are gone."""
    deadline = time.monotonic() + seconds
    while group_members(group) and time.monotonic() < deadline:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)
        time.sleep(0.05)


def started_at(pid: int) -> float:
    """Return when a process was started, in ticks since boot; 0 where there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0.0
    return float(stat.rpartition(")")[2].split()[19])


def answers(url: str) -> bool:
    """Say whether an engine is up at this address."""
    try:
        # A proxy of the environment is for the world outside.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{url}/health", timeout=2) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def free_port() -> int:
    """Return a port that nobody uses at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
