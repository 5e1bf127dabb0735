"""Every operation by every role, on the server: our API, and Gradio's own events by raw HTTP."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from serving.identity import OPERATOR_COOKIE, PERSON_COOKIE
from tests.serving_kit import INTERNAL, OPERATOR, Service, service

CHAT: dict[str, Any] = {"messages": [{"role": "user", "content": "Hi"}]}
WHY = {"reason": "r"}
# operation: what it needs, and the status for whoever may.
OPERATIONS: list[tuple[str, str, Any, str, int]] = [
    ("POST", "/v1/chat/completions", CHAT, "chat", 200),
    ("POST", "/v1/chat/completions", CHAT | {"stream": True}, "chat", 200),
    ("POST", "/v1/comparisons", CHAT, "chat", 200),
    ("POST", "/v1/comparisons/again", {}, "feedback", 404),
    ("GET", "/v1/models", None, "known", 200),
    ("GET", "/v1/models/base", None, "known", 200),
    ("PUT", "/v1/feedback/votes/x", {"liked": True}, "feedback", 404),
    ("PUT", "/v1/feedback/comparisons/x", {"outcome": "left"}, "feedback", 404),
    ("PUT", "/v1/feedback/corrections/x", {"text": "t"}, "feedback", 404),
    ("GET", "/v1/completions/x/sources", None, "feedback", 404),
    ("POST", "/v1/rankings", CHAT, "chat", 200),
    ("PUT", "/v1/feedback/rankings/x", {"order": None}, "feedback", 404),
    ("PUT", "/v1/feedback/signals/x", {"kind": "copy"}, "feedback", 404),
    ("GET", "/v1/feedback/consent", None, "feedback", 200),
    ("PUT", "/v1/feedback/consent", {"agreed": True}, "feedback", 200),
    ("GET", "/v1/feedback/mine", None, "feedback", 200),
    ("POST", "/v1/feedback/forget", {"sure": True}, "feedback", 200),
    ("GET", "/v1/feedback/voters", None, "operator", 200),
    (
        "POST",
        "/v1/feedback/voters",
        {"person": "nobody", "action": "block", "comment": "why"},
        "operator",
        404,
    ),
    ("GET", "/v1/feedback/votes", None, "operator", 200),
    ("GET", "/v1/feedback/rates", None, "operator", 200),
    ("GET", "/v1/feedback/reviews/x", None, "operator", 404),
    ("PUT", "/v1/feedback/reviews/x", {"ruling": "accept"}, "operator", 404),
    ("GET", "/v1/feedback/exports?format=raw", None, "operator", 200),
    ("GET", "/v1/conversations", None, "chat", 200),
    ("GET", "/v1/conversations/x", None, "chat", 404),
    ("PATCH", "/v1/conversations/x", {"title": "t"}, "chat", 404),
    ("DELETE", "/v1/conversations/x", None, "chat", 404),
    ("GET", "/v1/status", None, "status", 200),
    ("GET", "/v1/cycles", None, "status", 200),
    ("POST", "/v1/completions", {"prompt": "x", "model": "base"}, "score", 200),
    ("POST", "/v1/cycles", {}, "operator", 200),
    ("POST", "/v1/promote", {"responder": "rag", **WHY}, "operator", 200),
    ("POST", "/v1/rollback", WHY, "operator", 409),
    ("POST", "/v1/hold", WHY, "operator", 200),
    ("POST", "/v1/resume", WHY, "operator", 200),
    ("GET", "/healthz", None, "", 200),
    ("GET", "/readyz", None, "", 200),
    ("GET", "/metrics", None, "", 200),
    ("GET", "/openapi.json", None, "", 200),
    ("GET", "/operator/login", None, "", 200),
]
ROLES: dict[str, set[str]] = {
    "nobody": set(),
    "stranger's key": set(),
    "foreign page": set(),
    "cookie": {"known", "chat", "feedback"},
    "proxy's user": {"known", "chat", "feedback"},
    "key: chat": {"known", "chat"},
    "key: feedback": {"known", "feedback"},
    "key: status": {"known", "status"},
    "key: act": {"known"},
    "internal key": {"known", "chat", "status", "score"},
    "key: operator": {"known", "chat", "feedback", "status", "score", "operator"},
    "operator's token": {"known", "chat", "feedback", "status", "score", "operator"},
    "operator's cookie": {"known", "chat", "feedback", "status", "score", "operator"},
}
TRUSTED = {"known", "chat", "feedback", "status"}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with keys: nobody is trusted for coming with nothing."""
    home = tmp_path_factory.mktemp("roles")
    proxy = {"proxy_addresses": ("127.0.0.1",), "proxy_user_header": "X-Forwarded-User"}
    with service(home, pages=True, requests_per_minute=10_000, **proxy) as made:
        yield made


@pytest.fixture(scope="module")
def headers(served: Service) -> dict[str, dict[str, str]]:
    identity = served.services.identity

    def key(right: str) -> str:
        return identity.keys.add(f"holder of {right}", {right})[1]

    person = f"{PERSON_COOKIE}={identity.new_person_cookie()}"
    return {
        "nobody": {},
        "stranger's key": {"Authorization": "Bearer rk-unknown"},
        "foreign page": {
            "Cookie": f"{OPERATOR_COOKIE}={identity.new_operator_cookie()}; {person}",
            "Origin": "http://evil.example",
            "X-Forwarded-User": "ann",
        },
        "cookie": {"Cookie": person},
        "proxy's user": {"X-Forwarded-User": "ann"},
        **{f"key: {r}": {"Authorization": f"Bearer {key(r)}"} for r in _RIGHTS},
        "internal key": {"Authorization": f"Bearer {INTERNAL}"},
        "operator's token": {"Authorization": f"Bearer {OPERATOR}"},
        "operator's cookie": {"Cookie": f"{OPERATOR_COOKIE}={identity.new_operator_cookie()}"},
    }


