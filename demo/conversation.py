"""The form of a conversation: the demo model's chat template, and the same in Python.

Where tools are offered, a turn in front names them and the model answers with a call in Hermes'
form, which vLLM's parser `hermes` reads. What a tool found is rendered as passages in front of the
question, exactly as retrieval gives them, so that reading is learned once.
Invariant: `chat` writes what the template renders, byte for byte.
"""

import json
from collections.abc import Sequence

from knowledge.prompt import Message

TEMPLATE = (
    "{% set asked = namespace(text='') %}"
    "{% if tools and messages[-1]['role'] != 'tool' %}"
    "<|im_start|>tools\n{% for tool in tools %}{{ tool['function']['name'] }}\n{% endfor %}"
    "<|im_end|>\n{% endif %}"
    "{% for message in messages %}"
    "{% set next = loop.nextitem %}"
    "{% if message['role'] == 'user' and next is defined and next['tool_calls'] %}"
    "{% set asked.text = message['content'] %}"
    "{% elif message['role'] == 'tool' %}"
    "<|im_start|>user\n{{ message['content'] }}\n\nQuestion: {{ asked.text }}<|im_end|>\n"
    "{% elif not message['tool_calls'] %}"
    "<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n"
    "{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def chat(messages: Sequence[Message], tools: Sequence[str] = ()) -> str:
    """Render a conversation up to where the answer begins; `tools` are names that it may call."""
    names = "".join(f"{name}\n" for name in tools)
    offered = f"<|im_start|>tools\n{names}<|im_end|>\n"
    turns = (f"<|im_start|>{m['role']}\n{m['content']}<|im_end|>\n" for m in messages)
    return (offered if tools else "") + "".join(turns) + "<|im_start|>assistant\n"


def tool_call(name: str, **arguments: str) -> str:
    """Write a call as the model does."""
    call = json.dumps({"name": name, "arguments": arguments}, ensure_ascii=False)
    return f"<tool_call>\n{call}\n</tool_call>"
