"""How a handler gets at the services and at the one asking.

The functions are coroutines although they wait for nothing: FastAPI runs others in a thread, which
takes longer than all they do.

Invariant: no handler reads a header or cookie by itself.
"""

from typing import Annotated, Any

import orjson
from fastapi import Depends, Request

from serving.errors import BadRequest, NotFound, UnsupportedMediaType
from serving.identity import Person
from serving.services import Services


async def services(request: Request) -> Services:
    """Return the services of this application."""
    found: Services = request.app.state.services
    return found


async def readable(request: Request) -> None:
    """Refuse what no database keeps, and bodies that a foreign page's form could send unasked.

    Raises:
        NotFound: the path holds the character NUL.
        BadRequest: the query does.
        UnsupportedMediaType: the body is not announced as JSON.
    """
    if "\0" in request.scope["path"]:
        raise NotFound("there is nothing of this name: it holds the character NUL")
    if b"%00" in request.scope["query_string"]:
        raise BadRequest("the query holds the character NUL, which no text holds")
    if request.method not in {"POST", "PUT", "PATCH"} or not request.url.path.startswith("/v1/"):
        return
    media, _, _ = request.headers.get("content-type", "").partition(";")
    if media.strip().lower() != "application/json":
        raise UnsupportedMediaType("send JSON, with the header `Content-Type: application/json`")


async def caller(request: Request) -> Person:
    """Return who is asking.

    Raises:
        Unauthorized: nobody that we know.
    """
    return (await services(request)).identity.identify(request)


async def operator(request: Request) -> Person:
    """Return the operator who is asking.

    Raises:
        Unauthorized: nobody that we know.
        Forbidden: somebody else.
    """
    return (await services(request)).identity.operator(request)


async def json_object(request: Request) -> dict[str, Any]:
    """Read a request's body.

    Raises:
        BadRequest: it is no JSON, or no object.
    """
    try:
        body = orjson.loads(await request.body())
    except orjson.JSONDecodeError as err:
        raise BadRequest(f"the body is not JSON: {err}") from err
    if not isinstance(body, dict):
        raise BadRequest("the body must be a JSON object")
    return body


ServicesOf = Annotated[Services, Depends(services)]
Caller = Annotated[Person, Depends(caller)]
Operator = Annotated[Person, Depends(operator)]
"""Annotations for handlers: `person: Caller`."""
