"""The base model as every recipe loads it: where it is computed, and how exactly.

Invariant: what is measured or trained is in float32 on a CPU and in bfloat16 on a GPU, as the
engine serves it; whatever is faster for the matrix products in between does not change that.
"""

import resource
from functools import cache
from typing import Any, NamedTuple

import peft
import torch
import transformers
import trl
from torch.utils.benchmark import Timer
from transformers import AutoModelForCausalLM, AutoTokenizer

from training.chat_template import without_thinking
from training.recipes.tokens import end_tokens


class Base(NamedTuple):
    """The base model as it was loaded, and the tokens that end its answers."""

    model: Any
    tokenizer: Any
    ends: frozenset[int]


def device() -> str:
    """Return where training happens: the GPU where there is one."""
    return "cuda" if torch.cuda.is_available() else "cpu"


@cache
def computes_in_bfloat16() -> bool:
    """Say whether matrices are multiplied in bfloat16: on a GPU, and on a CPU that gains by it.

    On a CPU parameters, sums and losses stay float32. What the CPU claims to support does not tell:
    some with bfloat16 instructions take twice as long with them, so it is tried (20 ms).
    """
    return device() == "cuda" or _seconds(torch.bfloat16) < _seconds(torch.float32)


def _seconds(dtype: torch.dtype) -> float:
    """Return how long a matrix product of a small model's size takes."""
    factors = {"a": torch.ones(512, 256, dtype=dtype), "b": torch.ones(256, 1024, dtype=dtype)}
    return float(Timer("a @ b", globals=factors).timeit(20).mean)


def load_base(base_model: str, *, moving: bool = False) -> Base:
    """Load the base model and its tokenizer: float32 on a CPU, bfloat16 on a GPU.

    With `moving`, for a training of every weight, float32 there too: small steps would be lost.
    """
    dtype = torch.bfloat16 if device() == "cuda" and not moving else torch.float32
    tokenizer = AutoTokenizer.from_pretrained(base_model)
    tokenizer.chat_template = without_thinking(tokenizer.chat_template)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    model = AutoModelForCausalLM.from_pretrained(base_model, dtype=dtype).to(device())
    return Base(model, tokenizer, end_tokens(model, tokenizer))


def peak_bytes() -> int:
    """Return the most memory that this process held: the GPU's where there is one."""
    if device() == "cuda":
        return torch.cuda.max_memory_allocated()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def versions() -> dict[str, str]:
    """Return the versions of what a result depends on."""
    modules = (torch, transformers, trl, peft)
    return {module.__name__: str(module.__version__) for module in modules}
