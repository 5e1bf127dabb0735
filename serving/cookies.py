"""Gives everybody who opens the chat page a signed cookie that makes them a person.

A plain ASGI wrapper, because a middleware with a request object would cost every streamed token.

Invariant: a cookie is set only with the page itself, and never replaces a valid one.
"""

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.identity import COOKIE_SECONDS, PERSON_COOKIE, Identity

_PAGES = frozenset({"/", "/compare/", "/operator/"})


class PersonCookies:
    """Sets the cookie with the first page."""

    def __init__(self, app: ASGIApp, identity: Identity) -> None:
        self._app = app
        self._identity = identity

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on; add the cookie to a page's response."""
        if scope["type"] != "http" or scope["path"] not in _PAGES or scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        if self._identity.has_person_cookie(request):
            await self._app(scope, receive, send)
            return
        cookie = self._identity.new_person_cookie()
        secure = "; Secure" if self._identity.proxies.is_https(request) else ""

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).append(
                    "set-cookie",
                    f"{PERSON_COOKIE}={cookie}; Max-Age={COOKIE_SECONDS}; Path=/; HttpOnly; "
                    f"SameSite=Lax{secure}",
                )
            await send(message)

        await self._app(scope, receive, sending)
