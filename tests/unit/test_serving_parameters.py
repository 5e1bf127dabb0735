"""What OpenAI's clients may ask for reaches the engine, and what comes back reaches them."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from openai import BadRequestError, OpenAI

from tests.fake_engine import FakeEngine
from tests.serving_kit import Service, service

HI: list[Any] = [{"role": "user", "content": "Hi"}]
SEARCH: Any = {
    "type": "function",
    "function": {
        "name": "search",
        "description": "Searches.",
        "parameters": {"type": "object", "properties": {"q": {"type": "string"}}},
    },
}
SCHEMA: Any = {"type": "object", "properties": {"n": {"type": "integer"}}}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with service(tmp_path_factory.mktemp("parameters"), tool_parser="hermes") as made:
        yield made


@pytest.fixture
def client(served: Service) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{served.url}/v1", api_key="none", max_retries=0) as client:
        yield client


@pytest.mark.parametrize(
    ("sent", "asked"),
    [
        ({"temperature": 0.5}, None),
        ({"top_p": 0.5}, None),
        ({"max_tokens": 7}, None),
        ({"max_completion_tokens": 7}, {"max_tokens": 7}),
        ({"stop": "x"}, {"stop": ["x"]}),
        ({"stop": ["x", "y"]}, None),
        ({"seed": -5}, None),
        ({"n": 2}, None),
        ({"logprobs": True, "top_logprobs": 3}, None),
        ({"presence_penalty": 1.5, "frequency_penalty": -1.5}, None),
        ({"logit_bias": {"17": -100}}, None),
        ({"response_format": {"type": "text"}}, {}),
        ({"response_format": {"type": "json_object"}}, None),
        (
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "n", "schema": SCHEMA, "strict": True},
                }
            },
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "n", "schema": SCHEMA},
                }
            },
        ),
        ({"tools": [SEARCH]}, None),
        ({"tools": [SEARCH], "tool_choice": "none", "parallel_tool_calls": False}, None),
        (
            {
                "tools": [SEARCH],
                "tool_choice": {"type": "function", "function": {"name": "search"}},
            },
            None,
        ),
        ({"store": False, "service_tier": "auto", "reasoning_effort": "low"}, {}),
    ],
)
def test_each_parameter_reaches_the_engine(
    served: Service, client: OpenAI, sent: dict[str, Any], asked: dict[str, Any] | None
) -> None:
    client.chat.completions.create(model="base", messages=HI, **sent)
    got = {k: v for k, v in served.engine.requests[-1].items() if k not in {"model", "messages"}}
    assert got == (sent if asked is None else asked)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"tools": []}, "tools"),
        ({"tools": [{"type": "function"}]}, "tools[0]"),
        ({"tools": [{"type": "function", "function": {"name": "a b"}}]}, "name"),
        ({"tools": [SEARCH, SEARCH]}, "one name"),
        ({"tools": [{"type": "function", "function": {"name": "f", "parameters": 3}}]}, "schema"),
        ({"tool_choice": "auto"}, "needs `tools`"),
        ({"tools": [SEARCH], "tool_choice": "search"}, "tool_choice"),
        (
            {"tools": [SEARCH], "tool_choice": {"type": "function", "function": {"name": "x"}}},
            "'x'",
        ),
        ({"response_format": "json"}, "response_format"),
        ({"response_format": {"type": "json_schema"}}, "json_schema"),
        ({"response_format": {"type": "xml"}}, "response_format"),
        (
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "a", "schema": {"enum": ["x" * 70_000]}},
                }
            },
            "bytes",
        ),
        ({"logit_bias": {"a": 1}}, "logit_bias"),
        ({"logit_bias": {"1": 101}}, "logit_bias"),
        ({"stream_options": {"include_usage": True}}, "stream"),
    ],
)
def test_what_cannot_be_is_refused_before_the_engine_is_asked(
    served: Service, client: OpenAI, wrong: dict[str, Any], says: str
) -> None:
    before = len(served.engine.requests)
    with pytest.raises(BadRequestError) as raised:
        client.chat.completions.create(model="base", messages=HI, **wrong)
    assert says in raised.value.message
    assert raised.value.code == "invalid_request"
    assert len(served.engine.requests) == before


def test_a_schema_may_not_be_nested_without_end(served: Service) -> None:
    deep: Any = {}
    for _ in range(40):
        deep = {"properties": {"a": deep}}
    shape = {"type": "json_schema", "json_schema": {"name": "a", "schema": deep}}
    answer = served.chat(response_format=shape)
    assert (answer.status_code, "deeper" in answer.text) == (400, True)


def test_each_choice_of_a_stream_can_be_voted_on(served: Service, client: OpenAI) -> None:
    texts = ["", "", ""]
    identity = ""
    for chunk in client.chat.completions.create(model="base", messages=HI, n=3, stream=True):
        identity = chunk.id
        for choice in chunk.choices:
            texts[choice.index] += choice.delta.content or ""
    assert texts == ["Answered by base."] * 3
    for i, text in enumerate(texts):
        vote = served.http.put(f"/v1/feedback/votes/{identity}-{i}", json={"liked": True})
        assert vote.status_code == 200
        row = served.store.completion(f"{identity}-{i}")
        assert row is not None
        assert (row.text, row.status, row.named) == (text, "complete", True)


def test_a_call_of_a_tool_comes_through_and_its_result_goes_back(
    served: Service, client: OpenAI
) -> None:
    first = client.chat.completions.create(model="ratchet", messages=HI, tools=[SEARCH])
    message = first.choices[0].message
    assert (message.content, first.choices[0].finish_reason) == (None, "tool_calls")
    assert message.tool_calls is not None
    call = message.tool_calls[0]
    assert call.type == "function"
    assert (call.id, call.function.name) == ("call-1", "search")
    assert json.loads(call.function.arguments) == {"q": "x"}
    talk = [*HI, message, {"role": "tool", "tool_call_id": call.id, "content": "found"}]
    second = client.chat.completions.create(
        model="ratchet", messages=talk, tools=[SEARCH], tool_choice="none"
    )
    assert second.choices[0].message.content == "Answered by base."
    row = served.store.completion(second.id)
    assert row is not None
    assert [m["role"] for m in row.messages] == ["user", "assistant", "tool"]
    assert row.messages[1]["tool_calls"] == [call.model_dump()]
    assert row.messages[2]["tool_call_id"] == "call-1"
    asked = served.engine.requests[-1]["messages"]
    # `rag` answers: the passages stand before the question, the call and its result behind it.
    assert [m["role"] for m in asked] == ["system", "user", "assistant", "tool"]
    assert asked[1]["content"].endswith("Question: Hi")
    assert asked[2:] == list(row.messages[1:])


def test_a_call_of_a_tool_is_streamed_as_it_comes(client: OpenAI) -> None:
    name, arguments, ends = "", "", []
    stream = client.chat.completions.create(
        model="base", messages=HI, tools=[SEARCH], tool_choice="required", stream=True
    )
    for chunk in stream:
        for choice in chunk.choices:
            ends.append(choice.finish_reason)
            for call in choice.delta.tool_calls or []:
                assert call.function is not None
                name += call.function.name or ""
                arguments += call.function.arguments or ""
    assert (name, json.loads(arguments), ends[-1]) == ("search", {"q": "x"}, "tool_calls")


CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}


@pytest.mark.parametrize(
    ("talk", "says"),
    [
        ([*HI, {"role": "tool", "tool_call_id": "c", "content": "x"}], "no `tool_calls`"),
        (
            [
                *HI,
                {"role": "assistant", "content": None, "tool_calls": [CALL]},
                {"role": "tool", "tool_call_id": "d", "content": "x"},
            ],
            "'d'",
        ),
        ([*HI, {"role": "assistant", "tool_calls": "f()"}], "tool_calls"),
        ([*HI, {"role": "assistant", "tool_calls": [{"id": "c", "type": "function"}]}], "call"),
        (
            [
                *HI,
                {
                    "role": "assistant",
                    "tool_calls": [{**CALL, "function": {"name": "f", "arguments": "{oops"}}],
                },
            ],
            "JSON object",
        ),
        ([{"role": "user", "content": "a\0b"}], "NUL"),
        ([{"role": "tool", "content": "x"}], "tool_call_id"),
    ],
)
def test_conversations_that_make_no_sense_are_refused(
    served: Service, talk: list[Any], says: str
) -> None:
    answer = served.http.post("/v1/chat/completions", json={"messages": talk})
    assert answer.status_code == 400
    assert says in answer.json()["error"]["message"]


def test_what_the_model_did_not_see_is_said_in_a_header(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    talk = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "old " * 30},
        {"role": "assistant", "content": "ok"},
        {"role": "user", "content": "and new?"},
    ]
    with service(tmp_path_factory.mktemp("cut"), engine=FakeEngine(context=40)) as small:
        for stream in (False, True):
            body = {"messages": talk, "model": "base", "stream": stream}
            answer = small.http.post("/v1/chat/completions", json=body)
            assert answer.headers["x-ratchet-cut-turns"] == "2"
            short = small.chat(model="base", stream=stream)
            assert "x-ratchet-cut-turns" not in short.headers
        pair = small.http.post("/v1/comparisons", json={"messages": talk, "max_tokens": 8})
        assert pair.headers["x-ratchet-cut-turns"] == "2"


def test_a_model_whose_calls_nobody_reads_is_offered_no_tools(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with service(tmp_path_factory.mktemp("plain")) as plain:
        answer = plain.chat(tools=[SEARCH])
        assert answer.status_code == 400
        assert "engine.tool_parser" in answer.json()["error"]["message"]
        assert plain.chat(tools=[SEARCH], tool_choice="none").status_code == 200
