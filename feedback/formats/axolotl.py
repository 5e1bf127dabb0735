"""Axolotl: `chat_template` messages for SFT, `chat_template.default` pairs for DPO, and a config.

The shapes are those of docs/dataset-formats/conversation.qmd and docs/rlhf.qmd, and of
`prompt_strategies/dpo/chat_template.py`, which keeps role and content of a message, nothing else.
Its KTO types put texts into a fixed template, not into the model's own, so KTO is not written.
"""

from feedback.formats.shape import Format, Part, Row, Summary, Unfit
from feedback.formats.turns import CALLS

SFT = """\
# Merge this with your base_model, adapter and training settings.
datasets:
  - path: sft.jsonl
    ds_type: json
    type: chat_template
    field_messages: messages
    # Only the answer that people liked is trained on, not the ones before it.
    roles_to_train: []
    message_field_training: train
    train_on_eos: turn
"""
DPO = """\
# Merge this with your base_model, adapter and training settings.
rl: dpo
datasets:
  - path: dpo.jsonl
    ds_type: json
    split: train
    type: chat_template.default
    field_messages: messages
    field_chosen: chosen
    field_rejected: rejected
"""


def _sft(row: Row) -> Row:
    *before, answer = row["messages"]
    return {
        "messages": [*(turn | {"train": False} for turn in before), answer | {"train": True}],
    }


def _dpo(row: Row) -> Row:
    if any(message.get("tool_calls") for message in row["prompt"]):
        raise Unfit(CALLS)
    prompt = [
        {"role": _role(message["role"]), "content": message["content"]} for message in row["prompt"]
    ]
    return {"messages": prompt, "chosen": row["chosen"][0], "rejected": row["rejected"][0]}


def _role(role: str) -> str:
    return "system" if role == "developer" else role


def _configs(summary: Summary) -> dict[str, str]:
    return {"sft.yaml": SFT, "dpo.yaml": DPO}


FORMATS = {
    "axolotl": Format(
        "Axolotl: sft and dpo with a snippet of config for each",
        (Part("sft.jsonl", "sft", _sft), Part("dpo.jsonl", "dpo", _dpo)),
        _configs,
    )
}
