"""Names of what answers, and what each does to a conversation before the engine sees it.

`base`, `ratchet-0007`: the model as it is. `rag`, `ratchet-0007+rag`: the same behind retrieval, a
LangChain chain `retriever | with_passages`. `agent`: the base, which searches by itself
(`serving/agent.py`).

Invariant: a responder's name says everything about it; the same name prepares the same messages in
the same way for a chat, a pair and an evaluation.
"""

import asyncio
import importlib
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from feedback.types import Message
from knowledge.errors import NoIndex
from knowledge.prompt import SYSTEM, asked_at, with_passages
from knowledge.retriever import KnowledgeBase
from serving.errors import BadRequest, UnknownResponder

if TYPE_CHECKING:
    from langchain_core.documents import Document
    from langchain_core.runnables import Runnable

    from serving.agent_stream import AgentStream
    from serving.turns import Call

BASE = "base"
BASELINE = "rag"
AGENT = "agent"
NO_TOOLS = (
    "'agent' needs a base model that calls tools: name vLLM's parser for it in engine.tool_parser, "
    "e.g. RATCHET_ENGINE__TOOL_PARSER=hermes"
)
_ADAPTER = re.compile(r"(ratchet-\d{4,})(\+rag)?")


@dataclass(frozen=True)
class Responder:
    """Something that answers: the base or an adapter, with or without retrieval."""

    name: str
    adapter: str | None
    retrieval: bool
    """Whether it answers from passages, found for it or by itself."""
    agent: bool = False


@dataclass(frozen=True)
class Prepared:
    """What the engine is sent, and the passages that went into it."""

    messages: list[Message]
    passages: tuple[dict[str, Any], ...] = ()
    index_version: str | None = None


def parse(name: str) -> Responder:
    """Read a responder's name.

    Raises:
        UnknownResponder: it is not the name of a responder.
    """
    if name == BASE:
        return Responder(name, None, retrieval=False)
    if name == BASELINE:
        return Responder(name, None, retrieval=True)
    if name == AGENT:
        return Responder(name, None, retrieval=True, agent=True)
    match = _ADAPTER.fullmatch(name)
    if match is None:
        raise UnknownResponder(
            f"{name!r} is no responder; use base, rag, agent, ratchet-0007 or ratchet-0007+rag"
        )
    return Responder(name, match[1], retrieval=match[2] is not None)


def of_adapter(adapter: str) -> tuple[str, str]:
    """Return the two responders that an adapter makes: alone and with retrieval."""
    return adapter, f"{adapter}+rag"


class Responders:
    """Prepares conversations, and starts the agent."""

    def __init__(self, knowledge: KnowledgeBase | None) -> None:
        self._knowledge = knowledge
        self._chain: Runnable[Sequence[Message], Prepared] | None = None

    async def prepare(self, responder: Responder, messages: Sequence[Message]) -> Prepared:
        """Return the messages as the engine shall see them.

        Raises:
            BadRequest: retrieval needs a question, and the last message is not the user's.
        """
        if not responder.retrieval:
            return Prepared(list(messages))
        last = messages[-1]["role"] if messages else ""
        if asked_at(messages) is None or (responder.agent and last != "user"):
            raise BadRequest("the last message must be the user's: retrieval searches for it")
        if responder.agent:
            turns = [message for message in messages if message["role"] != "system"]
            return Prepared([Message(role="system", content=SYSTEM), *turns])
        # In a thread: searching is work for a processor, and streams must not wait for it.
        return await asyncio.to_thread(self._retrieve, messages)

    async def start_agent(self, call: "Call") -> "AgentStream":
        """Start an agent's answer; the engine has accepted the question when this returns.

        Raises:
            ServingError: as `serving.agent.start_agent`.
        """
        # LangChain's agents take a second to import: once, and not while streams wait.
        agent = await asyncio.to_thread(importlib.import_module, "serving.agent")
        stream: AgentStream = await agent.start_agent(call, self._knowledge)
        return stream

    def _retrieve(self, messages: Sequence[Message]) -> Prepared:
        if self._knowledge is None:
            return Prepared(with_passages(messages, ()))
        if self._chain is None:
            self._chain = retrieval_chain(self._knowledge)
        try:
            return self._chain.invoke(messages)
        except NoIndex:
            # No documents yet is a state, not a failure: the prompt says that there are none.
            return Prepared(with_passages(messages, ()))


def retrieval_chain(knowledge: KnowledgeBase) -> "Runnable[Sequence[Message], Prepared]":
    """Return the chain from a conversation to what the engine is sent."""
    from langchain_core.runnables import RunnableLambda, RunnableParallel, RunnablePassthrough

    from knowledge.langchain_retriever import INDEX_VERSION, passage_of

    def question(messages: Sequence[Message]) -> str:
        return messages[asked_at(messages) or 0]["content"]

    def prompt(found: dict[str, Any]) -> Prepared:
        documents: list[Document] = found["documents"]
        passages = [passage_of(document) for document in documents]
        return Prepared(
            with_passages(found["messages"], passages),
            tuple(asdict(passage) for passage in passages),
            documents[0].metadata[INDEX_VERSION] if documents else knowledge.version,
        )

    search = RunnableParallel(
        messages=RunnablePassthrough(), documents=RunnableLambda(question) | knowledge.retriever
    )
    return search | RunnableLambda(prompt)
