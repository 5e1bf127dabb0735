"""What /openapi.json says and what the service does are the same, whatever is sent."""

import json
import random
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator

from serving.api.failures import FEEDBACK_ERRORS
from serving.errors import ServingError
from tests.serving_kit import OPERATOR, Service, service

ROUNDS = 60
"""Requests of each operation with a body; the seed makes every run the same."""
ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 10**9, 2**63, 10**25, 0.5, -1.5, 1e308),
    *("", "x", "\0", "é" * 200, "../..", "base", "rag", "ratchet-0007", "left", "tool", "\u202e"),
    *([], [None], [[]], ["x"], {}, {"type": "function"}, {"role": "user", "content": "Hi"}),
)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with service(tmp_path_factory.mktemp("document"), tool_parser="hermes") as made:
        yield made


@pytest.fixture(scope="module")
def document(served: Service) -> dict[str, Any]:
    described: dict[str, Any] = served.http.get("/openapi.json").json()
    return described


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method, path, operation)
        for path, ways in document["paths"].items()
        for method, operation in ways.items()
    ]


def resolved(document: dict[str, Any], value: Any) -> Any:
    """Return a piece of the document with every reference replaced by what it refers to."""
    if isinstance(value, list):
        return [resolved(document, item) for item in value]
    if not isinstance(value, dict):
        return value
    if "$ref" in value:
        target: Any = document
        for step in value["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        return resolved(document, target)
    return {key: resolved(document, item) for key, item in value.items()}


def check(document: dict[str, Any], operation: dict[str, Any], answer: httpx.Response) -> None:
    """Hold an answer against what the document says of it."""
    told = f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text[:300]}"
    assert str(answer.status_code) in operation["responses"], told
    assert answer.status_code < 500, told
    said = resolved(document, operation["responses"][str(answer.status_code)])
    if "content" in said:
        media = answer.headers["content-type"].partition(";")[0]
        assert media in said["content"], told
        schema = said["content"][media].get("schema", {})
        if media == "application/json":
            Draft202012Validator(schema).validate(answer.json())
    for name in said.get("headers", {}):
        assert name == "X-Ratchet-Cut-Turns" or name.lower() in answer.headers, told


def test_every_operation_is_described_to_its_end(document: dict[str, Any]) -> None:
    assert set(document["components"]["securitySchemes"]) == {"bearer", "cookie"}
    assert "ValidationError" not in json.dumps(document)
    assert len(operations(document)) >= 18
    for method, path, operation in operations(document):
        where = f"{method} {path}"
        assert operation.get("description") or operation.get("summary"), where
        statuses = set(operation["responses"])
        assert statuses & {"200", "204"}, where
        assert "422" not in statuses, where
        if path.startswith("/v1/"):
            assert {"400", "401", "403"} <= statuses, where
            assert operation["security"], where
        if "requestBody" in operation:
            assert {"413", "415"} <= statuses, where
            assert "example" in operation["requestBody"]["content"]["application/json"], where


def test_every_schema_is_one_and_every_example_fits_its_own(document: dict[str, Any]) -> None:
    examples = 0
    for _, path, operation in operations(document):
        answers = resolved(document, operation["responses"])
        bodies = [resolved(document, operation.get("requestBody", {})), *answers.values()]
        for body in bodies:
            said = body.get("content", {}).get("application/json", {})
            schema = said.get("schema", {})
            Draft202012Validator.check_schema(schema)
            if "example" in said:
                examples += 1
                problems = list(Draft202012Validator(schema).iter_errors(said["example"]))
                assert not problems, (path, problems)
    assert examples > 100


def test_every_error_that_is_raised_has_a_status_in_the_document(document: dict[str, Any]) -> None:
    def below(kind: type[ServingError]) -> Iterator[type[ServingError]]:
        yield kind
        for further in kind.__subclasses__():
            yield from below(further)

    raised = {kind.status for kind in below(ServingError)}
    raised |= {status for status, _, _ in FEEDBACK_ERRORS.values()}
    described = {int(name.removeprefix("Error")) for name in document["components"]["responses"]}
    assert raised <= described


def test_every_example_is_accepted(served: Service, document: dict[str, Any]) -> None:
    headers = {"Authorization": f"Bearer {OPERATOR}"}
    for method, path, operation in operations(document):
        body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
        sent = body.get("example")
        answer = served.http.request(method, filled(path, "base"), json=sent, headers=headers)
        check(document, operation, answer)
        assert answer.status_code in {200, 404, 409}, (path, answer.text)


@pytest.mark.parametrize("seed", range(4))
def test_no_body_breaks_the_service_or_the_document(
    served: Service, document: dict[str, Any], seed: int
) -> None:
    rng = random.Random(seed)
    callers = [{}, {"Authorization": f"Bearer {OPERATOR}"}, {"Authorization": "Bearer wrong"}]
    for method, path, operation in operations(document):
        content = operation.get("requestBody", {}).get("content", {})
        example = content.get("application/json", {}).get("example")
        for _ in range(ROUNDS // 4 if example is not None else 3):
            sent = mutated(rng, example, known(operation)) if example is not None else None
            where = filled(path, rng.choice(["x", "%00", "..%2f", "é", "-", "a" * 300, "base"]))
            answer = served.http.request(method, where, json=sent, headers=rng.choice(callers))
            check(document, operation, answer)


def known(operation: dict[str, Any]) -> list[str]:
    """Return the parameters that a body may hold."""
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    return list(schema.get("properties", {}))


def filled(path: str, word: str) -> str:
    head, brace, rest = path.partition("{")
    return f"{head}{word}{rest.partition('}')[2]}" if brace else path


def mutated(rng: random.Random, example: Any, names: list[str]) -> Any:
    """Return the example with one to three things changed, somewhere, into something odd."""
    changed = json.loads(json.dumps(example))
    if rng.random() < 0.05:
        return rng.choice(ODD)
    for _ in range(rng.randint(1, 3)):
        place = changed
        while rng.random() < 0.5:
            inner = [v for v in _values(place) if isinstance(v, dict | list) and v]
            if not inner:
                break
            place = rng.choice(inner)
        if isinstance(place, list):
            place[rng.randrange(len(place))] = deepcopy(rng.choice(ODD))
        else:
            keys = [*place, *names, "unknown"]
            place[rng.choice(keys)] = deepcopy(rng.choice(ODD))
    return changed


def _values(place: Any) -> list[Any]:
    return list(place.values()) if isinstance(place, dict) else list(place)
