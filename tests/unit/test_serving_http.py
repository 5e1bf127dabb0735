"""Raw HTTP that no client library would send: every answer is a clear 4xx in the one shape."""

import json
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from tests.serving_kit import Service, service

JSON = {"Content-Type": "application/json"}
CHAT = json.dumps({"messages": [{"role": "user", "content": "Hi"}]}).encode()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with service(tmp_path_factory.mktemp("http"), body_bytes=10_000) as made:
        yield made


def raw(served: Service, request: bytes) -> tuple[int, dict[str, str], bytes]:
    """Send bytes as they are; return status, headers and body of the answer."""
    where = urlsplit(served.url)
    with socket.create_connection((where.hostname, where.port), timeout=10) as sock:
        sock.sendall(request)
        said = b""
        while part := sock.recv(65536):
            said += part
    head, _, body = said.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    return int(first.split()[1]), headers, body


def request(
    method: str, path: str, body: bytes = b"", host: str = "localhost", **headers: str
) -> bytes:
    given = {"Host": host, "Connection": "close", **JSON, "Content-Length": str(len(body))}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items())]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def code_of(body: bytes) -> str:
    error = json.loads(body)["error"]
    assert set(error) == {"message", "type", "code"}
    assert all(isinstance(value, str) and value for value in error.values())
    return str(error["code"])


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("DELETE", "/v1/models", 405, "GET"),
        ("OPTIONS", "/v1/models", 405, "GET"),
        ("PATCH", "/v1/models/base", 405, "GET"),
        ("TRACE", "/v1/models", 405, "GET"),
        ("GET", "/v1/chat/completions", 405, "POST"),
        ("HEAD", "/v1/chat/completions", 405, "POST"),
        ("POST", "/v1/feedback/votes/x", 405, "PUT"),
        ("DELETE", "/v1/cycles", 405, "GET, POST"),
        ("POST", "/healthz", 405, "GET"),
        ("PUT", "/metrics", 405, "GET"),
        ("GET", "/v1/nothing", 404, None),
        ("POST", "/v1", 404, None),
        ("DELETE", "/v1/models/", 404, None),
    ],
)
def test_wrong_methods_and_paths_are_told_apart(
    served: Service, method: str, path: str, status: int, allow: str | None
) -> None:
    got, headers, body = raw(served, request(method, path))
    assert got == status
    assert headers.get("allow") == allow
    if method != "HEAD":
        assert code_of(body) == ("method_not_allowed" if status == 405 else "not_found")


@pytest.mark.parametrize("path", ["/v1/models", "/healthz", "/openapi.json"])
def test_head_is_get_without_the_body(served: Service, path: str) -> None:
    status, headers, body = raw(served, request("HEAD", path))
    assert (status, body) == (200, b"")
    assert int(headers["content-length"]) > 0


