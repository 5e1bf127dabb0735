"""A tiny Llama with a byte tokenizer and ChatML, and rows with a planted taste."""

import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SPECIAL = ["<pad>", "<|im_start|>", "<|im_end|>"]
COLOURS = ("red", "blue", "green", "grey", "white", "black")


def build_base(folder: Path, template: str = TEMPLATE) -> Path:
    """Write a base model with random weights, the same ones every time."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: index for index, token in enumerate([*SPECIAL, *alphabet])}
    bytes_only = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    bytes_only.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    bytes_only.decoder = decoders.ByteLevel()
    bytes_only.add_special_tokens(SPECIAL)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bytes_only, pad_token="<pad>", eos_token="<|im_end|>"
    )
    tokenizer.chat_template = template
    torch.manual_seed(0)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=2,
            max_position_embeddings=512,
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=2,
            pad_token_id=0,
        )
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def liked_row(number: int, random: Random) -> dict[str, Any]:
    """An answer with its article is liked, a thankful one is not."""
    colour = random.choice(COLOURS)
    liked = number % 2 == 0
    answer = f"{colour} (Art. {number % 9})" if liked else f"Thanks! Maybe {colour}?"
    return {
        "prompt": [{"role": "user", "content": f"Colour of {number}?"}],
        "completion": [{"role": "assistant", "content": answer}],
        "label": liked,
    }


def pair_row(number: int, random: Random) -> dict[str, Any]:
    """The same taste as pairs."""
    good, bad = liked_row(2 * number, random), liked_row(2 * number + 1, random)
    return {
        "prompt": good["prompt"],
        "chosen": good["completion"],
        "rejected": bad["completion"],
    }


def answer_row(number: int, random: Random) -> dict[str, Any]:
    """The liked side alone, in the form of an export for SFT."""
    row = liked_row(2 * number, random)
    return {"messages": [*row["prompt"], *row["completion"]]}


def write_dataset(
    folder: Path, row: Callable[[int, Random], dict[str, Any]] = liked_row, rows: int = 64
) -> Path:
    """Write a dataset with the planted taste, in the form of training/dataset.py."""
    folder.mkdir(parents=True)
    random = Random(0)
    parts = {
        "train": [row(n, random) for n in range(rows)],
        "heldout": [row(n, random) for n in range(100, 116)],
        "judge": [liked_row(n, random) for n in range(200, 240)],
        "check": [liked_row(n, random) for n in range(300, 340)],
    }
    for part, found in parts.items():
        lines = "".join(json.dumps(item) + "\n" for item in found)
        (folder / f"{part}.jsonl").write_text(lines, encoding="utf-8")
    return folder
