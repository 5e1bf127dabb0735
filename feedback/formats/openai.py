"""OpenAI's fine-tuning files: chat lines and preference lines.

The shapes are `FineTuneChatRequestInput` and `FineTunePreferenceRequestInput` of its OpenAPI
document, and the guides "Supervised fine-tuning" and "Direct preference optimization". An answer
with `weight` 0 is not trained on: only the last one of a conversation was judged.
"""

from pydantic import BaseModel

from feedback.foreign import Conversation, ForeignComparison, answer_text
from feedback.formats.shape import Format, Part, Row
from feedback.types import InvalidFeedback


def _chat(row: Row) -> Row:
    *before, answer = row["messages"]
    unlearned = [m | {"weight": 0} if m["role"] == "assistant" else m for m in before]
    return {"messages": [*unlearned, answer]}


def _preference(row: Row) -> Row:
    return {
        "input": {"messages": row["prompt"], "tools": [], "parallel_tool_calls": True},
        "preferred_output": row["chosen"],
        "non_preferred_output": row["rejected"],
    }


FORMATS = {
    "openai": Format("OpenAI, chat lines", (Part("openai.jsonl", "sft", _chat),)),
    "openai-preference": Format(
        "OpenAI, preference lines", (Part("openai-preference.jsonl", "dpo", _preference),)
    ),
}


class _Input(BaseModel):
    messages: Conversation


class _Preference(BaseModel):
    input: _Input
    preferred_output: Conversation
    non_preferred_output: Conversation


def read_preference(record: Row) -> ForeignComparison:
    """Read a preference line as a comparison that the left side won.

    Raises:
        ValidationError: it is none.
        InvalidFeedback: an output is not one message of the assistant, or nothing was asked.
    """
    row = _Preference.model_validate(record)
    if not row.input.messages:
        raise InvalidFeedback("input.messages is empty: a question is needed")
    left, right = answer_text(row.preferred_output), answer_text(row.non_preferred_output)
    return ForeignComparison(prompt=row.input.messages, left=left, right=right, outcome="left")
