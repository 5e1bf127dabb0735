"""Who is asking: every rule of trust, one by one."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from starlette.requests import Request

from feedback.database import Database
from serving.errors import BadRequest, Forbidden, NotFound, Unauthorized
from serving.identity import (
    OPERATOR_COOKIE,
    PERSON_COOKIE,
    Identity,
    Person,
    issue_login_code,
)
from serving.keys import ApiKeys
from tests.serving_kit import INTERNAL, OPERATOR, Service, config_for, database_in, service


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = database_in(tmp_path)
    yield database
    database.dispose()


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def identity(tmp_path: Path, database: Database, clock: Clock) -> Identity:
    return Identity(config_for(tmp_path), ApiKeys(database), clock)


def request(*headers: tuple[str, str], host: str | None = "127.0.0.1:7860") -> Request:
    sent = [(name.lower().encode(), value.encode()) for name, value in headers]
    if host is not None:
        sent.append((b"host", host.encode()))
    return Request({"type": "http", "method": "POST", "path": "/", "headers": sent})


def bearer(secret: str) -> tuple[str, str]:
    return ("Authorization", f"Bearer {secret}")


def test_nothing_on_loopback_is_trusted(identity: Identity) -> None:
    person = identity.identify(request())
    assert (person.id, person.trusted, person.role) == ("local", True, "person")
    assert all(person.may(right) for right in ("chat", "feedback", "status", "act"))
    assert not person.may("operator")
    assert identity.acting(person, "ann").id == "ann"
    assert identity.acting(person, None).id == "local"


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:7860", "127.0.0.1", "127.9.9.9:1", "[::1]:7860", "[::1]"]
)
def test_loopback_hosts_are_trusted(identity: Identity, host: str) -> None:
    assert identity.identify(request(host=host)).trusted


@pytest.mark.parametrize(
    "host",
    [
        None,
        "",
        "evil.example",
        "evil.example:7860",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "192.168.0.7",
        "0.0.0.0",
        "[2001:db8::1]:7860",
    ],
)
def test_other_hosts_are_not(identity: Identity, host: str | None) -> None:
    with pytest.raises(Unauthorized):
        identity.identify(request(host=host))


def test_two_hosts_are_not(identity: Identity) -> None:
    with pytest.raises(Unauthorized):
        identity.identify(request(("Host", "localhost")))


@pytest.mark.parametrize(
    "header",
    [
        "Forwarded",
        "X-Forwarded-For",
        "X-Forwarded-Host",
        "X-Forwarded-Proto",
        "X-Real-IP",
        "Via",
        "CF-Connecting-IP",
    ],
)
def test_forwarded_requests_are_not_trusted(identity: Identity, header: str) -> None:
    with pytest.raises(Unauthorized):
        identity.identify(request((header, "127.0.0.1")))


@pytest.mark.parametrize("origin", ["http://127.0.0.1:7860", "https://127.0.0.1:7860"])
def test_our_own_pages_are_trusted(identity: Identity, origin: str) -> None:
    assert identity.identify(request(("Origin", origin))).trusted


@pytest.mark.parametrize(
    "origin", ["null", "", "http://evil.example", "http://127.0.0.1:9999", "http://localhost:7860"]
)
def test_other_pages_are_not(identity: Identity, origin: str) -> None:
    with pytest.raises(Unauthorized):
        identity.identify(request(("Origin", origin)))


def test_nobody_is_trusted_off_loopback(tmp_path: Path, database: Database) -> None:
    identity = Identity(config_for(tmp_path, host="0.0.0.0"), ApiKeys(database))
    with pytest.raises(Unauthorized):
        identity.identify(request())


def test_nobody_is_trusted_once_keys_exist(identity: Identity) -> None:
    key, secret = identity.keys.add("ann")
    with pytest.raises(Unauthorized):
        identity.identify(request())
    assert identity.identify(request(bearer(secret))).id == "ann"
    identity.keys.revoke(key.id)
    assert identity.identify(request()).trusted
    with pytest.raises(Unauthorized):
        identity.identify(request(bearer(secret)))
    with pytest.raises(NotFound):
        identity.keys.revoke(key.id)


def test_the_operators_token_is_no_key(identity: Identity) -> None:
    person = identity.identify(request(bearer(OPERATOR)))
    assert person.role == "operator"
    assert all(person.may(right) for right in ("chat", "feedback", "status", "act", "operator"))
    assert identity.acting(person, "simulated-01").id == "simulated-01"
    assert identity.identify(request()).trusted


def test_the_operators_token_works_from_anywhere(identity: Identity) -> None:
    far = request(bearer(OPERATOR), ("X-Forwarded-For", "8.8.8.8"), host="chat.example")
    assert identity.operator(far).role == "operator"


def test_the_internal_key_only_asks(identity: Identity) -> None:
    person = identity.identify(request(bearer(INTERNAL)))
    assert person.role == "internal"
    assert person.may("chat")
    assert not person.may("feedback")
    assert identity.acting(person, "ann").id == "internal"
    with pytest.raises(Forbidden):
        identity.operator(request(bearer(INTERNAL)))


@pytest.mark.parametrize("secret", ["wrong", OPERATOR + "x", OPERATOR[:-1], "rk-unknown"])
def test_a_wrong_key_is_nobody(identity: Identity, secret: str) -> None:
    with pytest.raises(Unauthorized):
        identity.identify(request(bearer(secret)))


@pytest.mark.parametrize("secret", ["", "none", "EMPTY", "unused"])
def test_a_word_for_no_key_counts_as_nothing(identity: Identity, secret: str) -> None:
    assert identity.identify(request(bearer(secret))).trusted


def test_other_schemes_are_nobody(identity: Identity) -> None:
    for value in ("Basic b3A6b3A=", OPERATOR):
        with pytest.raises(Unauthorized):
            identity.identify(request(("Authorization", value)))
    with pytest.raises(Unauthorized):
        identity.identify(request(bearer(OPERATOR), bearer(INTERNAL)))


def test_an_empty_secret_never_matches(tmp_path: Path, database: Database) -> None:
    config = config_for(tmp_path, operator_token="", internal_key="", host="0.0.0.0")
    with pytest.raises(Unauthorized):
        Identity(config, ApiKeys(database)).identify(request(bearer("")))


def test_keys_do_what_their_rights_say(identity: Identity) -> None:
    _, plain = identity.keys.add("app")
    _, acting = identity.keys.add("bot", {"chat", "act"})
    _, chief = identity.keys.add("chief", {"operator"})
    person = identity.identify(request(bearer(plain)))
    assert identity.acting(person, "ann").id == "app"
    with pytest.raises(Forbidden, match="status"):
        person.require("status")
    person = identity.identify(request(bearer(acting)))
    assert identity.acting(person, "ann").id == "ann"
    assert not person.may("feedback")
    assert identity.operator(request(bearer(chief))).id == "chief"
    with pytest.raises(BadRequest, match="rights"):
        identity.keys.add("x", {"everything"})
    with pytest.raises(BadRequest, match="name"):
        identity.keys.add("")
    assert [key.holder for key in identity.keys.list()] == ["app", "bot", "chief"]


def test_a_cookie_makes_a_person(identity: Identity) -> None:
    value = identity.new_person_cookie()
    person = identity.identify(request(("Cookie", f"{PERSON_COOKIE}={value}"), host="chat.example"))
    assert person.id.startswith("web-")
    assert not person.trusted
    assert not person.may("status")
    assert identity.acting(person, "ann") == person


@pytest.mark.parametrize(
    ("client", "same_block"),
    [("203.0.113.9", True), ("203.0.113.200", True), ("203.0.114.9", False)],
)
def test_an_address_block_is_kept_as_a_hash(
    identity: Identity, client: str, same_block: bool
) -> None:
    def block(address: str, *headers: tuple[str, str]) -> str | None:
        cookie = ("Cookie", f"{PERSON_COOKIE}={identity.new_person_cookie()}")
        asked = request(cookie, *headers, host="chat.example")
        asked.scope["client"] = (address, 5)
        return identity.identify(asked).block

    mine = block("203.0.113.1")
    assert mine
    assert "203" not in mine
    assert (block(client) == mine) is same_block
    assert block("127.0.0.1") is None, "that is a proxy that nobody told us of"
    assert identity.identify(bearer_request(identity)).block is None


def bearer_request(identity: Identity) -> Request:
    _, secret = identity.keys.add("app")
    asked = request(bearer(secret), host="chat.example")
    asked.scope["client"] = ("203.0.113.1", 5)
    return asked


def test_a_cookie_does_not_count_from_a_foreign_page(identity: Identity) -> None:
    cookie = ("Cookie", f"{PERSON_COOKIE}={identity.new_person_cookie()}")
    with pytest.raises(Unauthorized):
        identity.identify(request(cookie, ("Origin", "https://evil.example"), host="chat.example"))
    ours = ("Origin", "https://chat.example")
    assert identity.identify(request(cookie, ours, host="chat.example"))


def test_further_origins_are_a_setting(tmp_path: Path, database: Database) -> None:
    config = config_for(tmp_path, origins=("https://chat.example",))
    identity = Identity(config, ApiKeys(database))
    assert identity.identify(request(("Origin", "https://chat.example"))).trusted


def test_forged_and_old_cookies_are_nobody(identity: Identity, clock: Clock) -> None:
    value = identity.new_person_cookie()
    name, at, signature = value.split(".")
    forged = [
        f"web-other.{at}.{signature}",
        f"{name}.{int(at) + 1}.{signature}",
        f"{name}.{at}.",
        "",
        "a.b",
        value[:-1],
    ]
    for wrong in forged:
        with pytest.raises(Unauthorized):
            identity.identify(request(("Cookie", f"{PERSON_COOKIE}={wrong}"), host="x"))
    with pytest.raises(Unauthorized):
        identity.identify(request(("Cookie", f"{OPERATOR_COOKIE}={value}"), host="x"))
    clock.now += 366 * 24 * 3600
    with pytest.raises(Unauthorized):
        identity.identify(request(("Cookie", f"{PERSON_COOKIE}={value}"), host="x"))


def test_an_operators_cookie_ends_with_the_token(
    identity: Identity, tmp_path: Path, database: Database, clock: Clock
) -> None:
    cookie = ("Cookie", f"{OPERATOR_COOKIE}={identity.new_operator_cookie()}")
    assert identity.operator(request(cookie)).role == "operator"
    with pytest.raises(Unauthorized):
        identity.operator(request(cookie, ("Origin", "https://evil.example"), host="127.0.0.1"))
    other = Identity(config_for(tmp_path, operator_token="new"), ApiKeys(database), clock)
    with pytest.raises(Forbidden):
        other.operator(request(cookie))


def test_a_login_link_works_once(tmp_path: Path, identity: Identity) -> None:
    old = issue_login_code(tmp_path)
    code = issue_login_code(tmp_path)
    assert not identity.redeem(old)
    assert not identity.redeem("../../etc/passwd")
    assert identity.redeem(code)
    assert not identity.redeem(code)


def test_a_user_must_be_a_name(identity: Identity) -> None:
    person = identity.identify(request())
    for wrong in ("", "x" * 200, 3, ["a"]):
        with pytest.raises(BadRequest):
            identity.acting(person, wrong)


def test_a_person_is_frozen() -> None:
    with pytest.raises(AttributeError):
        Person("ann").id = "bob"  # type: ignore[misc]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with service(tmp_path_factory.mktemp("identity")) as made:
        yield made


CHAT = {"messages": [{"role": "user", "content": "Hi"}]}
ROUTES = [
    ("POST", "/v1/chat/completions", CHAT),
    ("GET", "/v1/models", None),
    ("PUT", "/v1/feedback/votes/x", {"liked": True}),
    ("POST", "/v1/comparisons", CHAT),
    ("PUT", "/v1/feedback/comparisons/x", {"outcome": "left"}),
    ("PUT", "/v1/feedback/corrections/x", {"text": "t"}),
    ("GET", "/v1/completions/x/sources", None),
    ("GET", "/v1/status", None),
    ("POST", "/v1/completions", {"prompt": "x"}),
    ("POST", "/v1/promote", {"responder": "rag", "reason": "r"}),
    ("POST", "/v1/rollback", {"reason": "r"}),
    ("POST", "/v1/hold", {"reason": "r"}),
    ("POST", "/v1/resume", {"reason": "r"}),
]


@pytest.mark.parametrize(("method", "path", "body"), ROUTES)
@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Origin": "http://evil.example"},
        {"X-Forwarded-For": "8.8.8.8"},
        {"Authorization": "Bearer wrong"},
    ],
)
def test_every_route_refuses_strangers(
    served: Service, method: str, path: str, body: object, headers: dict[str, str]
) -> None:
    response = served.http.request(method, path, json=body, headers=headers)
    assert response.status_code == 401
    assert set(response.json()["error"]) == {"message", "type", "code"}
    assert response.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(("method", "path", "body"), ROUTES[-5:])
@pytest.mark.parametrize("headers", [{}, {"Authorization": f"Bearer {INTERNAL}"}])
def test_operators_routes_refuse_everybody_else(
    served: Service, method: str, path: str, body: object, headers: dict[str, str]
) -> None:
    if path == "/v1/completions" and headers:
        pytest.skip("evaluations may score texts")
    response = served.http.request(method, path, json=body, headers=headers)
    assert response.status_code == 403


def test_the_link_logs_in_and_the_page_takes_the_token(served: Service) -> None:
    code = issue_login_code(served.services.config.home)
    with httpx.Client(base_url=served.url) as browser:
        answer = browser.get(f"/operator/login?once={code}")
        assert (answer.status_code, answer.headers["location"]) == (303, "/operator/")
        assert browser.post("/v1/hold", json={"reason": "r"}).status_code == 200
        assert browser.post("/v1/resume", json={"reason": "r"}).status_code == 200
    assert served.http.get(f"/operator/login?once={code}").status_code == 401
    with httpx.Client(base_url=served.url) as browser:
        refused = browser.post("/operator/login", data={"token": "wrong"})
        assert (refused.status_code, "wrong" in refused.text) == (401, False)
        assert "That is not the operator's token" in refused.text
        assert browser.post("/operator/login", data={"token": OPERATOR}).status_code == 303
        assert browser.post("/v1/resume", json={"reason": "r"}).status_code == 200
    page = served.http.get("/operator/login", headers={"Accept-Language": "ko-KR"}).text
    assert "운영자 토큰" in page
    assert "운영자 토큰이 아닙니다" not in page


def test_untrusted_people_have_limits(tmp_path: Path) -> None:
    with service(tmp_path, requests_per_minute=2) as served:
        _, secret = served.services.identity.keys.add("app")
        headers = {"Authorization": f"Bearer {secret}"}
        statuses = [
            served.http.post("/v1/chat/completions", json=CHAT, headers=headers) for _ in range(3)
        ]
        assert [r.status_code for r in statuses] == [200, 200, 429]
        assert 0 < int(statuses[-1].headers["retry-after"]) <= 60
        for _ in range(4):
            answer = served.operator("POST", "/v1/chat/completions", json=CHAT)
            assert answer.status_code == 200
