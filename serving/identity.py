"""Who is asking, decided in one place.

    comes with                       is                          may
    operator's token or key          operator                    everything
    internal key                     internal                    ask, for evaluation
    API key                          its holder                  what its rights say
    user's header, from a proxy
      that we know, Origin ours      that user                   chat, own feedback
    signed cookie, Origin ours       the cookie's person         chat, own feedback
    nothing, and nothing foreign
      can have sent it               `user`, else `local`        chat, feedback, status
    anything else                    -                           401

Invariant: a request is trusted for coming with nothing only where the service listens on loopback,
no keys exist, Host is loopback, nothing says that it was forwarded, and Origin is absent or ours.
"""

import hashlib
import hmac
import ipaddress
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection

from serving.config import ServingConfig
from serving.errors import BadRequest, Forbidden, Unauthorized
from serving.keys import RIGHTS, ApiKeys
from serving.proxy import UNKNOWN, Proxies

Role = Literal["person", "operator", "internal"]

PERSON_COOKIE = "ratchet_person"
OPERATOR_COOKIE = "ratchet_operator"
COOKIE_SECONDS = 365 * 24 * 3600
OPERATOR_COOKIE_SECONDS = 30 * 24 * 3600
LOCAL = "local"
NO_KEY = frozenset({"", "none", "null", "empty", "unused", "local", "no-key", "not-needed"})
"""What people write where OpenAI's clients insist on a key: counts as coming with nothing."""
_FORWARDED = ("forwarded", "via", "x-real-ip", "x-client-ip", "true-client-ip", "cf-connecting-ip")


@dataclass(frozen=True)
class Person:
    """The one asking."""

    id: str
    role: Role = "person"
    trusted: bool = False
    """Came with nothing, where nothing foreign can have sent it: no limits."""
    rights: frozenset[str] = frozenset({"chat", "feedback"})
    shares: tuple[str, ...] = ()
    """What this person is limited by together with others: their key, or their address block."""
    block: str | None = None
    """Of whom only a cookie is known: their address block as a keyed hash."""

    def may(self, right: str) -> bool:
        """Say whether this person has a right."""
        return self.role == "operator" or right in self.rights

    def require(self, right: str) -> None:
        """Refuse what this person may not do.

        Raises:
            Forbidden: the right is missing.
        """
        if not self.may(right):
            raise Forbidden(f"this needs the right {right!r}, which {self.id!r} does not have")


OPERATOR = Person("operator", "operator", rights=frozenset(RIGHTS))
INTERNAL = Person("internal", "internal", rights=frozenset({"chat", "status"}))
TRUSTED = Person(LOCAL, trusted=True, rights=frozenset({"chat", "feedback", "status", "act"}))


