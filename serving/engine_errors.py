"""What the engine, and the library that talks to it, can fail with, in our words.

What a library said goes to the log and to `__cause__` only: it names addresses, and the engine is
not for people to see. The one message that is passed on is why vLLM refuses a request.

Invariant: no exception of aiohttp or of JSON leaves `serving/engine_http.py`
or `serving/engine.py`.
"""

import asyncio
import logging
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp
import orjson

from serving.errors import EngineCut, EngineError, EngineRejected, EngineUnavailable

logger = logging.getLogger(__name__)

SILENT = "the engine does not answer at the moment; try again in a few seconds"
UNREADABLE = "the engine's answer cannot be read; ask again"
FOREIGN = (aiohttp.ClientError, asyncio.TimeoutError, OSError, ssl.SSLError)
"""All that aiohttp raises for reasons outside this process."""
NONSENSE = (ValueError, TypeError, KeyError, IndexError, AttributeError)
"""What reading an answer raises where it is not what vLLM says; bad JSON is a `ValueError`."""


def is_retryable(error: BaseException) -> bool:
    """Say whether a request surely never reached the engine's queue, so that it may be sent again.

    That is the kept-alive connection which the engine closed as we picked it up.
    """
    return isinstance(error, aiohttp.ServerDisconnectedError | ConnectionResetError)


@contextmanager
def cut_by_foreign_errors() -> Iterator[None]:
    """Turn whatever happens while an answer is read into a cut.

    Raises:
        EngineCut: the engine went away or fell silent, or what it says is not what vLLM says.
    """
    try:
        yield
    except TimeoutError as err:
        raise EngineCut("the engine fell silent while it was answering; ask again") from err
    except FOREIGN as err:
        raise EngineCut("the engine went away while it was answering; ask again") from err
    except NONSENSE as err:
        raise EngineCut(UNREADABLE) from err


async def refusal(response: aiohttp.ClientResponse, *, of_adapter: bool = False) -> EngineError:
    """Say in our words why the engine did not answer 200.

    Only a refusal of the request is passed on: the rest is about the engine, which is not for
    people to see. `of_adapter`: an adapter was to be loaded, and any answer is about that adapter.
    """
    try:
        content = await response.read()
    except FOREIGN as err:
        logger.warning("The engine went away: %s", err)
        return EngineUnavailable(SILENT)
    message = _message(content)
    if of_adapter or response.status in {400, 413, 422}:
        return EngineRejected(message)
    logger.warning("The engine answers %d: %s", response.status, message)
    if response.status == 404:
        # Only names that it had are asked for, so it was restarted and is being filled again.
        return EngineUnavailable("this model is being loaded; try again in a few seconds")
    return EngineUnavailable(SILENT)


def _message(content: bytes) -> str:
    """Return what an error's body says."""
    try:
        body = orjson.loads(content)
    except orjson.JSONDecodeError:
        return content.decode("utf-8", "replace")[:500]
    error = body.get("error", body) if isinstance(body, dict) else body
    return str(error.get("message", error) if isinstance(error, dict) else error)
