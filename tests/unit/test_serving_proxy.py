"""A reverse proxy that we know may say who the user is and where they are; nobody else may."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.requests import Request

from feedback.database import Database
from ratchet.settings import SettingsError, load_settings
from serving.errors import Unauthorized
from serving.identity import OPERATOR_COOKIE, PERSON_COOKIE, Identity
from serving.keys import ApiKeys
from serving.proxy import Proxies
from tests.serving_kit import OPERATOR, config_for, database_in, service

PROXY, STRANGER = "10.1.2.3", "203.0.113.9"
USER = ("X-Forwarded-User", "ann@example.com")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = database_in(tmp_path)
    yield database
    database.dispose()


@pytest.fixture
def identity(tmp_path: Path, database: Database) -> Identity:
    config = config_for(
        tmp_path,
        host="0.0.0.0",
        proxy_addresses=("10.0.0.0/8", "::1"),
        proxy_user_header="X-Forwarded-User",
    )
    return Identity(config, ApiKeys(database))


def request(client: str | None, *headers: tuple[str, str], scheme: str = "http") -> Request:
    sent = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
    sent.append((b"host", b"chat.example"))
    scope = {"type": "http", "method": "POST", "path": "/", "headers": sent, "scheme": scheme}
    return Request(scope | {"client": (client, 5) if client else None})


@pytest.mark.parametrize("proxy", [PROXY, "::1", "::ffff:10.1.2.3"])
def test_a_known_proxy_names_the_person(identity: Identity, proxy: str) -> None:
    person = identity.identify(request(proxy, USER, ("X-Forwarded-For", STRANGER)))
    assert (person.id, person.role, person.trusted) == ("ann@example.com", "person", False)
    assert person.rights == {"chat", "feedback"}
    assert identity.acting(person, "bob").id == "ann@example.com"


@pytest.mark.parametrize("client", [STRANGER, "11.0.0.1", "::2", "127.0.0.1", "nonsense", None])
def test_nobody_else_does(identity: Identity, client: str | None) -> None:
    with pytest.raises(Unauthorized):
        identity.identify(request(client, USER))


def test_no_header_is_read_that_was_not_named(tmp_path: Path, database: Database) -> None:
    config = config_for(tmp_path, host="0.0.0.0", proxy_addresses=(PROXY,))
    with pytest.raises(Unauthorized):
        Identity(config, ApiKeys(database)).identify(request(PROXY, USER, ("", "ann")))


@pytest.mark.parametrize(
    "headers",
    [
        [("X-Forwarded-User", "")],
        [("X-Forwarded-User", "a\tb")],
        [("X-Forwarded-User", "x" * 129)],
        [USER, ("X-Forwarded-User", "bob")],
    ],
)
def test_a_name_must_be_one(identity: Identity, headers: list[tuple[str, str]]) -> None:
    with pytest.raises(Unauthorized, match="one name"):
        identity.identify(request(PROXY, *headers))


def test_a_foreign_page_is_nobody_behind_a_proxy_either(identity: Identity) -> None:
    with pytest.raises(Unauthorized):
        identity.identify(request(PROXY, USER, ("Origin", "https://evil.example")))
    ours = ("Origin", "https://chat.example")
    assert identity.identify(request(PROXY, USER, ours)).id == "ann@example.com"


def test_the_proxys_user_comes_before_the_cookie_and_behind_a_key(identity: Identity) -> None:
    cookie = ("Cookie", f"{PERSON_COOKIE}={identity.new_person_cookie()}")
    assert identity.identify(request(PROXY, USER, cookie)).id == "ann@example.com"
    token = ("Authorization", f"Bearer {OPERATOR}")
    assert identity.identify(request(PROXY, USER, token)).role == "operator"
    operator = ("Cookie", f"{OPERATOR_COOKIE}={identity.new_operator_cookie()}")
    person = identity.identify(request(PROXY, USER, operator))
    assert (person.id, person.role) == ("ann@example.com", "operator")


def test_a_proxy_on_loopback_is_never_trusted_for_coming_with_nothing(
    tmp_path: Path, database: Database
) -> None:
    config = config_for(tmp_path, proxy_addresses=("127.0.0.1",), proxy_user_header="Remote-User")
    identity = Identity(config, ApiKeys(database))
    scope = {"type": "http", "method": "GET", "path": "/", "headers": [(b"host", b"localhost")]}
    with pytest.raises(Unauthorized):
        identity.identify(Request(scope | {"client": ("127.0.0.1", 5)}))
    other = Request(scope | {"client": ("127.0.0.2", 5)})
    assert identity.identify(other).trusted
    forged = [*scope["headers"], (b"remote-user", b"ann")]
    with pytest.raises(Unauthorized):
        identity.identify(Request(scope | {"client": ("127.0.0.2", 5), "headers": forged}))


@pytest.mark.parametrize(
    ("client", "forwarded", "block"),
    [
        (STRANGER, None, "203.0.113.0/24"),
        (STRANGER, "8.8.8.8", "203.0.113.0/24"),
        (PROXY, None, "10.1.2.0/24"),
        (PROXY, "8.8.8.8", "8.8.8.0/24"),
        (PROXY, "1.1.1.1, 8.8.8.8", "8.8.8.0/24"),
        (PROXY, "1.1.1.1, 8.8.8.8, 10.9.9.9", "8.8.8.0/24"),
        (PROXY, "10.7.7.7, 10.9.9.9", "10.7.7.0/24"),
        (PROXY, "8.8.8.8, unknown", "10.1.2.0/24"),
        (PROXY, "8.8.8.8:4711", "8.8.8.0/24"),
        (PROXY, "[2001:db8:1:22ff::7]:4711", "2001:db8:1:2200::/56"),
        ("2001:db8:1:22ff::7", None, "2001:db8:1:2200::/56"),
        ("::ffff:203.0.113.7", None, "203.0.113.0/24"),
        ("fe80::1%eth0", None, "fe80::/56"),
        (None, "8.8.8.8", "unknown"),
    ],
)
def test_the_last_address_that_is_not_ours_is_where_somebody_is(
    identity: Identity, client: str | None, forwarded: str | None, block: str
) -> None:
    headers = [("X-Forwarded-For", forwarded)] if forwarded else []
    assert identity.proxies.block(request(client, *headers)) == block
    cookie = ("Cookie", f"{PERSON_COOKIE}={identity.new_person_cookie()}")
    assert identity.identify(request(client, *headers, cookie)).shares == (block,)


def test_a_known_user_shares_nothing(identity: Identity) -> None:
    assert identity.identify(request(PROXY, USER, ("X-Forwarded-For", STRANGER))).shares == ()


def test_cookies_are_secure_where_the_browser_is(identity: Identity) -> None:
    said = ("X-Forwarded-Proto", "https")
    assert identity.proxies.is_https(request(PROXY, said))
    assert identity.proxies.is_https(request(STRANGER, scheme="https"))
    assert not identity.proxies.is_https(request(STRANGER, said))
    assert not Proxies((), "").is_https(request(PROXY, said))


def test_over_a_socket_the_connection_decides(tmp_path: Path) -> None:
    config = {"proxy_addresses": ("127.0.0.1",), "proxy_user_header": "X-Forwarded-User"}
    body = {"messages": [{"role": "user", "content": "Hi"}]}
    with service(tmp_path, **config) as served:
        sent = {"X-Forwarded-User": "ann", "X-Forwarded-For": "198.51.100.7"}
        answer = served.http.post("/v1/chat/completions", json=body, headers=sent)
        assert answer.status_code == 200
        row = served.store.completion(answer.json()["id"])
        assert row is not None
        assert row.person == "ann"
        assert served.http.post("/v1/chat/completions", json=body).status_code == 401
        promote = {"responder": "rag", "reason": "r"}
        assert served.http.post("/v1/promote", json=promote, headers=sent).status_code == 403


def test_the_settings_name_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RATCHET_PROXY_ADDRESSES", "127.0.0.1, 10.0.0.0/8,")
    assert load_settings().proxies == ("127.0.0.1", "10.0.0.0/8")
    monkeypatch.setenv("RATCHET_PROXY_ADDRESSES", "10.0.0.0/8, nginx")
    with pytest.raises(SettingsError, match="RATCHET_PROXY_ADDRESSES"):
        load_settings()
