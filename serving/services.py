"""Everything that a request may need, built once and handed to the application.

Invariant: nothing in here starts before the application's lifespan does.
"""

from dataclasses import dataclass

from feedback.database import Database
from feedback.store import FeedbackStore
from knowledge.retriever import KnowledgeBase
from serving.chat import ChatService
from serving.config import ServingConfig
from serving.identity import Identity
from serving.loop_view import LoopView
from serving.metrics import Metrics
from serving.promotion import Promotions
from serving.recording import Recorder
from serving.registry import Registry
from serving.router import Router
from serving.swap import Reconciler


@dataclass(frozen=True)
class Services:
    """The collaborators of API and pages."""

    config: ServingConfig
    database: Database
    store: FeedbackStore
    recorder: Recorder
    """Writes of requests go through it, so that many share a commit."""
    registry: Registry
    router: Router
    reconciler: Reconciler
    promotions: Promotions
    chat: ChatService
    identity: Identity
    metrics: Metrics
    loop: LoopView
    knowledge: KnowledgeBase | None
