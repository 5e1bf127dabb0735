"""The local engine's process: its command line, its guard, and that nothing is ever left behind."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from serving import engine_process
from serving.engine_guard import group_members
from serving.engine_process import (
    EngineFailed,
    EngineProcess,
    clear_leftover,
    command,
    environment,
    started_at,
)
from tests.serving_kit import config_for, wait_for

# Stands in for vLLM: starts a child that, like vLLM's core, watches nobody, then waits.
STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", "multiprocessing"])
print("up", flush=True)
time.sleep(600)
"""


def stub(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    # The word makes the engine's site mark it, as it marks vLLM itself.
    words = [sys.executable, "-c", code, "vllm.entrypoints"]
    monkeypatch.setattr(engine_process, "command", lambda config, port: words)


def engine(tmp_path: Path) -> EngineProcess:
    return EngineProcess(config_for(tmp_path), tmp_path / "logs" / "engine.log")


def members(process: EngineProcess) -> set[int]:
    assert process.group is not None
    return group_members(process.group)


def test_the_command_line_has_what_the_traps_need(tmp_path: Path) -> None:
    words = command(config_for(tmp_path, cpu=True, engine_args=("--seed", "1")), 8011)
    line = " ".join(words)
    assert "--host 127.0.0.1 --port 8011 --api-server-count 1" in line
    assert "--lora-target-modules q_proj k_proj v_proj o_proj gate_proj up_proj down_proj" in line
    assert "--scheduling-policy priority" in line
    assert "--gpu-memory-utilization" not in line
    assert "--distributed-executor-backend uni" in line
    assert """--default-chat-template-kwargs {"enable_thinking": false}""" in line
    assert line.endswith("--seed 1")
    assert "--tool-call-parser" not in words
    calling = " ".join(command(config_for(tmp_path, tool_parser="hermes"), 1))
    assert "--enable-auto-tool-choice --tool-call-parser hermes" in calling
    gpu = " ".join(command(config_for(tmp_path, cpu=False, max_model_len=4096), 1))
    assert "--gpu-memory-utilization 0.9" in gpu
    assert "--max-model-len 4096" in gpu


def test_the_engine_does_not_get_our_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RATCHET_OPERATOR_TOKEN", "secret")
    ours = environment(config_for(tmp_path, cpu=True))
    assert "secret" not in ours.values()
    assert ours["VLLM_ALLOW_RUNTIME_LORA_UPDATING"] == "True"
    assert ours["VLLM_CPU_KVCACHE_SPACE"] == ours["OMP_NUM_THREADS"] == "1"
    assert ours["VLLM_ENABLE_V1_MULTIPROCESSING"] == "0"
    assert ours["PYTHONPATH"].split(os.pathsep)[0].endswith("engine_site")


def test_stop_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stub(monkeypatch, STUBBORN)
    process = engine(tmp_path)
    process.start()
    wait_for(lambda: len(members(process)) == 3, 20)
    process.stop()
    assert members(process) == set()
    assert not (tmp_path / "run" / "engine.json").exists()
    assert "up" in process.tail()


@pytest.mark.parametrize("killed", ["guard", "engine", "guard and engine"])
def test_whoever_is_killed_takes_the_rest_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed: str
) -> None:
    stub(monkeypatch, STUBBORN)
    process = engine(tmp_path)
    process.start()
    wait_for(lambda: len(members(process)) == 3, 20)
    guard = process.group
    assert guard is not None
    (server,) = (pid for pid in members(process) if parent(pid) == guard)
    for name, pid in (("guard", guard), ("engine", server)):
        if name in killed:
            os.kill(pid, signal.SIGKILL)
    wait_for(lambda: members(process) == set(), 15)
    process.stop()


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])


def test_our_own_death_ends_the_engine(tmp_path: Path) -> None:
    code = f"""
import sys, time
from pathlib import Path
from serving import engine_process
from tests.serving_kit import config_for
words = [sys.executable, "-c", {STUBBORN!r}, "vllm.entrypoints"]
engine_process.command = lambda config, port: words
home = Path({str(tmp_path)!r})
process = engine_process.EngineProcess(config_for(home), home / "engine.log")
process.start()
print(process.group, flush=True)
time.sleep(600)
"""
    root = Path(__file__).parents[2]
    us = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=root)
    assert us.stdout is not None
    group = int(us.stdout.readline())
    wait_for(lambda: len(group_members(group)) == 3, 20)
    us.kill()
    us.wait()
    us.stdout.close()
    wait_for(lambda: group_members(group) == set(), 15)


def test_a_leftover_is_cleared_before_a_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "run" / "engine.json"
    file.parent.mkdir()
    lost = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], process_group=0)
    wait_for(lambda: started_at(lost.pid) > 0)
    file.write_text(json.dumps({"group": lost.pid, "started": started_at(lost.pid)}))
    stub(monkeypatch, STUBBORN)
    process = engine(tmp_path)
    process.start()
    assert lost.wait(5) == -signal.SIGKILL
    process.stop()


def test_somebody_elses_group_is_left_alone(tmp_path: Path) -> None:
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], process_group=0)
    file = tmp_path / "engine.json"
    file.write_text(json.dumps({"group": other.pid, "started": started_at(other.pid) - 5}))
    assert not clear_leftover(file)
    assert other.poll() is None
    other.kill()
    other.wait()
    assert not clear_leftover(tmp_path / "none.json")
    file.write_text("broken")
    assert not clear_leftover(file)


def test_an_engine_that_cannot_start_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub(monkeypatch, "raise SystemExit('no such model')")
    process = engine(tmp_path)
    process.start()
    with pytest.raises(EngineFailed, match="no such model"):
        process.wait_healthy(20)
    process.stop()


def test_an_engine_that_ends_is_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub(monkeypatch, "print('round', flush=True)")
    monkeypatch.setattr(engine_process, "FIRST_PAUSE", 0.01)
    process = engine(tmp_path)
    ends: list[str] = []

    def ended(message: str) -> None:
        ends.append(message)
        if len(ends) == 2:
            process.stop()

    process.run_forever(ended)
    assert len(ends) == 2
    assert process.tail().count("round") == 2


def test_a_site_of_the_installation_still_runs(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("print('behind')")
    site = Path(engine_process.__file__).parent / "engine_site"
    path = os.pathsep.join([str(site), str(tmp_path)])
    done = subprocess.run(
        [sys.executable, "-c", "pass"],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "behind\n"


def test_an_engine_that_hangs_is_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub(monkeypatch, STUBBORN)
    monkeypatch.setattr(engine_process, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(engine_process, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(engine_process, "HUNG_SECONDS", 0.1)
    answers = iter([True])
    monkeypatch.setattr(engine_process, "answers", lambda url: next(answers, False))
    process = engine(tmp_path)
    ends: list[str] = []

    def ended(message: str) -> None:
        ends.append(message)
        assert members(process) == set()
        process.stop()

    process.run_forever(ended)
    assert "no answer" in ends[0]
