"""What a stranger to this code (Schemathesis) makes of /openapi.json never breaks the service.

The answers are held against the document: no fault of ours, no status, type, shape or header that
it does not name, and nothing accepted that it forbids. Every run sends the same.
"""

import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from serving.identity import PERSON_COOKIE
from tests.serving_kit import OPERATOR, Service, service, wait_for

EXAMPLES = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "6"))
"""Requests of each operation; 100 of them take some minutes."""
CHECKS = (
    *("not_a_server_error", "status_code_conformance", "content_type_conformance"),
    *("response_schema_conformance", "response_headers_conformance"),
    *("unsupported_method", "allow_header_conformance"),
)
# Not of a person with a cookie: whatever `user` they send is not even read.
STRICT = (*CHECKS, "negative_data_rejection")

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("schemathesis") is None,
    reason="schemathesis is not installed: requirements/dev.txt names it",
)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    home = tmp_path_factory.mktemp("schemathesis")
    unlimited = {"requests_per_minute": 10**7, "answers_at_once": 10**6}
    with service(home, tool_parser="hermes", **unlimited) as made:
        yield made


@pytest.fixture(scope="module")
def headers(served: Service) -> dict[str, str]:
    identity = served.services.identity
    secret = identity.keys.add("app", {"chat", "feedback", "status", "act"})[1]
    mine = {"Authorization": f"Bearer {secret}"}
    wait_for(lambda: served.http.get("/v1/models", headers=mine).is_success)
    return {
        "person": f"Cookie: {PERSON_COOKIE}={identity.new_person_cookie()}",
        "key that may act": f"Authorization: Bearer {secret}",
        "operator": f"Authorization: Bearer {OPERATOR}",
    }


@pytest.mark.parametrize(
    ("who", "phases", "checks"),
    [
        ("person", "fuzzing", CHECKS),
        ("key that may act", "fuzzing", STRICT),
        ("operator", "examples,coverage,fuzzing", STRICT),
    ],
)
def test_the_service_keeps_to_its_document(
    served: Service,
    headers: dict[str, str],
    tmp_path: Path,
    who: str,
    phases: str,
    checks: tuple[str, ...],
) -> None:
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{served.url}/openapi.json"]
    command += ["--header", headers[who], "--phases", phases, "--checks", ",".join(checks)]
    command += ["--max-examples", str(EXAMPLES), "--generation-deterministic"]
    command += ["--suppress-health-check", "all", "--continue-on-failure", "--no-color"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout[-8000:] + ran.stderr[-2000:]
    tested = re.search(r"Tested: (\d+)", ran.stdout)
    described = served.http.get("/openapi.json").json()["paths"]
    assert tested, ran.stdout
    assert int(tested[1]) == sum(len(ways) for ways in described.values())
    made = re.search(r"(\d+) generated", ran.stdout)
    assert made, ran.stdout
    assert int(made[1]) > 2 * int(tested[1])
