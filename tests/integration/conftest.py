"""One real vLLM for all tests that need one: it takes half a minute to come up, so it is shared."""

import json
import os
import random
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from safetensors.numpy import save_file

from knowledge.chunks import Passage
from knowledge.index import build_index
from knowledge.retriever import KnowledgeBase
from serving.app import assemble, create_app
from serving.config import ServingConfig
from serving.engine_process import LORA_MODULES, EngineProcess
from serving.records import AdapterRecord
from serving.registry import Registry
from serving.swap import fingerprint
from tests.fake_engine import FakeEngine, served
from tests.serving_kit import Loop, Service, config_for, database_in, wait_for

MODEL = Path(os.environ.get("TEST_MODEL", Path(__file__).parents[2] / "demo" / "model"))
PASSAGE = Passage(
    id="p1",
    document="Travel Shield",
    article="Article 3",
    heading="Deductible",
    text="The deductible is 500 dollars.",
    language="en",
    source="travel.md",
)


@pytest.fixture(scope="session")
def engine_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ratchet")


@pytest.fixture(scope="session")
def real_config(engine_home: Path) -> ServingConfig:
    if not (MODEL / "config.json").is_file():
        pytest.fail(f"there is no model at {MODEL}")
    model = str(MODEL.absolute())
    return config_for(engine_home, cpu=True, base_model=model, tool_parser="hermes")


@pytest.fixture(scope="session")
def engine(real_config: ServingConfig) -> Iterator[EngineProcess]:
    """A running vLLM with the demo model."""
    process = EngineProcess(real_config, real_config.home / "logs" / "engine.log")
    process.start()
    try:
        process.wait_healthy()
        yield process
    finally:
        process.stop()


@pytest.fixture
def real(engine: EngineProcess, tmp_path: Path) -> Iterator[Service]:
    """The application in front of the real engine, with a home and a database of its own."""
    yield from serve(engine.url, tmp_path)


def serve(engine_url: str, home: Path, seconds: float = 60) -> Iterator[Service]:
    """Serve the application in front of the engine at this address."""
    model = str(MODEL.absolute())
    config = config_for(home, engine_url, cpu=True, base_model=model, tool_parser="hermes")
    database = database_in(home)
    if not (home / "index").is_dir():
        build_index(home, [PASSAGE])
    knowledge = KnowledgeBase(home)
    services = assemble(config, database, Loop(), knowledge)
    with served(create_app(services)) as url, httpx.Client(base_url=url, timeout=60) as http:
        wait_for(lambda: http.get("/readyz").status_code == 200, seconds)
        yield Service(services, FakeEngine(), url, http)
    knowledge.close()
    database.dispose()


def random_adapter(registry: Registry, home: Path, seed: int, scale: float = 0.5) -> str:
    """Publish an adapter that changes every answer."""
    config = json.loads((MODEL / "config.json").read_text(encoding="utf-8"))
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    queries = config["num_attention_heads"] * config["head_dim"]
    keys = config["num_key_value_heads"] * config["head_dim"]
    shapes = {
        "self_attn.q_proj": (hidden, queries),
        "self_attn.k_proj": (hidden, keys),
        "self_attn.v_proj": (hidden, keys),
        "self_attn.o_proj": (queries, hidden),
        "mlp.gate_proj": (hidden, inner),
        "mlp.up_proj": (hidden, inner),
        "mlp.down_proj": (inner, hidden),
    }
    rng = np.random.default_rng(seed)
    tensors = {}
    for layer in range(config["num_hidden_layers"]):
        for name, (into, out) in shapes.items():
            key = f"base_model.model.model.layers.{layer}.{name}"
            tensors[f"{key}.lora_A.weight"] = rng.normal(0, scale, (8, into)).astype(np.float32)
            tensors[f"{key}.lora_B.weight"] = rng.normal(0, scale, (out, 8)).astype(np.float32)
    # A name of its own: the engine is shared, and a name belongs to one folder for ever.
    name = f"ratchet-{random.Random(str(home)).randrange(10**6) * 100 + seed:04d}"
    folder = home / "adapters" / name
    folder.mkdir(parents=True)
    save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    peft = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "r": 8,
        "lora_alpha": 16,
        "lora_dropout": 0.0,
        "bias": "none",
        "target_modules": list(LORA_MODULES),
    }
    (folder / "adapter_config.json").write_text(json.dumps(peft), encoding="utf-8")
    registry.add_adapter(
        AdapterRecord(
            name=name,
            path=str(folder),
            fingerprint=fingerprint(folder),
            base_hash=registry.base_hash,
            recipe="kto",
            dataset="d",
            cycle="c",
        )
    )
    return name
