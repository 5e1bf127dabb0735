"""LangChain's ChatOpenAI against the service: what an application built on it sends and reads.

In front of the real engine, and of the fake one where an engine has to be slow or away.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import httpx
import openai
import pytest
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI

from tests.serving_kit import Service, service, wait_for

QUESTION = "What is the deductible of Travel Shield?"
ON_VLLM = pytest.mark.vllm


@tool
def search(q: Literal["deductible", "premium"]) -> str:
    """Search the documents."""
    return f"The {q} is 500 dollars."


def model(served: Service, **settings: Any) -> ChatOpenAI:
    """Return the client as an application makes it; what fails is not tried again unseen."""
    given: dict[str, Any] = {"model": "base", "temperature": 0, "max_completion_tokens": 16}
    return ChatOpenAI(
        base_url=f"{served.url}/v1", api_key="none", max_retries=0, **(given | settings)
    )


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[Service]:
    """A service whose engine takes a minute a word."""
    with service(tmp_path) as made:
        made.engine.pause = 60.0
        yield made


@ON_VLLM
def test_an_answer_carries_its_id_its_maker_and_its_tokens(real: Service) -> None:
    answer = model(real, model="ratchet").invoke([HumanMessage(QUESTION)])
    assert isinstance(answer, AIMessage)
    row = real.store.completion(answer.response_metadata["id"])
    assert row is not None
    assert (row.text, row.responder) == (answer.content, "rag")
    assert answer.response_metadata["model_name"] == "rag"
    assert answer.response_metadata["finish_reason"] == row.finish_reason
    assert answer.usage_metadata is not None
    counted = (answer.usage_metadata["input_tokens"], answer.usage_metadata["output_tokens"])
    assert counted == (row.prompt_tokens, row.completion_tokens)
    vote = real.http.put(f"/v1/feedback/votes/{row.id}", json={"liked": True})
    assert vote.status_code == 200


@ON_VLLM
def test_a_stream_adds_up_to_the_answer_and_ends_with_the_usage(real: Service) -> None:
    chunks = list(model(real, stream_usage=True).stream(QUESTION))
    whole: AIMessageChunk = chunks[0]
    for chunk in chunks[1:]:
        whole += chunk
    assert len([chunk for chunk in chunks if chunk.content]) > 1
    assert whole.content == model(real).invoke(QUESTION).content
    (row, _) = sorted(real.store.completions(), key=lambda c: c.created)
    assert (row.text, row.status) == (whole.content, "complete")
    assert whole.usage_metadata is not None
    assert whole.usage_metadata["output_tokens"] == row.completion_tokens
    assert whole.response_metadata["model_name"] == "base"


@ON_VLLM
async def test_many_are_asked_at_once_without_mixing(real: Service) -> None:
    asked = [f"What is the {thing} of Travel Shield?" for thing in ("deductible", "waiting period")]
    client = model(real)
    together = await client.abatch([[HumanMessage(text)] for text in asked])
    alone = [await client.ainvoke(text) for text in asked]
    assert [answer.content for answer in together] == [answer.content for answer in alone]


@ON_VLLM
@pytest.mark.parametrize("stream", [False, True])
def test_a_bound_tool_is_called_and_its_result_goes_in_again(real: Service, stream: bool) -> None:
    client = model(real, max_completion_tokens=64)
    bound = client.bind_tools([search], tool_choice="search", strict=True)
    messages: list[Any] = [SystemMessage("Use the tool."), HumanMessage(QUESTION)]
    if stream:
        first, *rest = bound.stream(messages)
        called: Any = first
        for chunk in rest:
            called += chunk
    else:
        called = bound.invoke(messages)
    (call,) = called.tool_calls
    assert call["name"] == "search"
    result = search.invoke(call)
    assert isinstance(result, ToolMessage)
    assert "is 500 dollars" in str(result.content)
    answer = client.invoke([*messages, AIMessage("", tool_calls=[call]), result])
    assert answer.content


def test_what_is_refused_is_the_clients_own_error(slow: Service) -> None:
    with pytest.raises(openai.NotFoundError, match="use one of ratchet"):
        model(slow, model="gpt-9").invoke(QUESTION)
    with pytest.raises(openai.NotFoundError, match="use one of ratchet"):
        list(model(slow, model="gpt-9").stream(QUESTION))
    with pytest.raises(openai.BadRequestError, match="temperature"):
        model(slow, temperature=9).invoke(QUESTION)
    slow.engine.failing = True
    with pytest.raises(openai.InternalServerError) as refused:
        model(slow).invoke(QUESTION)
    assert refused.value.status_code == 503
    assert list(slow.store.completions()) == []


def test_an_engine_that_dies_in_a_stream_is_an_error_and_not_an_end(slow: Service) -> None:
    slow.engine.pause, slow.engine.cut_after = 0.0, 1
    with pytest.raises(openai.APIError, match="ask again"):
        list(model(slow).stream(QUESTION))
    (row,) = slow.store.completions()
    assert row.status == "failed"


def test_a_client_that_waits_no_longer_stops_the_engine(slow: Service) -> None:
    with pytest.raises(openai.APITimeoutError):
        model(slow, timeout=0.5).invoke(QUESTION)
    with pytest.raises((openai.APITimeoutError, httpx.ReadTimeout)):
        list(model(slow, timeout=0.5).stream(QUESTION))
    wait_for(lambda: [row.status for row in slow.store.completions()] == ["cut", "cut"])
    wait_for(lambda: slow.engine.aborted == 2)
    assert not slow.services.router.replicas[0].load
