"""The service beside the bare vLLM behind it: the same answers, and every difference on purpose."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from openai import OpenAI

from tests.serving_kit import Service

pytestmark = pytest.mark.vllm

HI: list[Any] = [{"role": "user", "content": "What is the deductible of Travel Shield?"}]
GREEDY: dict[str, Any] = {"temperature": 0, "max_tokens": 16}
SEARCH: Any = {
    "type": "function",
    "function": {
        "name": "search",
        "parameters": {
            "type": "object",
            "properties": {"q": {"enum": ["a", "b"]}},
            "required": ["q"],
            "additionalProperties": False,
        },
    },
}
SCHEMA: Any = {"type": "object", "properties": {"n": {"enum": [1, 2]}}, "required": ["n"]}
SHAPED: Any = {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}}
MUST: Any = {"type": "function", "function": {"name": "search"}}


@pytest.fixture
def bare(real: Service) -> Iterator[httpx.Client]:
    """The engine itself."""
    with httpx.Client(base_url=real.services.config.engine_urls[0], timeout=120) as http:
        yield http


def both(real: Service, bare: httpx.Client, **body: Any) -> tuple[httpx.Response, httpx.Response]:
    """Ask the service and the bare engine the same."""
    asked = {"model": "base", "messages": HI, **GREEDY, **body}
    path = "/v1/chat/completions"
    # The service asks the base through its null adapter, which the engine knows by its own name.
    null = real.services.router.pick("base", "").model
    return real.http.post(path, json=asked), bare.post(path, json=asked | {"model": null})


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"stop": ["e"]},
        {"seed": -3, "temperature": 1},
        {"top_p": 0.5},
        {"logprobs": True, "top_logprobs": 2},
        {"presence_penalty": 1, "frequency_penalty": -1},
        {"logit_bias": {"300": -50}},
        {"response_format": SHAPED},
        {"tools": [SEARCH], "tool_choice": MUST},
        {"tools": [SEARCH], "tool_choice": "required"},
        {"tools": [SEARCH], "tool_choice": "none"},
    ],
    ids=str,
)
def test_the_same_is_answered(real: Service, bare: httpx.Client, sent: dict[str, Any]) -> None:
    ours, theirs = both(real, bare, **sent, **({"max_tokens": 64} if "tools" in sent else {}))
    assert (ours.status_code, theirs.status_code) == (200, 200), (ours.text, theirs.text)
    one, other = ours.json()["choices"][0], theirs.json()["choices"][0]
    assert one["finish_reason"] == other["finish_reason"]
    assert one["message"]["content"] == (other["message"]["content"] or one["message"]["content"])
    assert _functions(one) == _functions(other)
    for mine, his in zip(_tokens(one), _tokens(other), strict=True):
        assert mine["token"] == his["token"]
        assert mine["logprob"] == pytest.approx(his["logprob"], abs=1e-3)


def _functions(choice: dict[str, Any]) -> list[Any]:
    return [call["function"] for call in choice["message"].get("tool_calls") or []]


def _tokens(choice: dict[str, Any]) -> list[Any]:
    return (choice["logprobs"] or {}).get("content") or []


@pytest.mark.parametrize(
    "sent",
    [
        {"temperature": 9},
        {"temperature": -1},
        {"top_p": 0},
        {"max_tokens": 0},
        {"n": 0},
        {"n": 10**9},
        {"stop": [""]},
        {"stop": list("abcde")},
        {"presence_penalty": 3},
        {"top_logprobs": 2},
        {"logprobs": True, "top_logprobs": 50},
        {"logit_bias": {"999999": 1}},
        {"stream_options": {"include_usage": True}},
        {"messages": []},
        {"messages": [{"role": "user", "content": None}]},
        {"tool_choice": "required"},
        {"tools": [SEARCH], "tool_choice": {"type": "function", "function": {"name": "x"}}},
        {"response_format": {"type": "json_schema"}},
        {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "n", "schema": {"type": "nonsense"}},
            }
        },
        {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "n", "schema": {"type": "string", "pattern": "((("}},
            }
        },
    ],
    ids=str,
)
def test_the_same_is_refused(real: Service, bare: httpx.Client, sent: dict[str, Any]) -> None:
    ours, theirs = both(real, bare, **sent)
    assert (ours.status_code, theirs.status_code) == (400, 400), (ours.text, theirs.text)
    assert set(ours.json()["error"]) == {"message", "type", "code"}
    assert real.services.router.replicas[0].ready


CALL = {"id": "c", "type": "function", "function": {"name": "search", "arguments": "[1]"}}


@pytest.mark.parametrize(
    ("sent", "here", "there"),
    [
        ({"unknown": 1}, 400, 200),
        ({"min_tokens": 2}, 400, 200),
        ({"messages": [{"role": "wizard", "content": "x"}]}, 400, 200),
        ({"messages": [*HI, {"role": "tool", "tool_call_id": "c", "content": "x"}]}, 400, 200),
        ({"messages": [*HI, {"role": "assistant", "tool_calls": [CALL]}]}, 400, 200),
        ({"n": 9, "temperature": 1}, 400, 200),
        ({"max_tokens": 100_000}, 200, 400),
        ({"messages": [{"role": "user", "content": "word " * 3000}, *HI]}, 200, 400),
    ],
    ids=str,
)
def test_each_difference_is_one(
    real: Service, bare: httpx.Client, sent: dict[str, Any], here: int, there: int
) -> None:
    ours, theirs = both(real, bare, **sent)
    assert (ours.status_code, theirs.status_code) == (here, there), (ours.text, theirs.text)
    if len(ours.request.content) > 10_000:
        assert ours.headers["x-ratchet-cut-turns"] == "1"


def test_models_media_types_and_methods_differ(real: Service, bare: httpx.Client) -> None:
    body = json.dumps({"model": "base", "messages": HI, **GREEDY})
    plain = {"Content-Type": "text/plain"}
    for http, status in ((real.http, 415), (bare, 400)):
        answer = http.post("/v1/chat/completions", content=body, headers=plain)
        assert answer.status_code == status
        assert http.delete("/v1/models").status_code == 405
    assert real.http.get("/v1/models/base").status_code == 200
    assert bare.get("/v1/models/base").status_code == 404
    unknown = real.http.post("/v1/chat/completions", json={"model": "gpt-4", "messages": HI})
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "model_not_found")


def test_openais_client_gets_calls_of_tools_in_a_stream(real: Service, bare: httpx.Client) -> None:
    # What a tiny model puts into it is not the point: vLLM's stream reaches the client whole.
    ours = _streamed_call(real.url, "base")
    theirs = _streamed_call(str(bare.base_url), real.services.router.pick("base", "").model)
    assert ours == theirs
    assert ours[0] == "search"


def _streamed_call(url: str, model: str) -> tuple[str, str, str | None]:
    """Return the name, the arguments and the finish reason of a call that is streamed."""
    name, arguments, finish = "", "", None
    with OpenAI(base_url=f"{url.rstrip('/')}/v1", api_key="none", max_retries=0) as client:
        for chunk in client.chat.completions.create(
            model=model,
            messages=HI,
            tools=[SEARCH],
            tool_choice=MUST,
            stream=True,
            stream_options={"include_usage": True},
            temperature=0,
            max_tokens=64,
        ):
            for choice in chunk.choices:
                finish = choice.finish_reason or finish
                for call in choice.delta.tool_calls or []:
                    assert call.function is not None
                    name = call.function.name or name
                    arguments += call.function.arguments or ""
    assert chunk.usage is not None
    return name, arguments, finish
