"""LLaMA-Factory: ShareGPT conversations with `dataset_info.json`, for SFT, preferences and KTO.

The shapes are those of its data/README.md and of `SharegptDatasetConverter` in
src/llamafactory/data/converter.py: turns alternate, and a conversation with an answer has an even
number of them. A row that breaks this is skipped there without an error, so it is left out here.
It trains on every answer of a conversation unless `mask_history: true` is set.
"""

import json
from collections.abc import Sequence

from feedback.formats.shape import Format, Part, Row, Summary, Unfit
from feedback.formats.turns import system_and_turns
from feedback.types import Message

ASKING = ("human", "observation")
ANSWERING = ("gpt", "function_call")
JOINT = "\n</tool_response>\n<tool_response>\n"
"""Between results of functions that were called at once, as its own converter joins them."""


def _conversation(messages: Sequence[Message], *, answered: bool) -> Row:
    """Write a conversation as ShareGPT has it; `answered`: it ends in an answer.

    Raises:
        Unfit: question and answer do not alternate.
    """
    system, messages = system_and_turns(messages)
    turns: list[dict[str, str]] = []
    for message in messages:
        turn = _turn(message)
        if turn["from"] == "observation" and turns and turns[-1]["from"] == "observation":
            turns[-1]["value"] += JOINT + turn["value"]
        else:
            turns.append(turn)
    alternate = all(turn["from"] in (ASKING, ANSWERING)[at % 2] for at, turn in enumerate(turns))
    if not turns or not alternate or (len(turns) % 2 == 0) != answered:
        raise Unfit("questions and answers do not alternate")
    return {"conversations": turns, "system": system}


def _turn(message: Message) -> dict[str, str]:
    if calls := message.get("tool_calls"):
        if message["content"].strip():
            raise Unfit("a message both speaks and calls functions")
        called = [call.get("function", {}) for call in calls]
        return {"from": "function_call", "value": json.dumps(called, ensure_ascii=False)}
    names = {"user": "human", "assistant": "gpt", "tool": "observation"}
    if message["role"] not in names:
        raise Unfit("a message is of nobody that the format knows")
    return {"from": names[message["role"]], "value": message["content"]}


def _sft(row: Row) -> Row:
    return _conversation(row["messages"], answered=True)


def _dpo(row: Row) -> Row:
    sides = {side: _turn(row[side][0]) for side in ("chosen", "rejected")}
    return _conversation(row["prompt"], answered=False) | sides


def _kto(row: Row) -> Row:
    messages = [*row["prompt"], *row["completion"]]
    return _conversation(messages, answered=True) | {"kto_tag": row["label"]}


def _dataset_info(summary: Summary) -> dict[str, str]:
    columns = {"messages": "conversations", "system": "system"}
    info = {
        "ratchet_sft": {"file_name": "sft.jsonl", "formatting": "sharegpt", "columns": columns},
        "ratchet_dpo": {
            "file_name": "dpo.jsonl",
            "formatting": "sharegpt",
            "ranking": True,
            "columns": columns | {"chosen": "chosen", "rejected": "rejected"},
        },
        "ratchet_kto": {
            "file_name": "kto.jsonl",
            "formatting": "sharegpt",
            "columns": columns | {"kto_tag": "kto_tag"},
        },
    }
    return {"dataset_info.json": json.dumps(info, indent=2) + "\n"}


FORMATS = {
    "llamafactory": Format(
        "LLaMA-Factory: sft, dpo and kto with dataset_info.json",
        (
            Part("sft.jsonl", "sft", _sft),
            Part("dpo.jsonl", "dpo", _dpo),
            Part("kto.jsonl", "kto", _kto),
        ),
        _dataset_info,
    )
}
