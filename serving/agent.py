"""The responder `agent`: the model searches the documents as a tool, reads, and answers.

LangChain's `create_agent` turns the loop. The model in it is our own engine, asked as the routed
call says: its replica, its name, its priority, its sampling. Whoever reads the answer sees one
stream of the engine's chunks; a search that was made is a chunk with a step in it.

What the model writes before it has searched is held back until it is sure that no call follows:
then it was a thought and not the answer. Behind a search its text goes out as it comes.

Invariant: all that a call can do is search; and every answer ends, at the latest behind
`MOST_CALLS` or `BEGIN_SECONDS`, if need be by saying that there is none. What a passage says is
only ever text for the model to read.
"""

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass, field
from typing import Any

import orjson
from langchain.agents import create_agent
from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, ToolCall, convert_to_openai_messages
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import StructuredTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import BaseModel, Field, ValidationError

from knowledge.errors import KnowledgeError, NoIndex
from knowledge.prompt import SEARCH_TOOL, block
from knowledge.retriever import Found, KnowledgeBase
from knowledge.words import detect_language
from serving.agent_stream import AgentStream
from serving.context import fit
from serving.engine import EngineChunk, EngineClient, EngineStream
from serving.errors import (
    BadRequest,
    EngineCut,
    EngineRejected,
    EngineUnavailable,
    SearchFailed,
)
from serving.turns import Call, Step

logger = logging.getLogger(__name__)

MOST_SEARCHES = 4
"""What is not found by then is not found by more of the same."""
MOST_CALLS = 6
"""Of the engine in one answer: every search, one that is refused, and the answer."""
BEGIN_SECONDS = 120.0
"""An answer must have begun by then; one that is being written may go on."""
TOOL_TOKENS = 300
"""Room that the tool's description and its calls take in a prompt, beside the messages."""
DESCRIPTION = (
    "Search the documents for passages that hold the answer. Search before you answer a question "
    "of fact; search again in other words if the passages do not hold the answer."
)
ENOUGH = "No more searches. Answer from the passages, or say that they do not hold the answer."
NO_ANSWER = {
    "en": "I did not come to an answer from the documents.",
    "ko": "문서에서 답을 얻지 못했습니다.",
}


class Query(BaseModel):
    """What the tool takes."""

    query: str = Field(min_length=1, max_length=1000, description="What to look for, in words")


class EngineChat(BaseChatModel):
    """The engine as a LangChain chat model, for one answer."""

    ask: Callable[[Sequence[BaseMessage], Any], Awaitable[AIMessage]]

    @property
    def _llm_type(self) -> str:
        return "engine"

    def bind_tools(self, tools: Sequence[Any], **_: Any) -> Runnable[Any, AIMessage]:
        """Offer tools with every call."""
        return self.bind(tools=[convert_to_openai_tool(tool) for tool in tools])

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        raise NotImplementedError("the engine is asked asynchronously")

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        message = await self.ask(messages, kwargs["tools"])
        return ChatResult(generations=[ChatGeneration(message=message)])


@dataclass
class Reply:
    """What one call of the engine says."""

    held: list[dict[str, Any]] = field(default_factory=list)
    calls: dict[int, dict[str, str]] = field(default_factory=dict)
    written: bool = False
    finish_reason: str | None = None

    def take_calls(self, deltas: Sequence[dict[str, Any]]) -> None:
        """Add pieces of calls: a name comes whole, arguments in parts."""
        for delta in deltas:
            call = self.calls.setdefault(delta["index"], {"id": "", "name": "", "arguments": ""})
            said = delta.get("function") or {}
            call["id"] = delta.get("id") or call["id"]
            call["name"] = said.get("name") or call["name"]
            call["arguments"] += said.get("arguments") or ""


async def start_agent(call: Call, knowledge: KnowledgeBase | None) -> AgentStream:
    """Start an answer; the engine has accepted the first question when this returns.

    Raises:
        BadRequest: more than one choice is asked for, or something else than a text.
        ServingError: the engine did not accept it.
    """
    if call.choices != 1:
        raise BadRequest("`agent` gives one answer: leave `n` out, or ask several times")
    if shaped := sorted({"tools", "tool_choice", "response_format"} & call.sampling.keys()):
        raise BadRequest(f"`agent` has a tool of its own and answers in words: leave {shaped} out")
    stream = AgentStream(lambda out: Agent(call, knowledge, out).answer())
    await stream.begun()
    return stream


