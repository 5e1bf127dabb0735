"""The one place where an exception becomes a response.

Invariant: every error of the API has the one shape `{"error": {"message", "type", "code"}}`; what a
caller did wrong is told to them, what went wrong in here stays in the log.
"""

import logging

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DataError
from starlette.exceptions import HTTPException

from feedback.types import (
    FeedbackError,
    InvalidFeedback,
    NotServedTo,
    UnknownComparison,
    UnknownCompletion,
    UnknownConversation,
    UnknownPerson,
    UnknownRanking,
)
from knowledge.errors import KnowledgeError
from serving.errors import (
    EngineUnavailable,
    ServingError,
    TooManyRequests,
    Unauthorized,
    Unavailable,
)
from serving.storage_errors import STORAGE, storage_failed

logger = logging.getLogger(__name__)

FEEDBACK_ERRORS: dict[type[FeedbackError], tuple[int, str, str]] = {
    UnknownCompletion: (404, "not_found_error", "unknown_completion"),
    UnknownComparison: (404, "not_found_error", "unknown_comparison"),
    UnknownRanking: (404, "not_found_error", "unknown_ranking"),
    UnknownConversation: (404, "not_found_error", "unknown_conversation"),
    UnknownPerson: (404, "not_found_error", "unknown_person"),
    NotServedTo: (403, "permission_error", "not_served_to_you"),
    InvalidFeedback: (400, "invalid_request_error", "invalid_feedback"),
}
_HTTP_TYPES = {404: "not_found_error", 429: "rate_limit_error"}
_HTTP_CODES = {404: "not_found", 405: "method_not_allowed", 413: "body_too_large"}


def answer_errors(app: FastAPI) -> None:
    """Answer whatever is raised while `app` serves a request, in the one shape."""
    app.add_exception_handler(ServingError, _serving_error)
    app.add_exception_handler(FeedbackError, _feedback_error)
    app.add_exception_handler(KnowledgeError, _knowledge_error)
    for kind in STORAGE:
        app.add_exception_handler(kind, _storage_error)
    app.add_exception_handler(DataError, _no_text)
    app.add_exception_handler(RequestValidationError, _invalid_body)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _unforeseen)


def _error(
    status: int, message: str, kind: str, code: str, headers: dict[str, str] | None = None
) -> JSONResponse:
    body = {"error": {"message": message, "type": kind, "code": code}}
    return JSONResponse(body, status_code=status, headers=headers)


async def _serving_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ServingError)
    headers: dict[str, str] = {}
    if isinstance(error, EngineUnavailable | TooManyRequests | Unavailable):
        headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, Unauthorized):
        headers["WWW-Authenticate"] = "Bearer"
    if error.status >= 500:
        # What a library said stays here: it may name addresses and paths.
        logger.warning("%s: %s (%s)", error.code, error.message, error.__cause__)
    return _error(error.status, error.message, error.type, error.code, headers)


async def _feedback_error(_: Request, error: Exception) -> JSONResponse:
    unforeseen = (500, "server_error", "feedback_error")
    kinds = (FEEDBACK_ERRORS[kind] for kind in type(error).__mro__ if kind in FEEDBACK_ERRORS)
    status, kind, code = next(kinds, unforeseen)
    return _error(status, str(error), kind, code)


async def _knowledge_error(_: Request, error: Exception) -> JSONResponse:
    logger.error("Retrieval failed: %s", error)
    return _error(500, f"the documents cannot be searched: {error}", "server_error", "retrieval")


async def _storage_error(request: Request, error: Exception) -> JSONResponse:
    return await _serving_error(request, storage_failed(error))


async def _no_text(_: Request, __: Exception) -> JSONResponse:
    # PostgreSQL refuses even to look for it, where SQLite finds nothing.
    said = "the request contains the character NUL, which no id or text may hold: remove it"
    return _error(400, said, "invalid_request_error", "invalid_request")


async def _invalid_body(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    said = "; ".join(
        f"{'.'.join(str(part) for part in problem['loc'][1:]) or 'body'}: {problem['msg']}"
        for problem in error.errors()
    )
    return _error(400, said, "invalid_request_error", "invalid_request")


async def _http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    kind = _HTTP_TYPES.get(error.status_code, "invalid_request_error")
    said = f"{request.method} {request.url.path}: {error.detail}"
    code = _HTTP_CODES.get(error.status_code, "invalid_request")
    return _error(error.status_code, said, kind, code, _headers(error))


async def _unforeseen(request: Request, error: Exception) -> JSONResponse:
    logger.error("%s %s failed.", request.method, request.url.path, exc_info=error)
    said = "something went wrong in the service; its log says what"
    return _error(500, said, "server_error", "internal_error")


def _headers(error: HTTPException) -> dict[str, str] | None:
    return dict(error.headers) if error.headers else None
