"""What nobody sends by mistake: every answer is a clear 4xx in the one shape, and asks nothing."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.serving_kit import OPERATOR, Service, service

HI = [{"role": "user", "content": "Hi"}]
DEEP = json.loads("[" * 900 + "]" * 900)
BLIND = ("/v1/comparisons", "/v1/rankings")
ASKING = ("/v1/chat/completions", *BLIND)
WAYS_OUT = (
    *(
        "..%2f..%2fetc%2fpasswd",
        "%2e%2e%2foperator.token",
        "..%5c..%5cratchet.db",
        "%2fetc%2fpasswd",
    ),
    *("%00", "a%00.json", "%ff%fe", "a%0d%0aX-Injected:%20yes", "%e2%80%ae", "x" * 5000),
)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with service(tmp_path_factory.mktemp("hostile"), tool_parser="hermes") as made:
        yield made


def refused(answer: httpx.Response, *statuses: int) -> str:
    """Return the error's message; its shape and status are checked."""
    assert answer.status_code in statuses, (answer.request.url, answer.text[:300])
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "code"}
    assert all(isinstance(value, str) and value for value in error.values())
    assert "x-injected" not in answer.headers
    assert len(answer.content) < 20_000
    return str(error["message"])


@pytest.mark.parametrize("word", WAYS_OUT)
def test_no_path_parameter_leads_anywhere(served: Service, word: str) -> None:
    described = served.http.get("/openapi.json").json()["paths"]
    tried = 0
    for path, ways in described.items():
        head, brace, rest = path.partition("{")
        for method, operation in ways.items() if brace else ():
            content = operation.get("requestBody", {}).get("content", {})
            body = content.get("application/json", {}).get("example")
            where = f"{head}{word}{rest.partition('}')[2]}"
            said = refused(served.operator(method, where, json=body), 400, 404)
            assert "root:" not in said
            assert OPERATOR not in said
            tried += 1
    assert tried >= 9


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        *(
            (name, DEEP)
            for name in ("temperature", "n", "seed", "stop", "max_tokens", "logit_bias")
        ),
        *((name, DEEP) for name in ("messages", "user", "model", "stream", "metadata", "count")),
        *((name, "x" * 1_000_000) for name in ("temperature", "n", "max_completion_tokens")),
        *((name, 10**9) for name in ("n", "max_tokens", "max_completion_tokens", "top_logprobs")),
        *((name, -1) for name in ("n", "max_tokens", "temperature", "top_p")),
        *((name, 2.0) for name in ("n", "max_tokens", "seed")),
        *((name, 0) for name in ("stream", "stream_options", "model", "metadata", "tools")),
        ("stream_options", {"include_usage": 0}),
        ("top_p", 5e-324),
        ("logit_bias", {"\u0661": 1}),
        ("logit_bias", {"9" * 300: 1}),
        ("metadata", {"conversation_id": "a\0b"}),
        ("metadata", {"conversation_id": "\u202e"}),
        ("n\0", 1),
        ("x" * 100_000, 1),
    ],
)
def test_no_value_is_odd_enough(served: Service, parameter: str, value: Any) -> None:
    before = len(served.engine.requests)
    for path in ASKING:
        if parameter == "model" and path in BLIND:
            continue
        refused(served.http.post(path, json={"messages": HI, parameter: value}), 400)
    assert len(served.engine.requests) == before


@pytest.mark.parametrize("number", ["1e400", "-1e400", "NaN", "Infinity", "1e-400000x", "0x10"])
@pytest.mark.parametrize("path", ASKING)
def test_what_is_no_number_is_no_json(served: Service, path: str, number: str) -> None:
    body = f'{{"messages": {json.dumps(HI)}, "temperature": {number}}}'
    answer = served.http.post(path, content=body, headers={"Content-Type": "application/json"})
    assert "not JSON" in refused(answer, 400)


