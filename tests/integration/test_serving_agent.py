"""The agent with the demo model in a real vLLM: it calls the tool, reads what it found, answers."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from knowledge.documents import Library
from knowledge.index import rebuild
from ratchet.base_model import calls_tools
from serving.engine_process import EngineProcess
from tests.integration.conftest import MODEL, serve
from tests.serving_kit import Service

pytestmark = [
    pytest.mark.vllm,
    pytest.mark.skipif(not calls_tools(MODEL), reason=f"{MODEL} has not learned to call tools"),
]

DEMO = Path(__file__).parents[2] / "demo"
GREEDY = {"temperature": 0, "max_tokens": 96}


@pytest.fixture
def informed(engine: EngineProcess, tmp_path: Path) -> Iterator[Service]:
    """The application with the demo's documents."""
    Library(tmp_path).seed(DEMO / "documents")
    rebuild(tmp_path)
    yield from serve(engine.url, tmp_path)


def reference() -> list[dict[str, Any]]:
    """Return two dozen of the suite's questions, from all over it, in both languages."""
    lines = (DEMO / "suite.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [row for row in map(json.loads, lines) if row.get("value")]
    return rows[:: max(1, len(rows) // 24)][:24]


def test_the_demo_model_searches_reads_and_answers(informed: Service) -> None:
    searched = right = as_rag = 0
    rows = reference()
    for row in rows:
        question = row["messages"][-1]["content"]
        body = informed.chat(question, model="agent", **GREEDY).json()
        text = body["choices"][0]["message"]["content"]
        searched += bool(body["ratchet"]["passages"])
        right += row["value"] in text
        behind = informed.chat(question, model="rag", **GREEDY).json()
        as_rag += text == behind["choices"][0]["message"]["content"]
    # A small model that copies its question into the call; what it reads is retrieval's prompt.
    assert searched >= 0.9 * len(rows)
    assert right >= 0.7 * len(rows)
    assert as_rag >= 0.8 * len(rows)


@pytest.mark.parametrize("greeting", ["Good morning!", "안녕하세요"])
def test_small_talk_needs_no_search(informed: Service, greeting: str) -> None:
    body = informed.chat(greeting, model="agent", **GREEDY).json()
    assert body["choices"][0]["message"]["content"].strip()
    assert body["ratchet"]["passages"] == []


def test_a_streamed_answer_is_recorded_with_what_it_found(informed: Service) -> None:
    from openai import OpenAI

    client = OpenAI(base_url=f"{informed.url}/v1", api_key="none")
    asked: Any = [{"role": "user", "content": "What is the waiting period of Travel Shield?"}]
    chunks = list(
        client.chat.completions.create(
            model="agent",
            messages=asked,
            stream=True,
            stream_options={"include_usage": True},
            **GREEDY,
        )
    )
    client.close()
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    row = informed.store.completion(chunks[0].id)
    assert row is not None
    assert (row.text, row.status, row.responder) == (text, "complete", "agent")
    assert "<tool_call>" not in text
    assert {p["document"] for p in row.passages} == {"Travel Shield"}
    assert row.index_version
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.prompt_tokens == row.prompt_tokens
