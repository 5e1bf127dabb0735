"""The demo model before it has learned anything: its tokenizer, its shape and its first weights.

Invariant: the tokens of a prompt open the tokens of the prompt with its answer, or training and
serving would see different contexts.
"""

from collections.abc import Sequence
from itertools import chain
from random import Random
from typing import Any

import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from demo.conversation import TEMPLATE, chat
from demo.first_weights import ROTATION_BASE, wire_copying
from demo.model_data import Mix, sheet
from demo.packed_loss import PACKED
from knowledge.prompt import SEARCH_TOOL, Message, block, with_passages

VOCABULARY = 4096
SPECIAL = ("<pad>", "<|im_start|>", "<|im_end|>")
PAD, END = 0, 2
_NUMBER_WEIGHT = 500


def build_tokenizer(seed: int) -> PreTrainedTokenizerFast:
    """Train a byte-level BPE; a number below 1,000 is one token, so that copying it is one choice.

    Digit by digit, a value or an article took three choices, each among many equal digits.
    """
    rng, mix = Random(seed), Mix(1 / 3, (0.2, 0.3, 0.3, 0.2))
    drawn = (sheet(mix, rng) for _ in range(12_000))
    texts = (t for s in drawn for b in s.branches for t in (s.prefix, b.question, b.answer))
    plain = (text.replace("<|im_start|>", "\n").replace("<|im_end|>", "\n") for text in texts)
    # Often enough that every number is worth a token, however rarely policies name it.
    numbers = (f"{number:0{wide}}" for wide in (1, 2, 3) for number in range(10**wide))
    counted = chain(plain, (number for number in numbers for _ in range(_NUMBER_WEIGHT)))
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r"\d{1,3}"), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(counted, trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=SPECIAL[0],
        eos_token=SPECIAL[END],
        model_max_length=2048,
        clean_up_tokenization_spaces=False,
    )
    fast.chat_template = TEMPLATE
    return fast


def build_model(vocabulary: int, seed: int) -> LlamaForCausalLM:
    """Make an untrained model of Llama's shape."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=256,
        intermediate_size=576,
        num_hidden_layers=5,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=2048,
        rope_parameters={"rope_type": "default", "rope_theta": ROTATION_BASE},
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=END,
        pad_token_id=PAD,
        attn_implementation=PACKED,
    )
    model = LlamaForCausalLM(config)
    wire_copying(model)
    return model


def check_prefix(tokenizer: PreTrainedTokenizerFast) -> None:
    """Fail unless the template renders as the data does, and a prompt's tokens open the whole's."""
    messages = [Message(role="user", content="How long is 30 days?")]
    answer = Message(role="assistant", content="30 days.")
    asked = _rendered(tokenizer, messages)
    whole = str(tokenizer.apply_chat_template([*messages, answer], tokenize=False))
    _same(asked, chat(messages))
    offered = [{"type": "function", "function": {"name": SEARCH_TOOL}}]
    _same(_rendered(tokenizer, messages, offered), chat(messages, [SEARCH_TOOL]))
    call = {"type": "function", "function": {"name": SEARCH_TOOL, "arguments": {}}}
    called = {"role": "assistant", "content": "", "tool_calls": [call]}
    found = {"role": "tool", "content": block([])}
    system, question = with_passages(messages, [])
    _same(
        _rendered(tokenizer, [system, *messages, called, found], offered), chat([system, question])
    )
    prompt, full = tokenizer(asked)["input_ids"], tokenizer(whole)["input_ids"]
    if full[: len(prompt)] != prompt:
        raise ValueError("the prompt's tokens do not open the conversation's tokens")


def _rendered(
    tokenizer: PreTrainedTokenizerFast,
    messages: Sequence[Any],
    tools: list[dict[str, Any]] | None = None,
) -> str:
    return str(
        tokenizer.apply_chat_template(
            list(messages), tools=tools, tokenize=False, add_generation_prompt=True
        )
    )


def _same(rendered: str, written: str) -> None:
    if rendered != written:
        raise ValueError(f"the chat template renders {rendered!r}, the training data {written!r}")