@pytest.mark.parametrize("count", [2, 5, 3.0, "3", True, [], 10**30])
def test_a_ranking_has_three_or_four_answers(served: Service, count: Any) -> None:
    answer = served.http.post("/v1/rankings", json={"messages": HI, "count": count})
    assert "`count`" in refused(answer, 400)


@pytest.mark.parametrize("content", ["", " \n\t", [], [{"type": "text", "text": " "}]])
@pytest.mark.parametrize("path", ASKING)
def test_a_question_that_says_nothing_is_refused(served: Service, path: str, content: Any) -> None:
    for talk in (
        [{"role": "user", "content": content}],
        [{"role": "user", "content": content}, {"role": "assistant", "content": "?"}, *HI],
    ):
        answer = served.http.post(path, json={"messages": talk})
        assert "messages[0] says nothing" in refused(answer, 400)


@pytest.mark.parametrize(
    "message",
    [
        {"role": "assistant", "tool_calls": 0},
        {"role": "assistant", "tool_calls": {}},
        {"role": "assistant", "tool_calls": ""},
        {"role": "assistant", "content": False},
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "file:///x"}}]},
        {"role": "user\0", "content": "Hi"},
        {"role": ["user"], "content": "Hi"},
    ],
)
def test_messages_of_the_wrong_kind_are_refused(served: Service, message: Any) -> None:
    answer = served.http.post("/v1/chat/completions", json={"messages": [*HI, message]})
    assert "messages[1]" in refused(answer, 400)


@pytest.mark.parametrize("odd", [{"strict": 0}, {"strict": ""}, {"description": 0}])
def test_tools_of_the_wrong_kind_are_refused(served: Service, odd: dict[str, Any]) -> None:
    tools = [{"type": "function", "function": {"name": "f", **odd}}]
    answer = served.http.post("/v1/chat/completions", json={"messages": HI, "tools": tools})
    assert next(iter(odd)) in refused(answer, 400)


def test_no_calls_are_none_to_the_engine(served: Service) -> None:
    talk = [*HI, {"role": "assistant", "content": "Hello.", "tool_calls": []}, *HI]
    body = {"messages": talk, "model": "base", "stream_options": None, "stop": []}
    assert served.http.post("/v1/chat/completions", json=body).status_code == 200
    assert served.engine.requests[-1]["messages"][1] == {"role": "assistant", "content": "Hello."}


@pytest.mark.parametrize(
    "query",
    ["before=nan", "before=inf", "before=1e999", "limit=1e3", "limit=-1", "limit=0", "query=%00"],
)
def test_queries_out_of_range_are_refused(served: Service, query: str) -> None:
    refused(served.http.get(f"/v1/conversations?{query}"), 400)


@pytest.mark.parametrize("reason", ["", " ", "a\0b", "\ud800", "x" * 2001, None, DEEP])
@pytest.mark.parametrize("path", ["/v1/hold", "/v1/resume", "/v1/promote", "/v1/rollback"])
def test_reasons_are_texts_that_can_be_kept(served: Service, path: str, reason: Any) -> None:
    body = json.dumps({"responder": "base", "reason": reason, "force": True})
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {OPERATOR}"}
    refused(served.http.post(path, content=body, headers=headers), 400)
    assert served.registry.live() == "rag"


@pytest.mark.parametrize(
    "name", ["../base", "base\0", "RAG", "ratchet-0007+rag+rag", " rag", "лив"]
)
def test_nothing_but_a_responders_name_is_promoted(served: Service, name: str) -> None:
    body = {"responder": name, "reason": "r", "force": True}
    refused(served.operator("POST", "/v1/promote", json=body), 400, 404)
    assert served.registry.live() == "rag"


@pytest.mark.parametrize("prompt", [None, [], [[]], [-1], [True], [1.5], {"a": 1}, [["a"]], DEEP])
def test_prompts_of_the_wrong_kind_are_refused(served: Service, prompt: Any) -> None:
    before = len(served.engine.requests)
    body = {"model": "base", "prompt": prompt}
    refused(served.operator("POST", "/v1/completions", json=body), 400)
    assert len(served.engine.requests) == before
