"""The page on which an operator logs in: in the browser's language and its light or dark.

`Door` shows it in front of the operator's page to whoever is not logged in.

Invariant: it never repeats what was typed.
"""

from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from serving.errors import ServingError
from serving.identity import Identity
from serving.ui.document import HEADERS, document
from serving.ui.text import Language, language_of


class _Words(NamedTuple):
    title: str
    how: str
    label: str
    button: str
    wrong: str


_WORDS: dict[Language, _Words] = {
    "en": _Words(
        "Operators only",
        "Open the link that <code>ratchet up</code> printed, or paste the operator's token: it is "
        "in the file <code>operator.token</code> in RATCHET_HOME.",
        "Operator's token",
        "Log in",
        "That is not the operator's token.",
    ),
    "ko": _Words(
        "운영자 전용",
        "<code>ratchet up</code>이 출력한 링크를 열거나 운영자 토큰을 붙여 넣으세요. 토큰은 "
        "RATCHET_HOME의 <code>operator.token</code> 파일에 있습니다.",
        "운영자 토큰",
        "로그인",
        "운영자 토큰이 아닙니다.",
    ),
}


def render_login(accept_language: str, *, wrong: bool = False) -> str:
    """Return the page; `wrong` says that what was given is not the token."""
    language = language_of(accept_language)
    words = _WORDS[language]
    alert = f'<p role="alert">{words.wrong}</p>' if wrong else ""
    form = (
        f'<section class="narrow"><h1>{words.title}</h1><p class="lead">{words.how}</p>{alert}'
        f'<form method="post" action="/operator/login"><label for="token">{words.label}</label>'
        '<input id="token" name="token" type="password" required autofocus '
        f'autocomplete="current-password"><button type="submit">{words.button}</button></form>'
        "</section>"
    )
    return document(words.title, language, form)


class Door:
    """Lets operators through to their page; Gradio answers everybody else with a bare 401."""

    def __init__(self, app: ASGIApp, identity: Identity) -> None:
        self._app = app
        self._identity = identity

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["path"] not in {"/operator", "/operator/"}:
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        try:
            self._identity.operator(request)
        except ServingError:
            page = render_login(request.headers.get("accept-language", ""))
            await HTMLResponse(page, 401, HEADERS)(scope, receive, send)
            return
        to_page = RedirectResponse("/operator/") if scope["path"] == "/operator" else self._app
        await to_page(scope, receive, send)