class Identity:
    """Reads requests; makes and checks cookies and login links."""

    def __init__(
        self, config: ServingConfig, keys: ApiKeys, clock: Callable[[], float] = time.time
    ) -> None:
        self.keys = keys
        self.proxies = Proxies(config.proxy_addresses, config.proxy_user_header)
        self._forwarded = frozenset({*_FORWARDED, self.proxies.user_header})
        self._config = config
        self._clock = clock

    def identify(self, request: HTTPConnection) -> Person:
        """Say who is asking.

        Raises:
            Unauthorized: nobody that we know.
        """
        secret = _bearer(request.headers)
        if secret is not None:
            return self._of_secret(secret)
        person = self.of_browser(request)
        if person is not None:
            return person
        if self.is_trusted(request):
            return TRUSTED
        raise Unauthorized(
            "say who you are: send `Authorization: Bearer <key>` (`ratchet keys add` makes one), "
            "or open the chat page first, which sets a cookie"
        )

    def acting(self, person: Person, user: object) -> Person:
        """Return whom this caller speaks for: `user` where they may, else themselves.

        Raises:
            BadRequest: `user` is not a name.
        """
        if user is None or not person.may("act"):
            return person
        if not isinstance(user, str) or not 0 < len(user) <= 128 or not user.isprintable():
            raise BadRequest("`user` must be a printable text of 1 to 128 characters")
        return replace(person, id=user)

    def operator(self, request: HTTPConnection) -> Person:
        """Return the operator who is asking.

        Raises:
            Unauthorized: nobody that we know.
            Forbidden: somebody else.
        """
        person = self.identify(request)
        if person.role != "operator":
            raise Forbidden(
                "only operators may do this: send the operator's token as "
                "`Authorization: Bearer <token>`; `ratchet up` keeps it in operator.token"
            )
        return person

    def is_trusted(self, request: HTTPConnection) -> bool:
        """Say whether nothing foreign can have sent this request."""
        hosts = request.headers.getlist("host")
        return (
            self._config.loopback
            and not self.keys.exist()
            and len(hosts) == 1
            and _is_loopback(hosts[0])
            and not self.proxies.sent(request)
            and not any(self._says_forwarded(name) for name in request.headers)
            and self.is_ours(request)
        )

    def is_ours(self, request: HTTPConnection) -> bool:
        """Say whether a request comes from no page, or from one of our own."""
        origins = request.headers.getlist("origin")
        host = request.headers.get("host", "")
        ours = {f"http://{host}", f"https://{host}", *self._config.origins}
        return all(origin in ours for origin in origins)

    def of_browser(self, request: HTTPConnection) -> Person | None:
        """Return the person of the proxy's header or the cookie.

        A browser sends both whoever makes it ask; so a foreign page's request never counts.

        Raises:
            Unauthorized: a known proxy sends something that is no name.
        """
        if not self.is_ours(request):
            return None
        user = self.proxies.user(request)
        person = user or self._read(PERSON_COOKIE, request, COOKIE_SECONDS)
        if self._read(OPERATOR_COOKIE, request, OPERATOR_COOKIE_SECONDS) is not None:
            return replace(OPERATOR, id=person or OPERATOR.id)
        if person is None:
            return None
        # Whom a proxy has logged in is one person; anybody can make themselves another by a cookie.
        if user:
            return Person(person)
        block = self.proxies.block(request)
        return Person(person, shares=(block,), block=self._hashed(block))

    # Cookies

    def has_person_cookie(self, request: HTTPConnection) -> bool:
        """Say whether the browser already is somebody."""
        return self._read(PERSON_COOKIE, request, COOKIE_SECONDS) is not None

    def new_person_cookie(self) -> str:
        """Return the cookie of a person who comes for the first time."""
        return self._sign(PERSON_COOKIE, f"web-{secrets.token_hex(12)}")

    def new_operator_cookie(self) -> str:
        """Return the cookie of somebody who has shown the operator's token or link."""
        return self._sign(OPERATOR_COOKIE, OPERATOR.id)

    def is_operator_token(self, token: str) -> bool:
        """Say whether this is the operator's token, or a key with its rights."""
        if _same(token, self._config.operator_token):
            return True
        key = self.keys.find(token)
        return key is not None and "operator" in key.rights

    def redeem(self, code: str) -> bool:
        """Use a login code up; the second time it is worth nothing."""
        try:
            _login_file(self._config.home, code).unlink()
        except FileNotFoundError:
            return False
        return True

    def _of_secret(self, secret: str) -> Person:
        if _same(secret, self._config.operator_token):
            return OPERATOR
        if _same(secret, self._config.internal_key):
            return INTERNAL
        key = self.keys.find(secret)
        if key is None:
            raise Unauthorized("this key is unknown or was revoked; `ratchet keys add` makes one")
        if "operator" in key.rights:
            return replace(OPERATOR, id=key.holder)
        return Person(key.holder, rights=key.rights, shares=(f"key {key.id}",))

    def _says_forwarded(self, name: str) -> bool:
        return name in self._forwarded or name.startswith("x-forwarded")

    def _sign(self, cookie: str, value: str) -> str:
        stamped = f"{value}.{int(self._clock())}"
        return f"{stamped}.{self._signature(cookie, stamped)}"

    def _read(self, cookie: str, request: HTTPConnection, seconds: float) -> str | None:
        stamped, _, signature = request.cookies.get(cookie, "").rpartition(".")
        value, _, at = stamped.rpartition(".")
        if not value or not _same(signature, self._signature(cookie, stamped)):
            return None
        return value if self._clock() < int(at) + seconds else None

    def _hashed(self, block: str) -> str | None:
        # From loopback comes whatever a proxy passes on that we were not told of.
        if block == UNKNOWN or ipaddress.ip_network(block).is_loopback:
            return None
        return hmac.new(self._config.cookie_key, block.encode(), hashlib.sha256).hexdigest()[:16]

    def _signature(self, cookie: str, stamped: str) -> str:
        # A new operator's token ends the sessions that the old one opened.
        token = self._config.operator_token if cookie == OPERATOR_COOKIE else ""
        text = f"{cookie}\0{stamped}\0{hashlib.sha256(token.encode()).hexdigest()}"
        return hmac.new(self._config.cookie_key, text.encode(), hashlib.sha256).hexdigest()


def issue_login_code(home: Path) -> str:
    """Make the code of a link that logs an operator in once; earlier codes end."""
    folder = home / "run"
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("login-*"):
        old.unlink(missing_ok=True)
    code = secrets.token_urlsafe(24)
    _login_file(home, code).touch(mode=0o600)
    return code


def _login_file(home: Path, code: str) -> Path:
    return home / "run" / f"login-{hashlib.sha256(code.encode()).hexdigest()}"


def _bearer(headers: Headers) -> str | None:
    """Return the key that a request comes with; None where it comes with none.

    Raises:
        Unauthorized: the header holds something else than a bearer's key.
    """
    values = headers.getlist("authorization")
    if not values:
        return None
    scheme, _, secret = values[0].partition(" ")
    if len(values) > 1 or scheme.lower() != "bearer":
        raise Unauthorized("send one header `Authorization: Bearer <key>`")
    secret = secret.strip()
    return None if secret.lower() in NO_KEY else secret


def _same(given: str, ours: str) -> bool:
    return bool(ours) and hmac.compare_digest(given.encode(), ours.encode())


def _is_loopback(host: str) -> bool:
    name = host.rsplit(":", 1)[0] if host.count(":") == 1 or host.startswith("[") else host
    if host.startswith("[") and host.endswith("]"):
        name = host
    name = name.strip("[]").lower()
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
