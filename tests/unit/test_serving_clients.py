"""curl as people type it: whole answers, streams with usage, a vote, what is said of mistakes."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.serving_kit import OPERATOR, Service, service

ASK = {"model": "base", "messages": [{"role": "user", "content": "Hi"}]}
USAGE = {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with service(tmp_path_factory.mktemp("clients"), tool_parser="hermes") as made:
        yield made


def curl(served: Service, path: str, *more: str, body: Any = None) -> str:
    """Ask as a shell does, and return what is printed."""
    if shutil.which("curl") is None:
        pytest.skip("there is no curl here")
    line = ["curl", "--silent", "--show-error", "--max-time", "30", f"{served.url}{path}", *more]
    if body is not None:
        line += ["-H", "Content-Type: application/json", "-d", json.dumps(body)]
    return subprocess.run(line, capture_output=True, check=True, encoding="utf-8").stdout


def test_curl_is_answered(served: Service) -> None:
    answer = json.loads(curl(served, "/v1/chat/completions", body=ASK))
    assert answer["choices"][0]["message"]["content"] == "Answered by base."
    assert answer["usage"] == USAGE
    voted = curl(served, f"/v1/feedback/votes/{answer['id']}", "-X", "PUT", body={"liked": True})
    assert json.loads(voted)["liked"] is True


def test_curl_is_shown_a_stream_as_it_comes(served: Service) -> None:
    body = {**ASK, "stream": True, "stream_options": {"include_usage": True}}
    *events, done = curl(served, "/v1/chat/completions", "-N", body=body).strip().split("\n\n")
    assert done == "data: [DONE]"
    chunks = [json.loads(event.removeprefix("data: ")) for event in events]
    said = [choice["delta"].get("content") or "" for c in chunks for choice in c["choices"]]
    assert "".join(said) == "Answered by base."
    assert chunks[-1]["choices"] == []
    assert [chunk["usage"] for chunk in chunks] == [None] * (len(chunks) - 1) + [USAGE]
    assert len({chunk["id"] for chunk in chunks}) == 1


def test_curl_is_told_what_was_wrong(served: Service, tmp_path: Path) -> None:
    status = ("-o", "-", "-w", "\n%{http_code}")
    form = curl(served, "/v1/chat/completions", *status, "-d", json.dumps(ASK))
    said, _, code = form.rpartition("\n")
    assert (code, "Content-Type: application/json" in said) == ("415", True)
    token = ("-H", f"Authorization: Bearer {OPERATOR}")
    # Of a body as long as this curl asks first whether it may send it (Expect: 100-continue).
    (tmp_path / "long").write_bytes(b"x" * 5 * 2**20)
    long = ("--data-binary", f"@{tmp_path / 'long'}", "-H", "Content-Type: application/json")
    assert curl(served, "/v1/promote", *token, *status, *long).endswith("\n413")
