"""A disk that is really full: a small one of its own, in a namespace of its own."""

import errno
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from tests.serving_kit import wait_for

ROOT = Path(__file__).parents[2]
MOUNT = 'mount -t tmpfs -o size=2m tmpfs "$0"'
SERVICE = """
import sys
from pathlib import Path
from tests.serving_kit import service
with service(Path(sys.argv[1])) as made:
    print(made.url, flush=True)
    sys.stdin.read()
"""


class Small(NamedTuple):
    """A service whose disk is small."""

    url: str
    disk: Path

    def ask(self, stream: bool) -> httpx.Response:
        body = {"messages": [{"role": "user", "content": "word " * 2000}], "stream": stream}
        return httpx.post(f"{self.url}/v1/chat/completions", json=body, timeout=60)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Small]:
    names = ["unshare", "--map-root-user", "--mount", "sh", "-c"]
    if subprocess.run([*names, MOUNT, tmp_path], check=False, capture_output=True).returncode:
        pytest.skip("this machine lets nobody mount a disk of their own")
    process = subprocess.Popen(
        [*names, f'{MOUNT} && exec "$@"', tmp_path, sys.executable, "-c", SERVICE, tmp_path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process.stdin, process.stdout:
        url = process.stdout.readline().strip()
        yield Small(url, Path(f"/proc/{process.pid}/root{tmp_path}"))
    assert process.wait(30) == 0


def fill(path: Path) -> None:
    left = True
    with path.open("wb", buffering=0) as file:
        while left:
            try:
                file.write(b"x" * 4096)
            except OSError as err:
                if err.errno != errno.ENOSPC:
                    raise
                left = False


@pytest.mark.parametrize("stream", [False, True])
def test_a_full_disk_is_said_and_is_over_when_there_is_space_again(
    small: Small, stream: bool
) -> None:
    first = small.ask(stream)
    assert first.status_code == 200
    fill(small.disk / "filler")
    answers = [small.ask(stream) for _ in range(20)]
    served = [answer for answer in answers if answer.status_code == 200]
    refused = [answer for answer in answers if answer.status_code == 507]
    # What still fits into pages that exist is served; all else is refused, in words.
    assert len(served) + len(refused) == len(answers)
    assert refused
    assert {answer.json()["error"]["code"] for answer in refused} == {"storage_full"}
    (small.disk / "filler").unlink()
    wait_for(lambda: small.ask(stream).status_code == 200)
    for answer in (first, *served):
        identity = json.loads(answer.text.split("\n\n")[0].removeprefix("data: "))["id"]
        vote = f"{small.url}/v1/feedback/votes/{identity}"
        assert httpx.put(vote, json={"liked": True}, timeout=60).status_code == 200
