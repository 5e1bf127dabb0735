"""The application in front of a real vLLM: adapters, the null adapter, logprobs, swaps."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from serving.engine_process import EngineProcess
from tests.integration.conftest import PASSAGE, random_adapter
from tests.serving_kit import OPERATOR, Service, wait_for

pytestmark = pytest.mark.vllm

QUESTIONS = (
    "What is the deductible of Travel Shield?",
    "How long is the waiting period of Home Guard?",
    "여행자 보험의 자기부담금은 얼마인가요?",
)
GREEDY = {"temperature": 0, "max_tokens": 24}


def ask(service: Service, model: str, question: str, **more: Any) -> str:
    """Return a greedy answer, asked as the operator, who may name everybody."""
    body = {"model": model, "messages": [{"role": "user", "content": question}], **GREEDY, **more}
    headers = {"Authorization": f"Bearer {OPERATOR}"}
    with httpx.Client(base_url=service.url, timeout=120) as http:
        answer = http.post("/v1/chat/completions", json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.json()["model"] == model
    return str(answer.json()["choices"][0]["message"]["content"])


def promote(service: Service, responder: str) -> None:
    body = {"responder": responder, "reason": "test", "force": True}
    answer = service.operator("POST", "/v1/promote", json=body, timeout=60)
    assert answer.status_code == 200, answer.text


def load_all(service: Service, adapters: Sequence[str]) -> None:
    """Have more adapters on the engine than the aliases would keep."""
    for adapter in adapters:
        service.services.reconciler._staged.add(adapter)
    service.services.reconciler.wake()
    replica = service.services.router.replicas[0]
    wait_for(lambda: set(adapters) <= replica.loaded, 60)


def test_an_answer_comes_from_the_model_and_is_recorded(real: Service) -> None:
    response = real.chat(QUESTIONS[0], user="ann", max_tokens=16)
    body = response.json()
    row = real.store.completion(body["id"])
    assert row is not None
    assert row.text == body["choices"][0]["message"]["content"]
    assert (body["model"], row.responder, row.status) == ("rag", "rag", "complete")
    assert row.passages[0]["id"] == PASSAGE.id
    assert row.index_version
    assert body["usage"]["prompt_tokens"] == row.prompt_tokens
    assert body["ratchet"]["passages"][0]["article"] == "Article 3"


def test_a_stream_says_the_same_as_a_whole_answer(real: Service) -> None:
    from openai import OpenAI

    client = OpenAI(base_url=f"{real.url}/v1", api_key="none")
    whole = ask(real, "base", QUESTIONS[0])
    stream = client.chat.completions.create(
        model="base",
        messages=[{"role": "user", "content": QUESTIONS[0]}],
        stream=True,
        stream_options={"include_usage": True},
        temperature=0,
        max_tokens=24,
    )
    chunks = list(stream)
    client.close()
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == whole
    assert chunks[-1].usage is not None
    row = real.store.completion(chunks[0].id)
    assert row is not None
    assert row.text == whole


def test_logprobs_and_choices_come_through(real: Service) -> None:
    body = {"messages": [{"role": "user", "content": QUESTIONS[0]}], "n": 3, "logprobs": True}
    answer = real.http.post("/v1/chat/completions", json=body | {"top_logprobs": 2}).json()
    assert [choice["index"] for choice in answer["choices"]] == [0, 1, 2]
    assert len(answer["choices"][0]["logprobs"]["content"][0]["top_logprobs"]) == 2
    assert real.store.completion(f"{answer['id']}-2") is not None


@pytest.mark.parametrize("responder", ["base", "rag"])
def test_the_base_answers_the_same_beside_many_adapters(real: Service, responder: str) -> None:
    home = real.services.config.home
    adapters = [random_adapter(real.registry, home, seed) for seed in range(5)]
    alone = {question: ask(real, responder, question) for question in QUESTIONS}
    promote(real, adapters[0])
    promote(real, adapters[1])
    load_all(real, adapters)
    beside: list[tuple[str, str]] = []
    for _ in range(2):
        asked = [(responder, question) for question in QUESTIONS * 2]
        with ThreadPoolExecutor(12) as pool:
            others = [pool.submit(_ask_engine, real, adapter, QUESTIONS[0]) for adapter in adapters]
            answers = [pool.submit(ask, real, model, question) for model, question in asked]
            beside += [
                (question, answer.result())
                for (_, question), answer in zip(asked, answers, strict=True)
            ]
            assert all(other.result() for other in others)
    assert [answer for _, answer in beside] == [alone[question] for question, _ in beside]


def test_without_the_null_adapter_the_base_would_answer_as_somebody_else(real: Service) -> None:
    """The reason for the null adapter; when this fails, vLLM was mended and it can go."""
    home = real.services.config.home
    adapters = [random_adapter(real.registry, home, seed) for seed in range(41, 46)]
    promote(real, adapters[0])
    load_all(real, adapters)
    alone = ask(real, "base", QUESTIONS[0])
    with ThreadPoolExecutor(14) as pool:
        others = [pool.submit(_ask_engine, real, adapter, QUESTIONS[0]) for adapter in adapters]
        plain = [pool.submit(_ask_engine, real, "base", QUESTIONS[0], more={}) for _ in range(9)]
        answers = [answer.result() for answer in plain]
        assert all(other.result() for other in others)
    assert any(answer != alone for answer in answers)


def _ask_engine(
    service: Service, model: str, question: str, more: dict[str, Any] | None = None
) -> str:
    """Ask the engine itself, since most of these adapters have no alias."""
    body = {"model": model, "messages": [{"role": "user", "content": question}], **GREEDY}
    body |= {"ignore_eos": True} if more is None else more
    url = service.services.router.replicas[0].url
    with httpx.Client(timeout=120) as http:
        answer = http.post(f"{url}/v1/chat/completions", json=body)
    assert answer.status_code == 200
    return str(answer.json()["choices"][0]["message"]["content"])


def test_six_prompt_logprobs_at_once_do_not_kill_the_engine(
    real: Service, engine: EngineProcess
) -> None:
    name = random_adapter(real.registry, real.services.config.home, 1)
    promote(real, name)
    body = {"prompt": "The deductible is", "max_tokens": 0, "echo": True, "logprobs": 1}
    headers = {"Authorization": f"Bearer {OPERATOR}"}

    def score(model: str) -> int:
        with httpx.Client(base_url=real.url, timeout=120) as http:
            answer = http.post("/v1/completions", json={**body, "model": model}, headers=headers)
        assert answer.status_code == 200, answer.text
        return len(answer.json()["choices"][0]["logprobs"]["token_logprobs"])

    with ThreadPoolExecutor(6) as pool:
        counts = list(pool.map(score, ["base", name] * 3))
    assert len(set(counts)) == 1
    assert engine.running
    assert real.chat(max_tokens=4).status_code == 200


def test_swaps_under_load_lose_and_mix_up_nothing(real: Service) -> None:
    home = real.services.config.home
    adapters = [random_adapter(real.registry, home, seed) for seed in (11, 12, 13)]
    responders = [*adapters, f"{adapters[0]}+rag", "base"]
    stop = threading.Event()
    answers: list[dict[str, Any]] = []

    def people() -> None:
        with httpx.Client(base_url=real.url, timeout=120) as http:
            while not stop.is_set():
                body = {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 12}
                answer = http.post("/v1/chat/completions", json=body)
                assert answer.status_code == 200, answer.text
                answers.append(answer.json())

    with ThreadPoolExecutor(6) as pool:
        running = [pool.submit(people) for _ in range(6)]
        for i in range(8):
            promote(real, responders[i % len(responders)])
            seen = real.chat("after", max_tokens=4).json()["model"]
            assert seen == responders[i % len(responders)]
        real.operator("POST", "/v1/rollback", json={"reason": "test"}, timeout=60)
        stop.set()
        for worker in running:
            worker.result()
    assert len(answers) > 20
    for answer in answers:
        row = real.store.completion(answer["id"])
        assert row is not None
        assert (row.responder, row.status) == (answer["model"], "complete")


def test_what_nobody_wants_any_more_is_unloaded(real: Service) -> None:
    home = real.services.config.home
    first, second = (random_adapter(real.registry, home, seed) for seed in (21, 22))
    for name in (first, second):
        promote(real, name)
    url = real.services.router.replicas[0].url
    for _ in range(2):
        assert real.operator("POST", "/v1/rollback", json={"reason": "x"}, timeout=60).is_success

    def there() -> set[str]:
        return {model["id"] for model in httpx.get(f"{url}/v1/models").json()["data"]}

    wait_for(lambda: not {first, second} & there(), 30)
    promote(real, first)
    assert first in there()


def test_a_broken_adapter_is_refused_and_harms_nobody(real: Service) -> None:
    home = real.services.config.home
    name = random_adapter(real.registry, home, 31)
    (home / "adapters" / name / "adapter_model.safetensors").write_bytes(b"changed")
    body = {"responder": name, "reason": "test", "force": True}
    answer = real.operator("POST", "/v1/promote", json=body, timeout=60)
    assert answer.status_code == 409
    assert "published" in answer.json()["error"]["message"]
    assert real.registry.live() == "rag"
    assert real.chat(max_tokens=4).status_code == 200
