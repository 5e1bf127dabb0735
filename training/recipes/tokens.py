"""A conversation as tokens, and the checks that what is trained on is what is served.

Chat templates write something behind the token that ends an answer, often a line break. The engine
stops before it, so nobody ever sees it; but a trainer that counts it lets a model win reward for
getting better at it, and then nothing else is learned. So an answer ends where the engine ends it.

Invariant: a row's first `start` tokens are exactly the prompt that the engine would be given, and
its last one is the last that the engine would return.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

ANSWERS = ("completion_ids", "KL_completion_ids", "chosen_ids", "rejected_ids")
"""Columns of TRL's prepared datasets that hold an answer's tokens."""


class TemplateError(Exception):
    """The tokenizer's chat template cannot be trained with."""


class Tokens(NamedTuple):
    """A row's tokens: the prompt's are those before `start`."""

    ids: list[int]
    start: int


def tokenise(
    tokenizer: Any,
    prompt: Sequence[Mapping[str, str]],
    answer: Sequence[Mapping[str, str]],
    ends: Collection[int],
) -> Tokens:
    """Render a prompt and its answer with the chat template, up to the answer's end.

    Raises:
        TemplateError: the prompt's tokens are not a prefix of the row's.
    """
    asked = _render(tokenizer, prompt, add_generation_prompt=True)
    whole = _render(tokenizer, [*prompt, *answer], add_generation_prompt=False)
    if whole[: len(asked)] != asked:
        pairs = zip(asked, whole, strict=False)
        known = next((i for i, (a, b) in enumerate(pairs) if a != b), len(whole))
        raise TemplateError(
            "the chat template renders a prompt differently once an answer follows, so training "
            "would learn another context than is served; they part at "
            f"{tokenizer.decode(asked[known:])!r} and "
            f"{tokenizer.decode(whole[known : known + 8])!r}: use a base model whose template "
            "keeps the prompt as it is"
        )
    return Tokens([*asked, *up_to_end(whole[len(asked) :], ends)], len(asked))


def end_tokens(model: Any, tokenizer: Any) -> frozenset[int]:
    """Return the tokens at which the engine ends an answer."""
    configured = model.generation_config.eos_token_id
    ends = configured if isinstance(configured, list) else [configured]
    return frozenset(end for end in (*ends, tokenizer.eos_token_id) if end is not None)


def up_to_end(answer: Sequence[int], ends: Collection[int]) -> list[int]:
    """Cut what the template wrote behind an answer's last end token."""
    for index in range(len(answer), 0, -1):
        if answer[index - 1] in ends:
            return list(answer[:index])
    return list(answer)


def ending_answers(
    collate: Callable[[list[dict[str, Any]]], Any], ends: Collection[int]
) -> Callable[[list[dict[str, Any]]], Any]:
    """Let one of TRL's collators see answers up to their end only."""

    def collate_ended(examples: list[dict[str, Any]]) -> Any:
        return collate(
            [
                {k: up_to_end(v, ends) if k in ANSWERS else v for k, v in example.items()}
                for example in examples
            ]
        )

    return collate_ended


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
