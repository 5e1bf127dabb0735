"""Completes the description at /openapi.json: every way in, every error that may come back.

FastAPI knows bodies and paths. It cannot know what handlers raise, nor the answers of those that
read and write by hand (`bodies.py`): both are said here, and a test holds real answers against it.

Invariant: every operation names every status that it may answer with, and every error has the one
shape.
"""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from serving.api import bodies

_JSON = "application/json"
_ERRORS: dict[int, tuple[str, str, str, str]] = {
    400: (
        "Something in the request is wrong",
        "`temperature` must be a number from 0 to 2, not 9",
        "invalid_request_error",
        "invalid_request",
    ),
    401: (
        "Nobody that we know is asking",
        "say who you are: send `Authorization: Bearer <key>`",
        "authentication_error",
        "unauthorized",
    ),
    403: (
        "The one asking may not do this",
        "this needs the right 'status', which 'app' does not have",
        "permission_error",
        "forbidden",
    ),
    404: (
        "There is nothing of this name or id",
        "no completion 'x': use the `id` of the response that was answered with",
        "not_found_error",
        "unknown_completion",
    ),
    409: (
        "The present state forbids it",
        "nothing lies below the live deployment",
        "conflict_error",
        "nothing_to_roll_back",
    ),
    413: (
        "The body is too long",
        "POST /v1/comparisons: a body has at most 4,194,304 bytes here; send less",
        "invalid_request_error",
        "body_too_large",
    ),
    415: (
        "The body is not announced as JSON",
        "send JSON, with the header `Content-Type: application/json`",
        "invalid_request_error",
        "unsupported_media_type",
    ),
    429: (
        "The caller has used a limit up",
        "at most 60 requests a minute; try again in 3 s",
        "rate_limit_error",
        "rate_limited",
    ),
    500: (
        "Something went wrong in the service",
        "something went wrong in the service; its log says what",
        "server_error",
        "internal_error",
    ),
    502: (
        "The engine died while it was answering",
        "the engine went away while it was answering; ask again",
        "engine_error",
        "engine_cut",
    ),
    503: (
        "No engine can answer right now",
        "the engine does not answer at the moment; try again in a few seconds",
        "engine_error",
        "engine_unavailable",
    ),
    507: (
        "There is no space left to keep what is said",
        "the service has no space left to write; nothing was recorded: try again later",
        "server_error",
        "storage_full",
    ),
}
_RETRY = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds"}}
_ASKING = (404, 429, 502)
_FURTHER: dict[tuple[str, str], tuple[int, ...]] = {
    ("post", "/v1/chat/completions"): _ASKING,
    ("post", "/v1/comparisons"): _ASKING,
    ("post", "/v1/rankings"): _ASKING,
    ("post", "/v1/completions"): _ASKING,
    ("get", "/v1/completions/{completion_id}/sources"): (409,),
    ("post", "/v1/comparisons/again"): (404,),
    ("post", "/v1/feedback/voters"): (404,),
    ("post", "/v1/promote"): (404, 409),
    ("post", "/v1/rollback"): (404, 409),
    ("get", "/readyz"): (503,),
}
"""What may come back beside the errors that every operation of its kind shares."""
_BEARER = {
    "type": "http",
    "scheme": "bearer",
    "description": "An API key (`ratchet keys add`), the operator's token, or the internal key",
}
_COOKIE = {
    "type": "apiKey",
    "in": "cookie",
    "name": "ratchet_person",
    "description": "The signed cookie that the chat page sets",
}


def describe(app: FastAPI) -> None:
    """Make `app` publish the whole description."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _completed(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _completed(app: FastAPI) -> dict[str, Any]:
    made = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        routes=app.routes,
    )
    components = made.setdefault("components", {})
    components["schemas"] = {
        # FastAPI's own shape of a refused body, which is answered in ours.
        **{k: v for k, v in components.get("schemas", {}).items() if "ValidationError" not in k},
        "Error": bodies.ERROR,
    }
    components["securitySchemes"] = {"bearer": _BEARER, "cookie": _COOKIE}
    components["responses"] = {f"Error{status}": _error(status) for status in _ERRORS}
    for method, path, operation in _operations(made):
        responses = operation["responses"]
        responses.pop("422", None)
        for status in _statuses(method, path, operation):
            responses[str(status)] = {"$ref": f"#/components/responses/Error{status}"}
        if path.startswith("/v1/"):
            # The empty one: on loopback, while no keys exist, nothing needs to be sent.
            operation["security"] = [{"bearer": []}, {"cookie": []}, {}]
        _add_examples(method, path, operation)
    return made


def _operations(made: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, ways in made["paths"].items():
        for method, operation in ways.items():
            yield method, path, operation


def _statuses(method: str, path: str, operation: dict[str, Any]) -> set[int]:
    statuses = {500, *_FURTHER.get((method, path), ())}
    if path.startswith("/v1/"):
        statuses |= {400, 401, 403, 503}
    if path.startswith("/v1/") and method != "get":
        statuses.add(507)
    if "{" in path:
        statuses.add(404)
    if "requestBody" in operation:
        statuses |= {413, 415}
    return statuses


def _error(status: int) -> dict[str, Any]:
    description, message, kind, code = _ERRORS[status]
    example = {"error": {"message": message, "type": kind, "code": code}}
    schema = {"$ref": "#/components/schemas/Error"}
    said = {"description": description, "content": {_JSON: {"schema": schema, "example": example}}}
    if status in {429, 503, 507}:
        said["headers"] = _RETRY
    return said


def _add_examples(method: str, path: str, operation: dict[str, Any]) -> None:
    asked, answered = bodies.EXAMPLES.get((method, path), (None, None))
    if asked is not None:
        operation["requestBody"]["content"][_JSON]["example"] = asked
    if answered is not None:
        content = operation["responses"]["200"].setdefault("content", {}).setdefault(_JSON, {})
        content["example"] = answered