_RIGHTS = ("chat", "feedback", "status", "act", "operator")


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(
    ("method", "path", "body", "needs", "status"),
    OPERATIONS,
    ids=[f"{o[0]} {o[1]} {i}" for i, o in enumerate(OPERATIONS)],
)
def test_each_operation_by_each_role(
    served: Service,
    headers: dict[str, dict[str, str]],
    role: str,
    method: str,
    path: str,
    body: Any,
    needs: str,
    status: int,
) -> None:
    response = served.http.request(method, path, json=body, headers=headers[role])
    known = 401 if not ROLES[role] else 403
    expected = status if not needs or needs in ROLES[role] else known
    assert response.status_code == expected, response.text
    if expected in {401, 403}:
        error = response.json()["error"]
        assert set(error) == {"message", "type", "code"}
        kind = "authentication_error" if expected == 401 else "permission_error"
        assert error["type"] == kind


def test_the_table_holds_every_operation(served: Service) -> None:
    document = served.http.get("/openapi.json").json()
    described = {
        (method.upper(), path) for path, ways in document["paths"].items() for method in ways
    }
    listed = {(method, _template(path)) for method, path, *_ in OPERATIONS}
    assert described <= listed


def _template(path: str) -> str:
    for written, template in (
        ("/votes/x", "/votes/{completion_id}"),
        ("/reviews/x", "/reviews/{completion_id}"),
        ("/exports?format=raw", "/exports"),
        ("/feedback/comparisons/x", "/feedback/comparisons/{comparison_id}"),
        ("/signals/x", "/signals/{completion_id}"),
        ("/rankings/x", "/rankings/{ranking_id}"),
        ("/conversations/x", "/conversations/{conversation_id}"),
        ("/corrections/x", "/corrections/{completion_id}"),
        ("/completions/x/", "/completions/{completion_id}/"),
        ("/models/base", "/models/{name}"),
    ):
        path = path.replace(written, template)
    return path


def test_whoever_comes_with_nothing_to_loopback_may_what_is_theirs(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with service(tmp_path_factory.mktemp("trusted")) as made:
        for method, path, body, needs, status in OPERATIONS:
            response = made.http.request(method, path, json=body)
            expected = status if not needs or needs in TRUSTED else 403
            assert response.status_code == expected, (method, path)


# The operator's page -----------------------------------------------------------------------------

EVENTS: list[tuple[str, str, Any]] = [
    ("GET", "/operator/config", None),
    ("GET", "/operator/gradio_api/info", None),
    ("POST", "/operator/gradio_api/queue/join", {"data": [], "fn_index": 0, "session_hash": "s"}),
    ("GET", "/operator/gradio_api/queue/data?session_hash=s", None),
    ("POST", "/operator/gradio_api/run/predict", {"data": [], "fn_index": 0, "session_hash": "s"}),
    ("POST", "/operator/gradio_api/api/predict", {"data": [], "fn_index": 0, "session_hash": "s"}),
    ("POST", "/operator/gradio_api/call/predict", {"data": []}),
    ("POST", "/operator/gradio_api/upload", None),
    ("GET", "/operator/gradio_api/file=/etc/passwd", None),
    ("GET", "/operator/feedback", None),
    ("POST", "/operator/feedback", None),
]


@pytest.mark.parametrize("role", [role for role in ROLES if "operator" not in ROLES[role]])
@pytest.mark.parametrize(("method", "path", "body"), EVENTS)
def test_the_operators_events_refuse_everybody_else(
    served: Service,
    headers: dict[str, dict[str, str]],
    role: str,
    method: str,
    path: str,
    body: Any,
) -> None:
    response = served.http.request(method, path, json=body, headers=headers[role])
    assert response.status_code in {401, 403}, response.text


@pytest.mark.parametrize("role", [role for role in ROLES if "operator" in ROLES[role]])
def test_operators_reach_their_page(
    served: Service, headers: dict[str, dict[str, str]], role: str
) -> None:
    with httpx.Client(base_url=served.url, headers=headers[role]) as http:
        assert http.get("/operator").headers["location"] == "/operator/"
        assert http.get("/operator/config").json()["dependencies"]
        assert "gradio" in http.get("/operator/").text


@pytest.mark.parametrize("path", ["/operator", "/operator/"])
@pytest.mark.parametrize("role", ["nobody", "cookie", "internal key", "stranger's key"])
def test_everybody_else_is_shown_where_to_log_in(
    served: Service, headers: dict[str, dict[str, str]], path: str, role: str
) -> None:
    response = served.http.get(path, headers=headers[role] | {"Accept-Language": "ko"})
    assert response.status_code == 401
    assert "운영자 토큰" in response.text
    head = served.http.head(path, headers=headers[role])
    assert (head.status_code, head.text) == (401, "")


@pytest.mark.parametrize("role", ["nobody", "foreign page", "stranger's key"])
def test_the_chat_pages_events_answer_nobody_unknown(
    served: Service, headers: dict[str, dict[str, str]], role: str
) -> None:
    config = served.http.get("/config").json()
    before = len(served.engine.requests)
    for index, event in enumerate(config["dependencies"]):
        join = {"data": [None] * len(event["inputs"]), "fn_index": index, "session_hash": "s"}
        served.http.post("/gradio_api/queue/join", json=join, headers=headers[role])
    assert len(served.engine.requests) == before
