"""A `gr.Blocks` in which a component that nothing happened to costs nothing.

For every update Gradio builds each output that a handler left out anew, with its description and
JSON schema: some 20 ms on a page of thirty parts, several times an answer. Here only what the
handler named goes that way.

Invariant: what the browser is sent is the same, part by part.
"""

from copy import copy
from typing import Any

import gradio as gr
from gradio.blocks import Block, BlockFunction
from gradio.state_holder import SessionState


class Page(gr.Blocks):
    """A page whose handlers return the few components that change, by component."""

    async def postprocess_data(
        self, block_fn: BlockFunction, predictions: Any, state: SessionState | None
    ) -> list[Any]:
        """Return what the browser is sent for each output of a handler."""
        named = _named(block_fn, predictions)
        if not named:
            return await super().postprocess_data(block_fn, predictions, state)
        fewer = copy(block_fn)
        fewer.outputs = named
        values = [predictions[part] for part in named]
        # Gradio takes the value of a lone output without a list around it.
        sent = await super().postprocess_data(fewer, values if len(named) > 1 else values[0], state)
        by_part = dict(zip((part._id for part in named), sent, strict=True))
        return [
            by_part.get(part._id, None if part.stateful else gr.skip()) for part in block_fn.outputs
        ]


def _named(block_fn: BlockFunction, predictions: Any) -> list[Any]:
    """Return the outputs that a handler named; none where it named them in another way."""
    if not isinstance(predictions, dict) or not predictions:
        return []
    if not all(isinstance(part, Block) for part in predictions):
        return []
    named = [part for part in block_fn.outputs if part in predictions]
    # A part that is no output of this handler is a fault of ours: Gradio says so.
    return named if len(named) == len(predictions) < len(block_fn.outputs) else []