class Agent:
    """Works out one answer."""

    def __init__(self, call: Call, knowledge: KnowledgeBase | None, out: AgentStream) -> None:
        self._call, self._knowledge, self._out = call, knowledge, out
        self._begin = asyncio.timeout(BEGIN_SECONDS)
        self._asked = self._searched = 0
        self._told = self._written = False
        self._finish_reason: str | None = None
        self._tokens = Counter(prompt_tokens=0, completion_tokens=0)

    async def answer(self) -> None:
        """Search, read and answer, as long as that is bounded.

        Raises:
            ServingError: the engine or the documents failed.
        """
        search = StructuredTool.from_function(
            coroutine=self._search, name=SEARCH_TOOL, description=DESCRIPTION, args_schema=Query
        )
        agent = create_agent(EngineChat(ask=self._ask), [search])
        messages: Any = {"messages": self._call.messages}
        with contextlib.suppress(TimeoutError):
            async with self._begin:
                await agent.ainvoke(messages)
        if not self._written:
            question = self._call.messages[-1]["content"]
            words = NO_ANSWER.get(detect_language(question), NO_ANSWER["en"])
            self._out.say({"content": words})
        # Where the model was not let go on, it is as if it had reached its longest answer.
        self._out.say({}, self._finish_reason or "length")
        self._out.count({**self._tokens, "total_tokens": self._tokens.total()})

    async def _ask(self, messages: Sequence[BaseMessage], tools: Any) -> AIMessage:
        """Ask the engine once; a message without calls ends the loop."""
        self._asked += 1
        self._finish_reason = None
        stream = await self._open(messages, tools)
        if stream is None:
            return AIMessage("")
        self._out.begin()
        reply = Reply()
        try:
            async with aclosing(stream.batches()) as batches:
                async for batch in batches:
                    for chunk in batch:
                        self._take(chunk, reply)
        finally:
            stream.abort()
        calls = self._sound(reply)
        if not calls:
            self._pass_on(reply)
            self._finish_reason = reply.finish_reason if reply.written else None
        return AIMessage("", tool_calls=calls)

    async def _open(self, messages: Sequence[BaseMessage], tools: Any) -> EngineStream | None:
        """Return the engine's stream, or None where it shall not be asked any more."""
        if self._asked > MOST_CALLS:
            return None
        call, seat = self._call, self._call.seat
        plain: Any = convert_to_openai_messages(list(messages))

        async def opening(client: EngineClient, model: str) -> EngineStream:
            limit = seat.replica.max_model_len - TOOL_TOKENS
            fitted = await fit(client, model, plain, call.sampling, limit)
            offered = {**fitted.sampling, "tools": tools}
            return await client.open_chat(model, fitted.messages, offered, call.priority)

        try:
            return await seat.ask(opening)
        except BadRequest:
            if self._asked == 1:
                raise
            logger.info("What an agent found is longer than the model's context.")
            return None
        except (EngineUnavailable, EngineRejected) as err:
            if self._asked == 1:
                raise
            raise EngineCut("the engine failed between two steps; ask again") from err

    def _sound(self, reply: Reply) -> list[ToolCall]:
        """Return the calls that are carried out; of wrong ones the model is told once."""
        calls = [
            ToolCall(name=call["name"], args=_arguments(call["arguments"]), id=call["id"] or str(i))
            for i, call in sorted(reply.calls.items())
        ][: MOST_SEARCHES + 1]
        right = [call for call in calls if call["name"] == SEARCH_TOOL and _is_query(call["args"])]
        told, self._told = self._told, self._told or len(right) < len(calls)
        return right if told else calls

    async def _search(self, query: str) -> str:
        """Search the documents: the one thing that a call does."""
        if self._searched >= MOST_SEARCHES:
            return ENOUGH
        self._searched += 1
        # In a thread: searching is work for a processor, and streams must not wait for it.
        found = await asyncio.to_thread(self._find, query)
        passages = tuple(asdict(passage) for passage in found.passages)
        self._out.show(Step(query, passages, found.version or None))
        return block(found.passages)

    def _find(self, query: str) -> Found:
        try:
            return self._knowledge.find(query) if self._knowledge else Found((), "")
        except NoIndex:
            # No documents yet is a state, not a failure: the model reads that there are none.
            return Found((), "")
        except KnowledgeError as err:
            raise SearchFailed(f"the documents cannot be searched: {err}") from err

    def _take(self, chunk: EngineChunk, reply: Reply) -> None:
        for choice in chunk["choices"]:
            reply.finish_reason = choice.get("finish_reason") or reply.finish_reason
            reply.take_calls(choice["delta"].get("tool_calls") or ())
            if choice["delta"].get("content"):
                reply.held.append(choice)
        if self._searched:
            self._pass_on(reply)
        usage = chunk.get("usage") or {}
        for name in self._tokens:
            self._tokens[name] += usage.get(name) or 0

    def _pass_on(self, reply: Reply) -> None:
        """Let go out what is held back."""
        for choice in reply.held:
            text = choice["delta"]["content"]
            if self._written and not reply.written:
                text = f"\n\n{text}"
            reply.written = self._written = True
            if not self._begin.expired():
                self._begin.reschedule(None)
            self._out.say({"content": text}, logprobs=choice.get("logprobs"))
        reply.held.clear()


def _arguments(text: str) -> dict[str, Any]:
    """Read a call's arguments; what is no JSON object is no argument, and the tool says so."""
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _is_query(arguments: dict[str, Any]) -> bool:
    try:
        Query(**arguments)
    except ValidationError:
        return False
    return True
