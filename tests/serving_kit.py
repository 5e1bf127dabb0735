"""What the tests of serving share: a home, a database, a fake engine and a served application."""

import asyncio
import json
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx

from feedback.database import Database, default_url
from feedback.store import FeedbackStore
from knowledge.retriever import KnowledgeBase
from serving import tables
from serving.adapter_files import fingerprint
from serving.app import assemble, create_app
from serving.config import ServingConfig
from serving.records import AdapterRecord
from serving.registry import Registry
from serving.services import Services
from tests.fake_engine import FakeEngine, served

OPERATOR = "operator-token"
INTERNAL = "internal-key"
BASE = "base-hash"


class Loop:
    """A loop that never turned."""

    def status(self) -> dict[str, Any]:
        return {"live": "rag", "held": None}

    def cycles(self, limit: int) -> list[dict[str, Any]]:
        return []

    def request_cycle(self, method: str, actor: str) -> int:
        return 1


def config_for(home: Path, *engines: str, **changes: Any) -> ServingConfig:
    config = ServingConfig(
        home=home,
        base_model="base",
        base_hash=BASE,
        cookie_key=b"k" * 32,
        operator_token=OPERATOR,
        internal_key=INTERNAL,
        engine_urls=engines,
        cpu=False,
        pages=False,
        reconcile_seconds=0.1,
    )
    return replace(config, **changes)


def database_in(home: Path) -> Database:
    assert tables.adapters is not None
    database = Database(default_url(home))
    database.create_tables()
    return database


def publish(registry: Registry, home: Path, name: str | None = None) -> str:
    """Write an adapter's folder and register it."""
    name = name or registry.next_adapter_name()
    folder = home / "adapters" / name
    folder.mkdir(parents=True)
    (folder / "adapter_config.json").write_text("{}", encoding="utf-8")
    (folder / "adapter_model.safetensors").write_bytes(name.encode())
    found = fingerprint(folder)
    (folder / "manifest.json").write_text(json.dumps({"fingerprint": found}), encoding="utf-8")
    record = AdapterRecord(
        name=name,
        path=str(folder),
        fingerprint=found,
        base_hash=registry.base_hash,
        recipe="kto",
        dataset="d",
        cycle="c",
    )
    registry.add_adapter(record)
    return name


@dataclass
class Service:
    """A served application in front of a fake engine."""

    services: Services
    engine: FakeEngine
    url: str
    http: httpx.Client

    @property
    def store(self) -> FeedbackStore:
        return self.services.store

    @property
    def registry(self) -> Registry:
        return self.services.registry

    def operator(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {OPERATOR}"}
        return self.http.request(method, path, headers=headers, **arguments)

    def chat(self, text: str = "Hi", **body: Any) -> httpx.Response:
        body = {"messages": [{"role": "user", "content": text}], **body}
        return self.http.post("/v1/chat/completions", json=body)


@contextmanager
def service(
    home: Path,
    *,
    engine: FakeEngine | None = None,
    beside: Sequence[FakeEngine] = (),
    knowledge: KnowledgeBase | None = None,
    **changes: Any,
) -> Iterator[Service]:
    """Serve the application on a free port in front of a fake engine, or of several."""
    engine = engine or FakeEngine()
    database = database_in(home)
    with ExitStack() as stack:
        for fake in (engine, *beside):
            fake.url = stack.enter_context(served(fake.app()))
        urls = [fake.url for fake in (engine, *beside)]
        services = assemble(config_for(home, *urls, **changes), database, Loop(), knowledge)
        app = asyncio.run(application(services))
        with served(app) as url, httpx.Client(base_url=url, timeout=30) as http:
            made = Service(services, engine, url, http)
            wait_for(lambda: http.get("/readyz").status_code == 200)
            yield made
    database.dispose()


async def application(services: Services) -> Any:
    """Build the pages inside a loop: outside of one, Gradio opens loops that nobody closes."""
    return create_app(services)


def wait_for(true: Any, seconds: float = 20.0) -> None:
    """Wait until something is true."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise AssertionError(f"it did not become true within {seconds} s")
        time.sleep(0.01)


@contextmanager
def held(database: Database) -> Iterator[None]:
    """Hold the database's write lock from outside."""
    path = database.url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")
