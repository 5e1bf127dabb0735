"""What happens when a real engine, and then everything around it, is killed."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from serving.engine_guard import group_members
from serving.null_adapter import NULL_ADAPTER
from tests.integration.conftest import MODEL, random_adapter, serve
from tests.serving_kit import Service, wait_for

pytestmark = [pytest.mark.vllm, pytest.mark.slow]

HOST = """
import sys
from pathlib import Path
from serving.engine_process import EngineProcess
from tests.serving_kit import config_for
home = Path(sys.argv[1])
process = EngineProcess(config_for(home, cpu=True, base_model=sys.argv[2]), home / "engine.log")
print(process.url, flush=True)
process.run_forever()
"""


class Host(NamedTuple):
    """A process that keeps an engine running, as `ratchet up` does."""

    process: "subprocess.Popen[str]"
    url: str
    home: Path

    def group(self) -> int:
        return int(
            json.loads((self.home / "run" / "engine.json").read_text(encoding="utf-8"))["group"]
        )


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    home = tmp_path_factory.mktemp("host")
    process = subprocess.Popen(
        [sys.executable, "-c", HOST, str(home), str(MODEL.absolute())],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdout is not None
    yield Host(process, process.stdout.readline().strip(), home)
    process.kill()
    process.wait()
    process.stdout.close()


@pytest.fixture(scope="module")
def crashed(host: Host, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    yield from serve(host.url, tmp_path_factory.mktemp("crash"), seconds=900)


def names_of(group: int) -> dict[int, str]:
    return {
        pid: Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()
        for pid in group_members(group)
    }


def test_a_killed_engine_comes_back_with_what_was_live(crashed: Service, host: Host) -> None:
    name = random_adapter(crashed.registry, crashed.services.config.home, 1)
    body = {"responder": name, "reason": "test", "force": True}
    assert crashed.operator("POST", "/v1/promote", json=body, timeout=60).is_success
    replica = crashed.services.router.replicas[0]
    group = host.group()
    for pid in group_members(group) - {group}:
        os.kill(pid, signal.SIGKILL)
    statuses: list[int] = []
    deadline = time.monotonic() + 900
    while time.monotonic() < deadline:
        answer = crashed.chat("Hi", max_tokens=4)
        statuses.append(answer.status_code)
        if answer.status_code == 200 and len(statuses) > 1 and 503 in statuses:
            break
        if answer.status_code == 503:
            assert int(answer.headers["retry-after"]) > 0
        time.sleep(0.5)
    assert set(statuses) == {200, 503}
    assert answer.json()["model"] == name
    assert {NULL_ADAPTER, name} <= replica.loaded
    assert host.group() != group
    recorded = [c for c in crashed.store.completions() if c.status == "complete"]
    assert len(recorded) == statuses.count(200)


def test_nothing_is_left_after_everything_is_killed(crashed: Service, host: Host) -> None:
    """Everything but the engine's core, which nobody is left to tell; its name is cut at 15."""
    spared = "EngineCor"
    group = host.group()
    there = names_of(group)
    assert any(spared in name for name in there.values()), there
    for pid in [host.process.pid, *(pid for pid, name in there.items() if spared not in name)]:
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: group_members(group) == set(), 15)