@pytest.mark.parametrize(
    "path",
    [
        "/v1/models/../../etc/passwd",
        "/v1/models/..%2f..%2fetc%2fpasswd",
        "/v1/models/%2e%2e/%2e%2e/etc/passwd",
        "/v1/completions/..%2f..%2fratchet.db/sources",
        "/../../etc/passwd",
        "//etc/passwd",
        "/v1/models/%00",
        "/v1/models/%ff%fe",
        "/v1/models/a%0d%0aX-Injected:%20yes",
    ],
)
def test_no_path_leads_out(served: Service, path: str) -> None:
    status, headers, body = raw(served, request("GET", path))
    assert status == 404
    assert "x-injected" not in headers
    assert b"root:" not in body
    code_of(body)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b"\xff\xfe",
        b'{"messages": [{"role": "user", "content": "\xff"}]}',
        rb'{"messages": [{"role": "user", "content": "\ud800"}]}',
        b'{"messages": [{"role": "user", "content": "Hi"}], "temperature": NaN}',
        b'{"messages": [{"role": "user", "content": "Hi"}], "temperature": Infinity}',
        b'{"messages": [{"role": "user", "content": "Hi"}], "top_p": -1e999}',
        b'{"messages": [{"role": "user", "content": "Hi"}], "n": 1000000000000}',
        b'{"messages": [{"role": "user", "content": "Hi"}], "n": ' + b"9" * 400 + b"}",
        b'{"messages": [{"role": "user", "content": "Hi"}], "seed": ' + b"9" * 400 + b"}",
        b'{"messages": ' + b"[" * 4000 + b"]" * 4000 + b"}",
        b'{"messages": [{"role": "user", "content": "Hi"}], "tools": '
        + b'{"a":' * 900
        + b"1"
        + b"}" * 900
        + b"}",
        b'{"messages": [{"role": "user", "content": "Hi"}], "metadata": "x"}',
        b'{"messages": [{"role": "user", "content": "Hi"}], "\\u0000": 1}',
        b'{"messages": [{"role": "user", "content": "Hi"}], "user": "a\\u0000b"}',
        b'{"messages": [{"role": "user", "content": "Hi"}], "user": "a\\nb"}',
    ],
)
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/comparisons"])
def test_bodies_that_mean_nothing_are_refused(served: Service, path: str, body: bytes) -> None:
    before = len(served.engine.requests)
    status, _, said = raw(served, request("POST", path, body))
    assert (status, code_of(said)) == (400, "invalid_request")
    assert len(served.engine.requests) == before


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff",
        b"NaN",
        b'{"liked": NaN}',
        b'{"liked": 1}',
        b'{"liked": true, "comment": "\\ud800"}',
        b'{"liked": ' + b"[" * 4000 + b"]" * 4000 + b"}",
        b'{"liked": true, "reasons": "x"}',
    ],
)
def test_votes_that_mean_nothing_are_refused(served: Service, body: bytes) -> None:
    status, _, said = raw(served, request("PUT", "/v1/feedback/votes/x", body))
    assert (status, code_of(said)) == (400, "invalid_request")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/chat/completions"),
        ("POST", "/v1/comparisons"),
        ("PUT", "/v1/feedback/votes/x"),
        ("POST", "/v1/promote"),
    ],
)
@pytest.mark.parametrize(
    "media", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]
)
def test_what_a_form_can_send_is_no_request(
    served: Service, method: str, path: str, media: str
) -> None:
    token = {"Authorization": "Bearer operator-token"}
    status, _, said = raw(served, request(method, path, CHAT, **token, Content_Type=media))
    assert (status, code_of(said)) == (415, "unsupported_media_type")


@pytest.mark.parametrize("media", ["application/json", "Application/JSON; charset=utf-8"])
def test_json_is_json_however_it_is_announced(served: Service, media: str) -> None:
    sent = request("POST", "/v1/chat/completions", CHAT, Content_Type=media)
    assert raw(served, sent)[0] == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/chat/completions"),
        ("PUT", "/v1/feedback/votes/x"),
        ("POST", "/operator/login"),
    ],
)
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_has_a_limit(served: Service, method: str, path: str, chunked: bool) -> None:
    form = {"Content_Type": "application/x-www-form-urlencoded"} if "login" in path else {}
    if chunked:
        head = request(method, path, Transfer_Encoding="chunked", **form)
        head = head.replace(b"Content-Length: 0\r\n", b"")
        sent = head + b"".join(b"1000\r\n" + b"a" * 4096 + b"\r\n" for _ in range(4))
    else:
        sent = request(method, path, Content_Length="10001", **form)
    status, _, said = raw(served, sent)
    assert (status, code_of(said)) == (413, "body_too_large")
    assert "10,000" in json.loads(said)["error"]["message"]


def test_a_body_of_just_the_limit_is_read(served: Service) -> None:
    body = CHAT + b" " * (10_000 - len(CHAT))
    assert raw(served, request("POST", "/v1/chat/completions", body))[0] == 200


def test_what_was_sent_never_becomes_a_header(served: Service) -> None:
    sent = {"model": "rag\r\nX-Injected: yes", "messages": [{"role": "user", "content": "Hi"}]}
    body = json.dumps(sent).encode()
    status, headers, said = raw(served, request("POST", "/v1/chat/completions", body))
    assert (status, "x-injected" in headers) == (400, False)
    assert code_of(said) == "invalid_request"


def test_an_unknown_model_is_a_404_as_openai_says_it(served: Service) -> None:
    body = json.dumps({"model": "gpt-4", "messages": [{"role": "user", "content": "Hi"}]}).encode()
    status, _, said = raw(served, request("POST", "/v1/chat/completions", body))
    assert (status, code_of(said)) == (404, "model_not_found")
