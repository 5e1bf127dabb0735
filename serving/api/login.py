"""The page on which an operator logs in: in the browser's language and its light or dark.

`Door` shows it in front of the operator's page to whoever is not logged in.

Invariant: it is one document without scripts or anything from elsewhere, and it never repeats what
was typed.
"""

from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from serving.errors import ServingError
from serving.identity import Identity
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
_STYLE = """
:root{color-scheme:light dark}
body{font:16px/1.5 system-ui,sans-serif;max-width:26rem;margin:18vh auto;padding:0 1rem;
background:light-dark(#fafaf9,#18181b);color:light-dark(#1c1917,#f4f4f5)}
small{color:light-dark(#57534e,#a1a1aa)}
h1{font-size:1.5rem;margin:.25rem 0 1rem}
input{font:inherit;box-sizing:border-box;width:100%;padding:.6rem .75rem;margin:.25rem 0 .75rem;
border:1px solid light-dark(#a8a29e,#52525b);border-radius:.5rem;
background:light-dark(#fff,#27272a);color:inherit}
input[type=submit]{background:#4338ca;border-color:#4338ca;color:#fff;cursor:pointer}
input:focus-visible{outline:3px solid #818cf8;outline-offset:2px}
[role=alert]{color:light-dark(#b91c1c,#fca5a5)}
"""


def render_login(accept_language: str, *, wrong: bool = False) -> str:
    """Return the page; `wrong` says that what was given is not the token."""
    language = language_of(accept_language)
    words = _WORDS[language]
    alert = f'<p role="alert">{words.wrong}</p>' if wrong else ""
    return f"""<!doctype html><html lang="{language}"><meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1"><title>Ratchet</title>
<style>{_STYLE}</style>
<small>Ratchet</small><h1>{words.title}</h1><p>{words.how}</p>{alert}
<form method="post" action="/operator/login"><label for="token">{words.label}</label>
<input id="token" name="token" type="password" autofocus autocomplete="current-password">
<input type="submit" value="{words.button}"></form></html>"""


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
            await HTMLResponse(page, status_code=401)(scope, receive, send)
            return
        to_page = RedirectResponse("/operator/") if scope["path"] == "/operator" else self._app
        await to_page(scope, receive, send)
