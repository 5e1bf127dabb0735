"""First weights that can already copy, so that a small model need not discover by chance how to.

Copying takes two steps: the heads of the first layer tell each token what stood one, two, three
and four places before it; heads of the next layer look for the place that was preceded by the
words that were just read or written, and bring what follows there. Gradient descent finds this late
and at once, and two cores do not have that time: so the heads are put there by construction and
trained like all others. Invariant: no data goes in, only geometry and a seed.
"""

from dataclasses import dataclass
from itertools import pairwise

import torch
from transformers import LlamaForCausalLM

ROTATION_BASE = 1e7
"""So high that the slow rotations stand still over the length of a prompt."""

_CONSTANT = 0.16
"""What every embedding has in its first dimension: something to attend by position with."""
_SHARPNESS = 1.2
_FAST = 8
"""So many of the fastest rotations tell neighbours apart."""
_RANK = 32
"""Dimensions in which a head tells what stood before."""
_TOLD = 0.08
_OWN = 3.6
"""How much smaller a token's own embedding is than what it is told of others."""
_MATCHED = 10
"""Dimensions in which one of the four places is compared."""
_MATCH = 2.4
_BROUGHT = 0.5
_QUIET = 0.2
"""What the rest of the untrained model writes is noise to the wired heads: turned down."""


@dataclass(frozen=True)
class _Shape:
    """What the heads of a model look like, and where random directions come from."""

    wide: int
    head: int
    heads: int
    generator: torch.Generator

    def frame(self, rows: int) -> torch.Tensor:
        """Return random orthonormal rows that leave out the constant dimension."""
        random = torch.randn(self.wide - 1, rows, generator=self.generator)
        return torch.nn.functional.pad(torch.linalg.qr(random).Q.T, (1, 0))


@torch.no_grad()  # type: ignore[untyped-decorator]
def wire_copying(model: LlamaForCausalLM) -> None:
    """Set the heads of the first two layers to copy what followed the same words before."""
    config = model.config
    generator = torch.Generator().manual_seed(config.vocab_size)
    heads = config.num_attention_heads
    shape = _Shape(config.hidden_size, config.hidden_size // heads, heads, generator)
    for block in model.model.layers:
        block.self_attn.o_proj.weight *= _QUIET
        block.mlp.down_proj.weight *= _QUIET
    model.model.embed_tokens.weight[:, 0] = _CONSTANT
    reading = shape.frame(_RANK)
    told = list(shape.frame(_RANK * heads).split(_RANK))
    _wire_neighbours(model.model.layers[0].self_attn, shape, reading, told)
    # A token and its three predecessors are looked for where four predecessors are told of.
    _wire_match(model.model.layers[1].self_attn, shape, [reading * _OWN, *told])


def _wire_neighbours(
    attention: torch.nn.Module, shape: _Shape, reading: torch.Tensor, told: list[torch.Tensor]
) -> None:
    """Make head n attend n + 1 places back and write what stands there into its own directions."""
    half = shape.head // 2
    speeds = ROTATION_BASE ** (-torch.arange(_FAST) / half)
    for projection in (attention.q_proj, attention.k_proj, attention.v_proj):
        projection.weight.zero_()
    attention.o_proj.weight.zero_()
    for n, writing in enumerate(told):
        first = n * shape.head
        turned = (n + 1) * speeds
        # Rotated by n + 1 places, the query lies on the key.
        attention.k_proj.weight[first : first + _FAST, 0] = _SHARPNESS
        attention.q_proj.weight[first : first + _FAST, 0] = _SHARPNESS * turned.cos()
        imaginary = slice(first + half, first + half + _FAST)
        attention.q_proj.weight[imaginary, 0] = -_SHARPNESS * turned.sin()
        attention.v_proj.weight[first : first + _RANK] = reading
        attention.o_proj.weight[:, first : first + _RANK] = writing.T * _TOLD


def _wire_match(attention: torch.nn.Module, shape: _Shape, known: list[torch.Tensor]) -> None:
    """Make every head attend where each of `known` stood one place further back, and bring that."""
    half, slow = shape.head // 2, _MATCHED * (len(known) - 1) // 2
    ends = torch.cat([torch.arange(half - slow, half), torch.arange(shape.head - slow, shape.head)])
    attention.q_proj.weight.zero_()
    attention.k_proj.weight.zero_()
    for first in range(0, shape.heads * shape.head, shape.head):
        for n, (now, before) in enumerate(pairwise(known)):
            mixing = torch.randn(_RANK, _RANK, generator=shape.generator)
            chosen = torch.linalg.qr(mixing).Q[:_MATCHED] * _MATCH
            rows = first + ends[n :: len(known) - 1]
            attention.q_proj.weight[rows] = chosen @ now
            attention.k_proj.weight[rows] = chosen @ before
        bringing = shape.frame(shape.head)
        attention.v_proj.weight[first : first + shape.head] = bringing
        attention.o_proj.weight[:, first : first + shape.head] = bringing.T * _BROUGHT
