"""A conversation as tokens, and the check that what is trained on is what is served.

Invariant: a row's first `start` tokens are exactly the prompt that the engine would be given.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


class TemplateError(Exception):
    """The tokenizer's chat template cannot be trained with."""


class Tokens(NamedTuple):
    """A row's tokens: the prompt's are those before `start`."""

    ids: list[int]
    start: int


def tokenise(
    tokenizer: Any, prompt: Sequence[Mapping[str, str]], answer: Sequence[Mapping[str, str]]
) -> Tokens:
    """Render a prompt and its answer with the chat template.

    Raises:
        TemplateError: the prompt's tokens are not a prefix of the row's.
    """
    asked = _render(tokenizer, prompt, add_generation_prompt=True)
    whole = _render(tokenizer, [*prompt, *answer], add_generation_prompt=False)
    if whole[: len(asked)] != asked:
        known = next(
            (i for i, (a, b) in enumerate(zip(asked, whole, strict=False)) if a != b), len(whole)
        )
        raise TemplateError(
            "the chat template renders a prompt differently once an answer follows, so training "
            "would learn another context than is served; they part at "
            f"{tokenizer.decode(asked[known:])!r} and "
            f"{tokenizer.decode(whole[known : known + 8])!r}: use a base model whose template "
            "keeps the prompt as it is"
        )
    return Tokens(whole, len(asked))


def _render(
    tokenizer: Any, messages: Sequence[Mapping[str, str]], *, add_generation_prompt: bool
) -> list[int]:
    rendered = tokenizer.apply_chat_template(
        list(messages),
        tokenize=True,
        add_generation_prompt=add_generation_prompt,
        return_dict=True,
    )
    return list(rendered["input_ids"])
